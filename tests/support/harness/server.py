"""A broker as a child process: started on ports of its own choosing, stopped for certain.

The binary is $NATRIX_BROKER, by default build/bin/nats-server. Any program with nats-server's process
contract will do, so the same tests can be held against nats-server itself.
"""
import json
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
START_TIMEOUT_S = 15
STOP_TIMEOUT_S = 15


def binary():
    return os.environ.get("NATRIX_BROKER") or str(ROOT / "build/bin/nats-server")


def nats_server():
    """The real one, which bench/get-nats-server fetches: $NATS_SERVER or the cache; None without."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    path = os.environ.get("NATS_SERVER") or str(cache / "natrix/bin/nats-server")
    return path if os.access(path, os.X_OK) else None


def wait_until(condition, timeout=10.0, what="the condition", interval=0.02):
    """Polls until `condition()` is truthy and returns that value; fails loudly otherwise."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"after {timeout} s still not: {what() if callable(what) else what}")
        time.sleep(interval)


class Server:
    """One process. `config` is the text of a configuration file (ports as -1 unless given), `args`
    are further flags. Ports are read from the ports file, so nothing is ever fixed."""

    def __init__(self, folder, config="", args=(), name="server", ports=True, wait=True, env=None,
                 program=None):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.name = name
        self.config = config
        self.args = list(args)
        self.env = env or {}
        self.program = program or binary()
        self.config_path = self.folder / f"{name}.conf"
        self.log_path = self.folder / f"{name}.log"
        self.process = None
        self.ports = {}
        self._write_ports = ports
        self.start(wait)

    # --- life

    def command(self):
        command = [self.program]
        if self.config or self._write_ports:
            text = self.config
            if self._write_ports:
                text += f'\nports_file_dir: "{self.folder}"\n'
            self.config_path.write_text(text)
            command += ["-c", str(self.config_path)]
        return command + self.args

    def start(self, wait=True):
        self.ports = {}
        self._log = open(self.log_path, "ab")
        self._log_start = self.log_path.stat().st_size
        self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, cwd=self.folder,
                                        stdout=self._log, stderr=subprocess.STDOUT,
                                        env={**os.environ, **self.env})
        if wait:
            self.wait_ready()

    def wait_ready(self):
        wait_until(lambda: self.running_or_fail() and "Server is ready" in self.log(),
                   START_TIMEOUT_S, lambda: f"{self.name} is ready; its log:\n{self.log()}")
        if self._write_ports:
            self.ports = wait_until(self.read_ports, START_TIMEOUT_S, "the ports file is there")

    def running_or_fail(self):
        code = self.process.poll()
        if code is not None:
            raise AssertionError(f"{self.name} ended with {code}; its log:\n{self.log()}")
        return True

    def ports_file(self):
        """The prefix is the base name of argv[0], which only the pid lets us find in any case."""
        found = list(self.folder.glob(f"*_{self.process.pid}.ports"))
        return found[0] if found else None

    def read_ports(self):
        path = self.ports_file()
        return json.loads(path.read_text()) if path else None

    def send_signal(self, number):
        self.process.send_signal(number)

    def wait(self, timeout=STOP_TIMEOUT_S):
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} still runs after {timeout} s; log:\n{self.log()}") from None

    def stop(self, number=signal.SIGINT):
        """Ends it and returns the exit code; a process that is already gone is fine."""
        if self.process.poll() is None:
            self.send_signal(signal.SIGCONT)  # a test may have stopped it
            self.send_signal(number)
        code = self.wait()
        self._log.close()
        return code

    def kill(self):
        self.stop(signal.SIGKILL)

    def discard(self):
        """For fixtures: gone afterwards, whatever state the test left it in."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._log.close()

    # --- what it says

    def log(self):
        """Since the last start."""
        return self.log_path.read_bytes()[self._log_start:].decode(errors="replace")

    def wait_log(self, text, timeout=10.0):
        wait_until(lambda: text in self.log(), timeout, lambda: f'"{text}" in the log:\n{self.log()}')

    # --- addresses

    def url(self, kind="nats"):
        return self.ports[kind][0]

    def port(self, kind="nats"):
        return int(self.url(kind).rsplit(":", 1)[1])

    # --- monitoring

    def http(self, path, timeout=5.0, context=None):
        """(status, headers, body) of a GET on the monitoring port; `context` for HTTPS."""
        try:
            with urllib.request.urlopen(self.url("monitoring") + path, timeout=timeout,
                                        context=context) as answer:
                return answer.status, answer.headers, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read().decode()

    def json(self, path, context=None):
        status, _, body = self.http(path, context=context)
        assert status == 200, f"GET {path}: {status} {body}"
        return json.loads(body)


BASE_CONFIG = """
host: 127.0.0.1
port: -1
http: "127.0.0.1:-1"
"""


class Factory:
    """Starts servers for one test and ends them all with it."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.servers = []

    def __call__(self, config="", base=BASE_CONFIG, **options):
        name = options.pop("name", f"s{len(self.servers) + 1}")
        server = Server.__new__(Server)  # registered before it can fail to start
        self.servers.append(server)
        server.__init__(self.folder / name, base + config, name=name, **options)
        return server

    def close(self):
        for server in self.servers:
            if getattr(server, "process", None):
                server.discard()


def run_to_end(args, timeout=10, cwd=None, env=None):
    """Runs the binary with flags that make it end by itself (-v, -t, errors)."""
    return subprocess.run([binary(), *args], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=timeout, cwd=cwd, env={**os.environ, **(env or {})})
