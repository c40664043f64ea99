"""crashfs as a process: mounted, given orders, unmounted (tests/crash/disk/control.h has the orders)."""
import asyncio
import json
import os
import tempfile
from pathlib import Path


class CannotMount(Exception):
    """This machine does not let us mount a file system."""


class Disk:
    def __init__(self, program, rule, seed):
        self.program = program
        self.rule = rule
        self.seed = seed
        self.root = Path(tempfile.mkdtemp(prefix="crashfs-"))
        self.process = None
        self.answers = asyncio.Queue()
        self.frozen = None  # a future while a freeze is ordered
        self.reader = None

    async def __aenter__(self):
        self.process = await asyncio.create_subprocess_exec(
            self.program, str(self.root), self.rule, str(self.seed), stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, start_new_session=True)
        first = await self.process.stdout.readline()
        if b"mounted" not in first:
            why = (await self.process.stderr.read()).decode().strip()
            await self.process.wait()
            self.root.rmdir()
            raise CannotMount(why)
        self.reader = asyncio.create_task(self.read())
        return self

    async def __aexit__(self, *_):
        self.process.stdin.close()
        await self.process.wait()
        self.reader.cancel()
        self.root.rmdir()

    async def read(self):
        async for line in self.process.stdout:
            event = json.loads(line)
            if "event" not in event:
                self.answers.put_nowait(event)
            elif event["event"] == "frozen" and self.frozen and not self.frozen.done():
                self.frozen.set_result(event["op"])
        self.answers.put_nowait(None)

    async def order(self, text):
        self.process.stdin.write(text.encode() + b"\n")
        await self.process.stdin.drain()
        answer = await self.answers.get()
        if not answer or not answer["ok"]:
            raise RuntimeError(f"crashfs: {text}: {'it is gone' if answer is None else 'not understood'}")
        return answer

    async def freeze(self, op, count):
        """A future with the operation at which the disk stands still from then on."""
        self.frozen = asyncio.get_running_loop().create_future()
        await self.order(f"freeze {op} {count}")
        return self.frozen

    async def release(self):
        await self.order("release")
        self.frozen = None

    async def cut(self, seed):
        return await self.order(f"cut {seed}")

    async def stats(self):
        return await self.order("stats")

    def files(self):
        """All files, as paths relative to the root, sorted."""
        found = []
        for folder, _, names in os.walk(self.root):
            found += [str((Path(folder) / name).relative_to(self.root)) for name in names]
        return sorted(found)
