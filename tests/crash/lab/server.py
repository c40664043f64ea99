"""The broker under test as a process whose files are on the disk that forgets."""
import asyncio
import os
import signal
import socket
import time

from .client import ApiError, Client, Lost

START_TIMEOUT_S = 30


class DidNotStart(Exception):
    """It ended or stayed silent; the text says which and ends with its last log lines."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """`clock` is a clock.Clock if the server's clock shall be able to jump."""

    def __init__(self, program, disk, folder, sync, clock=None):
        self.program = program
        self.disk = disk
        self.folder = folder  # for the configuration and the log: not on the disk
        self.sync = sync
        self.clock = clock
        self.process = None
        self.port = None
        self.starts = 0
        self.log = folder / "server.log"

    def configuration(self):
        sync = "" if self.sync == "default" else f"  sync_interval: {self.sync}\n"
        return (f"listen: 127.0.0.1:{self.port}\n"
                f"jetstream {{\n  store_dir: {self.disk.root}/store\n{sync}"
                f"  max_file_store: 8GB\n  max_memory_store: 64MB\n}}\n")

    async def start(self, wait=True):
        """Returns the seconds until JetStream answered."""
        self.port = free_port()
        path = self.folder / "server.conf"
        path.write_text(self.configuration())
        self.starts += 1
        begun = time.monotonic()
        with open(self.log, "ab") as log:
            log.write(f"--- start {self.starts}\n".encode())
            environment = dict(os.environ, **(self.clock.environment() if self.clock else {}))
            self.process = await asyncio.create_subprocess_exec(
                "setpriv", "--pdeathsig", "KILL", self.program, "-c", str(path), stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
                env=environment, start_new_session=True)
        if wait:
            await self.wait_until_ready()
        return time.monotonic() - begun

    async def wait_until_ready(self):
        end = time.monotonic() + START_TIMEOUT_S
        why = "nothing listened"
        while time.monotonic() < end:
            if self.process.returncode is not None:
                raise DidNotStart(f"exit code {self.process.returncode}\n{self.log_tail()}")
            client = None
            try:
                client = await Client.connect(self.port, 1)
                await client.api("INFO", timeout=1)
                return
            except (OSError, Lost, ApiError, asyncio.TimeoutError) as error:
                why = repr(error)
                await asyncio.sleep(0.03)
            finally:
                if client:
                    client.close()
        raise DidNotStart(f"silent for {START_TIMEOUT_S} s: {why}\n{self.log_tail()}")

    def log_of_this_start(self):
        return self.log.read_text(errors="replace").rpartition(f"--- start {self.starts}\n")[2]

    def log_tail(self, lines=12):
        return "\n".join(self.log_of_this_start().splitlines()[-lines:])

    def signal(self, number):
        if self.process and self.process.returncode is None:
            self.process.send_signal(number)

    async def kill(self):
        """Ends it at once. If the disk stands still, the held operation is let go first: the process
        cannot come back from it, and only then can it end."""
        self.signal(signal.SIGKILL)
        await self.disk.release()
        await self.process.wait()

    async def terminate(self, timeout=20):
        """As an operator would; False if it had to be killed."""
        self.signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self.process.wait(), timeout)
            return True
        except asyncio.TimeoutError:
            await self.kill()
            return False
