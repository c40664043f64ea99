"""One run: a disk, a server on it, faults one after the other, and what came of them."""
import asyncio
import pickle
import random
import shutil
import time

from . import damage
from .check import KINDS, Check, Findings, StreamGone
from .client import ApiError, Client, Lost
from .faults import FAULTS, Unwell
from .load import Load, drain
from .server import DidNotStart, Server
from .setup import Expectations, create_all

# How often each fault is drawn, and those that have to be asked for by name because of the time they take.
WEIGHTS = {"cut": 6, "cut-at": 8, "cut-starting": 4, "kill": 2, "term": 1, "full": 2, "io-error": 3,
           "damage": 3, "clock": 1, "pause": 1}
DRAIN_EVERY = 12  # faults
SAVED_MAX = 20  # failures whose disk is kept


class Lab:
    def __init__(self, options, disk, say, clock=None):
        self.options = options
        self.disk = disk
        self.say = say
        self.dice = random.Random(options.seed)
        self.server = Server(options.server, disk, options.folder, options.sync, clock)
        self.expected = Expectations()
        self.totals = Findings()
        self.tried = {}  # fault -> how often
        self.broken = []  # texts: did not start, did not come back
        self.by_damage = {"files": 0, "lost": 0, "silent": 0, "streams gone": 0}
        self.acked = 0
        self.confirmed = 0
        self.start_s = []
        self.conflicts = []
        self.expected_then = b""
        self.saved = 0
        self.log_of_damage = ""
        self.note = ""  # what the fault under way did

    # --- the server

    async def start(self):
        await self.disk.order("keep")
        self.expected_then = pickle.dumps(self.expected)  # a check changes them
        self.start_s.append(await self.server.start())

    async def begin_anew(self):
        """An empty store with new streams."""
        if self.server.process and self.server.process.returncode is None:
            await self.server.kill()
        self.acked += self.expected.acked
        self.confirmed += self.expected.confirmed
        self.expected = Expectations()
        await self.disk.order("capacity max")
        shutil.rmtree(self.disk.root / "store", ignore_errors=True)
        await self.disk.order("sync")
        await self.start()
        client = await Client.connect(self.server.port)
        try:
            await create_all(client, self.expected)
        finally:
            client.close()
        if self.options.settle:
            await self.disk.order("sync")

    async def check(self, findings):
        client = await Client.connect(self.server.port)
        try:
            await Check(client, self.expected, findings).run()
        finally:
            client.close()

    # --- faults

    def plan(self):
        """Endless names of faults: drawn, but so that each comes early."""
        names = [n for n in self.options.only or WEIGHTS
                 if n != "clock" or self.server.clock]
        shuffled = sorted(names, key=lambda name: (name == "pause", self.dice.random()))
        while True:
            yield from shuffled
            drawn = self.dice.choices(names, [WEIGHTS[n] for n in names], k=3 * len(names))
            shuffled = [n for i, n in enumerate(drawn) if n != "pause" or i % 4 == 0]

    async def run(self):
        end = time.monotonic() + 60 * self.options.minutes if self.options.minutes else None
        await self.begin_anew()
        for number, fault in enumerate(self.plan(), 1):
            if (number > self.options.faults) if end is None else (time.monotonic() > end):
                break
            await self.one(number, fault)
            if number % DRAIN_EVERY == 0:
                await self.drain(number)
        if not self.options.expect_loss:
            await self.drain("the end")
        await self.server.terminate()
        self.acked += self.expected.acked
        self.confirmed += self.expected.confirmed

    async def one(self, number, fault):
        seed = self.dice.getrandbits(48)
        dice = random.Random(seed)
        self.tried[fault] = self.tried.get(fault, 0) + 1
        findings = Findings()
        before = self.acked + self.expected.acked
        self.note, problem = "", None
        try:
            await (self.damage(dice, findings) if fault == "damage"
                   else self.fault(fault, dice, seed, findings))
        except (DidNotStart, Unwell, StreamGone, Lost, ApiError, OSError, asyncio.TimeoutError) as error:
            problem = f"{type(error).__name__}: {error}"
        for conflict in self.conflicts:
            findings.add("acks lost" if "delivered again" in conflict else "wrong", conflict)
        self.conflicts = []
        acked = self.acked + self.expected.acked - before
        self.say(f"{number:5} {fault:12} {acked:6} acked  start {self.start_s[-1]:.2f} s  {self.note}")
        await self.judge(number, fault, findings, problem)

    async def judge(self, number, fault, findings, problem):
        for kind in KINDS:
            self.totals.counts[kind] += findings.counts[kind]
        self.totals.messages_read += findings.messages_read
        for line in findings.texts:
            self.say(f"      !! {line}")
            self.totals.texts.append(f"fault {number} ({fault}): {line}")
        if problem:
            self.say("      !! " + problem.replace("\n", "\n         "))
            self.broken.append(f"fault {number} ({fault}): {problem}")
        if findings.any or problem:
            await self.save(number)
        if problem:
            await self.begin_anew()

    async def fault(self, name, dice, seed, findings):
        async with Load(self.server.port, self.expected, seed, self.conflicts.append, self.options.rate) as load:
            self.note = await FAULTS[name](self, load, dice)
            await load.stop()
        await self.disk.release()
        if self.server.process.returncode is not None:
            await self.start()
        await self.check(findings)

    async def damage(self, dice, findings):
        """The messages that it costs are counted apart; wrong bytes, a server that does not start and
        losses afterwards are failures as ever. Ends with a new store."""
        for _ in range(dice.choice((0, 2, 7))):  # so that there are files of every age and kind
            await self.some_load(dice, 0.1, 0.5)
            await self.start()
            await self.check(findings)
        await self.some_load(dice, 0.5, 1.5)
        files = self.disk.files()
        done = damage.do_damage(self.disk.root, files, dice)
        if done is None:
            raise StreamGone("the store has no files")
        name, what = done
        await self.disk.order("sync")
        self.note = f"{name}: {what}"
        self.by_damage["files"] += 1
        await self.start()
        seen = Findings()
        try:
            try:
                await self.check(seen)
            finally:
                self.log_of_damage = self.server.log_of_this_start()
            await self.after_damage(dice, findings)
        except StreamGone as error:
            self.by_damage["streams gone"] += 1
            self.note += f"; stream {error} gone"
        lost = sum(seen.counts[k] for k in ("lost", "acks lost", "changes lost"))
        self.by_damage["lost"] += lost
        findings.messages_read += seen.messages_read
        # A count that does not agree with what is there is a consequence; other bytes never are.
        for line in seen.texts:
            if "not the bytes that were sent" in line:
                findings.add("wrong", line)
        told = name.rpartition("/")[2] in self.log_of_damage
        if lost and not told:
            self.by_damage["silent"] += 1
            if self.options.strict and not damage.may_be_silent(name, files):
                raise Unwell(f"{lost} lost, and no line of the log names {name}")
        self.note += f"; {lost} lost, {'reported' if told else 'not reported'}"
        await self.begin_anew()

    async def some_load(self, dice, least_s, most_s):
        """Ends with a power cut; the server is down."""
        async with Load(self.server.port, self.expected, dice.getrandbits(48), self.conflicts.append,
                        self.options.rate) as load:
            await asyncio.sleep(dice.uniform(least_s, most_s))
            await self.server.kill()
        await self.disk.cut(dice.getrandbits(48))

    async def after_damage(self, dice, findings):
        """What is written after damage was found is as safe as ever, and what was left stays. What was
        confirmed before may have been forgotten with the damage."""
        for consumer in self.expected.consumers.values():
            consumer.confirmed.clear()
        await self.some_load(dice, 0.2, 0.8)
        await self.start()
        await self.check(findings)

    async def drain(self, when):
        """Everything that is there has to reach the consumers."""
        findings = Findings()
        try:
            late = await drain(self.server.port, self.expected, 1, self.conflicts.append)
            for line in late:
                findings.add("wrong", f"draining: {line}")
            client = await Client.connect(self.server.port)
            await Check(client, self.expected, findings).all_delivered()
            client.close()
            problem = None
        except (Lost, ApiError, OSError, asyncio.TimeoutError) as error:
            problem = f"draining: {type(error).__name__}: {error}"
        for conflict in self.conflicts:
            findings.add("acks lost", conflict)
        self.conflicts = []
        await self.judge(when, "drain", findings, problem)

    # --- failures

    async def save(self, number):
        """The disk as it was before the last start, and what was expected of it."""
        self.saved += 1
        if self.saved > SAVED_MAX:
            return
        folder = self.options.results / f"{self.options.seed}-{number}"
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "image").mkdir(parents=True)
        await self.disk.order(f"save {folder}/image")
        if len(self.start_s) > 1:  # and the one before that: what the server made of it may be the cause
            (folder / "image-before").mkdir()
            await self.disk.order(f"save-before {folder}/image-before")
        (folder / "expected.pickle").write_bytes(self.expected_then)
        (folder / "server.log").write_text(self.server.log_of_this_start())
        self.say(f"         kept in {folder}")
