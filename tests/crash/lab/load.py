"""The load: publishers with many and with one message in flight, consumers, a bucket of keys, streams
that come and go. Everything that is answered goes into the journals."""
import asyncio
import json
import random

from .client import ApiError, Client, Lost
from .journal import payload

ANSWER_TIMEOUT_S = 30  # longer than the longest pause of a server


class Load:
    """Runs against one life of a server, until stop() or until the connection ends. `complain` is
    called with a text for promises that contradict each other."""

    def __init__(self, port, expected, seed, complain, rate=3000):
        self.port = port
        self.expected = expected
        self.dice = random.Random(seed)
        self.complain = complain
        self.pause_s = 32 / rate  # after each 32 messages of a publisher
        self.client = None
        self.tasks = []
        self.stopping = False
        self.refusals = {}  # text of an error answer -> how often
        self.acked_now = 0

    async def __aenter__(self):
        self.client = await Client.connect(self.port)
        windows = {"LIM": 256, "BIG": 32, "ONE": 1, "WQ": 64}
        for name, journal in self.expected.streams.items():
            self.tasks.append(asyncio.create_task(self.publish(journal, windows[name])))
        for journal in self.expected.consumers.values():
            self.tasks.append(asyncio.create_task(self.consume(journal)))
        self.tasks.append(asyncio.create_task(self.put_keys(self.expected.keys)))
        if self.expected.batches.supported:
            self.tasks.append(asyncio.create_task(self.put_batches(self.expected.batches)))
        self.tasks.append(asyncio.create_task(self.churn(self.expected.churn)))
        return self

    async def __aexit__(self, *_):
        await self.stop()

    async def stop(self, wait=False):
        """With `wait`, answers that are still to come are waited for."""
        self.stopping = True
        if wait and not self.client.is_lost:
            await asyncio.wait(self.tasks, timeout=ANSWER_TIMEOUT_S)
        for task in self.tasks:
            task.cancel()
        results = await asyncio.gather(*self.tasks, return_exceptions=True)
        self.tasks = []
        self.client.close()
        for result in results:
            if isinstance(result, Exception) and not isinstance(result, (Lost, asyncio.TimeoutError)):
                raise result

    @property
    def over(self):
        return self.stopping or self.client.is_lost

    def size(self, name):
        if name == "BIG":
            return self.dice.choice((5_000, 20_000, 60_000, 100_000))
        return self.dice.choice((0, 10, 128, 128, 500, 1000, 4000))

    def refuse(self, text):
        self.refusals[text] = self.refusals.get(text, 0) + 1

    # --- publishing

    async def publish(self, journal, window):
        free = asyncio.Semaphore(window)
        again = sorted(journal.unknown.items()) if journal.dedupe else []
        count = 0
        while not self.over:
            await free.acquire()
            if again:
                number, size = again.pop(0)
            else:
                number, size = journal.next_number, self.size(journal.name)
                journal.next_number += 1
            self.publish_one(journal, number, size, free)
            count += 1
            if count % 32 == 0 or window == 1:
                await self.client.writable.wait()
                await asyncio.sleep(self.pause_s if window > 1 else 0.002)
        for _ in range(window):  # the answers
            await asyncio.wait_for(free.acquire(), ANSWER_TIMEOUT_S)

    def publish_one(self, journal, number, size, free):
        journal.sent(number, size)

        def answered(message):
            free.release()
            if message is None:
                return
            if message.status() == "503":
                self.refuse("no responders")
                return
            answer = json.loads(message.data)
            if "error" in answer:
                journal.on_refused(number)
                self.refuse(f"{answer['error'].get('err_code')} {answer['error'].get('description')}")
                return
            self.acked_now += 1
            complaint = journal.on_acked(number, answer["seq"])
            if complaint:
                self.complain(f"{journal.name}: {complaint}")

        headers = {"Nats-Msg-Id": f"{journal.name}-{number}"} if journal.dedupe else None
        subject = f"{journal.name}.{number % 50}"
        self.client.ask(subject, payload(journal.name, number, size), answered, headers)

    async def put_keys(self, keys):
        while not self.over:
            key = f"k{self.dice.randrange(100)}"
            number = keys.next_number
            keys.next_number += 1
            keys.sent(key, number)
            answer = await self.client.request(f"$KV.B.{key}", payload(key, number, self.size("KV")),
                                               ANSWER_TIMEOUT_S)
            body = json.loads(answer.data or b"{}")
            if body.get("seq") and "error" not in body:
                keys.on_acked(key, number, body["seq"])
                self.acked_now += 1
            else:
                self.refuse(f"{body.get('error', {}).get('err_code')} on a key")
            await asyncio.sleep(0.003)

    async def put_batches(self, batches):
        while not self.over:
            count = self.dice.randint(1, batches.MOST)
            batch = batches.begin(count)
            headers = {"Nats-Batch-Id": f"b{batch}"}
            for i in range(1, count):
                self.client.publish(f"{batches.name}.{i}", payload(batches.name, 100 * batch + i, 300),
                                    headers={**headers, "Nats-Batch-Sequence": i})
            answer = await self.client.request(
                f"{batches.name}.{count}", payload(batches.name, 100 * batch + count, 300), ANSWER_TIMEOUT_S,
                {**headers, "Nats-Batch-Sequence": count, "Nats-Batch-Commit": 1})
            body = json.loads(answer.data or b"{}")
            if body.get("seq") and "error" not in body:
                batches.on_acked(batch, body["seq"])
                self.acked_now += 1
            else:
                self.refuse(f"{body.get('error', {}).get('err_code')} on a batch")
            await asyncio.sleep(0.02)

    # --- consuming

    async def consume(self, journal):
        arrived = asyncio.Queue()
        inbox = f"{self.client.inbox}C{journal.name}"
        self.client.subscribe(inbox, arrived.put_nowait)
        ask = f"$JS.API.CONSUMER.MSG.NEXT.{journal.stream}.{journal.name}"
        while not self.over:
            self.client.publish(ask, b'{"batch":100,"expires":500000000}', inbox)
            taken = 0
            while taken < 100 and not self.over:
                try:
                    message = await asyncio.wait_for(arrived.get(), 1)
                except asyncio.TimeoutError:
                    break
                if message.status():
                    break  # the request has ended
                taken += 1
                self.take(journal, message)
            await asyncio.sleep(0.02)

    def take(self, journal, message):
        sequence = int(message.reply.split(".")[-4])
        if not journal.on_delivered(sequence):
            self.complain(f"{journal.stream}/{journal.name}: {sequence} delivered again after a confirmed "
                          "acknowledgement")
        luck = self.dice.randrange(100)
        if luck < 5:
            return  # it comes again after the ack wait
        if luck < 8:
            self.client.publish(message.reply, b"-NAK")
            return
        journal.attempted.add(sequence)
        verb = b"+TERM" if luck < 12 else b"+ACK"
        if luck < 30:
            self.client.publish(message.reply, verb)
            return

        def answered(reply):
            if reply is None:
                return
            if reply.status() == "503" or reply.data.startswith(b"-ERR"):
                self.refuse("acknowledgement")
                return
            journal.on_confirmed(sequence)

        self.client.ask(message.reply, verb, answered)

    # --- streams that come and go

    async def churn(self, journal):
        while not self.over:
            known = sorted(journal.streams)
            if len(known) < 8 or self.dice.randrange(3) == 0 and len(known) < 30:
                await self.make_stream(journal)
            else:
                name = self.dice.choice(known)
                record = journal.streams[name]
                if record["exists"] is True:
                    change = self.dice.choice((self.add_message, self.add_message, self.add_message,
                                               self.delete_message, self.purge_stream, self.delete_stream))
                    await change(journal, name, record)
            await asyncio.sleep(0.03)

    async def change(self, subject, body=None):
        """True if it was done, False if it was refused; raises if no answer came."""
        try:
            return await self.client.api(subject, body, ANSWER_TIMEOUT_S)
        except ApiError as error:
            self.refuse(str(error))
            return None

    async def make_stream(self, journal):
        name = f"T{journal.next_number}"
        journal.next_number += 1
        record = journal.streams[name] = {"exists": None, "messages": {}, "maybe": set(), "purged": 0,
                                          "removed": set()}
        if await self.change(f"STREAM.CREATE.{name}", {"name": name, "subjects": [f"{name}.>"],
                                                        "storage": "file", "allow_direct": True}):
            record["exists"] = True
            journal.total_acked += 1

    async def add_message(self, journal, name, record):
        number = journal.next_number
        journal.next_number += 1
        record["maybe"].add(number)
        message = await self.client.request(f"{name}.x", payload(name, number, 50), ANSWER_TIMEOUT_S)
        answer = json.loads(message.data or b"{}")
        if answer.get("seq") and "error" not in answer:
            record["maybe"].discard(number)
            record["messages"][answer["seq"]] = number
            journal.total_acked += 1
        else:
            self.refuse("message to a young stream")

    async def delete_message(self, journal, name, record):
        """Forgotten, or overwritten as well."""
        if not record["messages"]:
            return
        sequence = self.dice.choice(sorted(record["messages"]))
        record["removing"] = sequence
        if await self.change(f"STREAM.MSG.DELETE.{name}",
                             {"seq": sequence, "no_erase": self.dice.randrange(2) == 0}):
            record["removed"].add(sequence)
            del record["messages"][sequence]
            journal.total_acked += 1
            del record["removing"]

    async def purge_stream(self, journal, name, record):
        last = max(record["messages"], default=0)
        record["purging"] = last
        if await self.change(f"STREAM.PURGE.{name}"):
            record["purged"] = max(record["purged"], last)
            record["messages"] = {s: n for s, n in record["messages"].items() if s > last}
            journal.total_acked += 1
            del record["purging"]

    async def delete_stream(self, journal, name, record):
        record["exists"] = None
        if await self.change(f"STREAM.DELETE.{name}"):
            record["exists"] = False
            journal.total_acked += 1


async def drain(port, expected, dice_seed, complain, timeout=30):
    """Consumes until nothing is pending; returns the consumers that did not get there."""
    load = Load(port, expected, dice_seed, complain)
    load.client = await Client.connect(port)
    load.tasks = [asyncio.create_task(load.consume(c)) for c in expected.consumers.values()]
    left = dict(expected.consumers)
    info = {}
    for _ in range(int(timeout / 0.5)):
        for stream, journal in list(left.items()):
            info[stream] = await load.client.api(f"CONSUMER.INFO.{journal.stream}.{journal.name}", timeout=10)
            if info[stream]["num_pending"] == 0 and info[stream]["num_ack_pending"] == 0:
                del left[stream]
        if not left:
            break
        await asyncio.sleep(0.5)
    await load.stop()
    return {f"{s}: {info[s]['num_pending']} pending, {info[s]['num_ack_pending']} unacknowledged" for s in left}
