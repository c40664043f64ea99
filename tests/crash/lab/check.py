"""Compares what a server has with what it promised. Runs right after a start, before anything is
published; afterwards the journals hold what is there, so that nothing is counted twice."""
import json

from .client import ApiError
from .journal import read_payload
from .setup import create_consumer, state_of

BATCH = 500
TEXTS_MAX = 12
KINDS = ("lost", "duplicated", "wrong", "acks lost", "changes lost")


class Findings:
    """Counts by kind, and the first texts of each."""

    def __init__(self):
        self.counts = dict.fromkeys(KINDS, 0)
        self.texts = []
        self.messages_read = 0

    def add(self, kind, text, count=1):
        if count:
            self.counts[kind] += count
            if sum(t.startswith(kind) for t in self.texts) < TEXTS_MAX:
                self.texts.append(f"{kind}: {text}")

    @property
    def any(self):
        return any(self.counts.values())


async def read_stream(client, name, first, last):
    """{sequence: (subject, data)} of a stream from `first` to `last`."""
    found = {}
    at = first
    while at <= last:
        messages, done = [], []
        inbox = f"{client.inbox}R{at}"
        sid = client.subscribe(inbox, messages.append)
        body = {"seq": at, "batch": BATCH, "next_by_subj": ">"}
        client.publish(f"$JS.API.DIRECT.GET.{name}", json.dumps(body).encode(), inbox)
        while not done:
            await client.flush()
            done = [m for m in messages if m.status() and m.header("Nats-Sequence") is None]
        client.unsubscribe(sid)
        got = [m for m in messages if m.header("Nats-Sequence")]
        for message in got:
            found[int(message.header("Nats-Sequence"))] = (message.header("Nats-Subject"), message.data)
        if done[0].status() == "404":
            break
        if done[0].status() != "204":
            raise ApiError({"code": done[0].status(), "description": done[0].headers.decode()})
        at = max(found) + 1
    return found


class Check:
    def __init__(self, client, expected, findings):
        self.client = client
        self.expected = expected
        self.findings = findings

    async def run(self):
        for journal in self.expected.streams.values():
            await self.stream(journal)
        await self.keys(self.expected.keys)
        if self.expected.batches.supported:
            await self.batches(self.expected.batches)
        for name, record in list(self.expected.churn.streams.items()):
            await self.young_stream(name, record)
            if record["exists"] is False:
                del self.expected.churn.streams[name]
        for journal in self.expected.consumers.values():
            await self.consumer(journal)

    # --- messages

    async def stored(self, name, state):
        """{sequence: number} of what is there; wrong bytes are reported."""
        found = await read_stream(self.client, name, state["first_seq"], state["last_seq"])
        self.findings.messages_read += len(found)
        numbers = {}
        for sequence, (_, data) in found.items():
            content = read_payload(data)
            if content is None or content[0] != name:
                self.findings.add("wrong", f"{name} {sequence}: not the bytes that were sent: {data[:60]!r}")
            else:
                numbers[sequence] = content[1]
        if len(found) != state["messages"]:
            self.findings.add("wrong", f"{name}: says {state['messages']} messages, gives {len(found)}")
        return numbers

    async def stream(self, journal):
        state = await state_of(self.client, journal.name)
        if state is None:
            self.findings.add("changes lost", f"stream {journal.name} is gone")
            self.findings.add("lost", f"{journal.name}: all", len(journal.acked))
            raise StreamGone(journal.name)
        numbers = await self.stored(journal.name, state)
        end = max(state["last_seq"], journal.last_acked)
        lower = end - journal.kept + 1 if journal.kept else 0
        consumer = self.expected.consumers.get(journal.name)
        journal.forget_below(lower)
        if consumer:
            consumer.forget_below(min(lower, state["first_seq"]))
        self.acknowledged(journal, numbers, consumer if journal.consumed else None, state)
        self.unacknowledged(journal, numbers)
        if consumer:
            self.acknowledgements(journal, consumer, numbers, state)

    def acknowledged(self, journal, numbers, consumer, state):
        lost = []
        for sequence, number in list(journal.acked.items()):
            there = numbers.get(sequence)
            if there == number:
                continue
            if there is None and consumer and sequence in consumer.attempted:
                pass  # consumed
            elif there is None:
                lost.append(sequence)
                journal.sequence_of.pop(number, None)
            else:
                self.findings.add("wrong", f"{journal.name} {sequence}: number {there}, acknowledged was {number}")
            del journal.acked[sequence]
        if lost:
            self.findings.add("lost", f"{journal.name}: {len(lost)} messages, {describe(lost)}; "
                              f"the stream has {state['first_seq']}-{state['last_seq']}", len(lost))
        journal.last_acked = max(journal.acked, default=0)

    def unacknowledged(self, journal, numbers):
        for sequence, number in numbers.items():
            if sequence in journal.acked:
                continue
            earlier = journal.sequence_of.get(number)
            if earlier is not None and earlier != sequence:
                self.findings.add("duplicated", f"{journal.name}: number {number} at {earlier} and {sequence}")
            elif number >= journal.next_number:
                self.findings.add("wrong", f"{journal.name} {sequence}: number {number} was never sent")
            else:
                journal.sequence_of[number] = sequence
        # What was found and is not there any more may be sent, and stored, again.
        for number in [n for n, s in journal.sequence_of.items() if s not in journal.acked and s not in numbers
                       and not journal.consumed]:
            del journal.sequence_of[number]

    def acknowledgements(self, journal, consumer, numbers, state):
        if journal.consumed:
            for sequence in sorted(consumer.confirmed & numbers.keys()):
                self.findings.add("acks lost", f"{journal.name} {sequence}: acknowledged, confirmed, still there")
                consumer.confirmed.discard(sequence)
        # Sequences behind the end will be given to other messages.
        for sequences in (consumer.attempted, consumer.confirmed, consumer.delivered):
            sequences.difference_update([s for s in sequences if s > state["last_seq"]])

    async def keys(self, keys):
        state = await state_of(self.client, keys.name)
        if state is None:
            self.findings.add("changes lost", f"bucket {keys.name} is gone")
            raise StreamGone(keys.name)
        found = await read_stream(self.client, keys.name, state["first_seq"], state["last_seq"])
        last = {}
        for sequence in sorted(found):
            subject, data = found[sequence]
            last[subject.rpartition(".")[2]] = (sequence, read_payload(data))
        for key in sorted(keys.value.keys() | keys.maybe.keys()):
            sequence, content = last.get(key, (0, (key, None)))
            if content is None or content[0] != key:
                self.findings.add("wrong", f"key {key}: not the bytes that were sent")
                continue
            if content[1] not in keys.allowed(key):
                self.findings.add("lost", f"key {key}: value {content[1]}, allowed {keys.allowed(key)}")
            keys.maybe[key] = []
            if content[1] is None:
                keys.value.pop(key, None)
                keys.sequence.pop(key, None)
            else:
                keys.value[key] = content[1]
                keys.sequence[key] = sequence

    async def batches(self, journal):
        state = await state_of(self.client, journal.name)
        if state is None:
            self.findings.add("changes lost", f"stream {journal.name} is gone")
            raise StreamGone(journal.name)
        numbers = await self.stored(journal.name, state)
        there = {}
        for sequence in sorted(numbers):
            there.setdefault(numbers[sequence] // 100, []).append((sequence, numbers[sequence] % 100))
        lower = state["last_seq"] - journal.kept + 1
        for batch, found in there.items():
            count = journal.sent.get(batch, 0)
            if found[0][0] <= max(lower, state["first_seq"]):
                continue  # its beginning may have been dropped
            first = found[0][0]
            if found != [(first + i - 1, i) for i in range(1, count + 1)]:
                self.findings.add("wrong", f"batch {batch} of {count}: messages {[i for _, i in found]} at "
                                  f"{found[0][0]}-{found[-1][0]}")
        for batch in list(journal.sent):
            sequence = journal.acked.get(batch)
            if batch in there:
                continue
            if sequence is not None and sequence >= lower:
                self.findings.add("lost", f"batch {batch} at {sequence}; the stream has {state['first_seq']}-"
                                  f"{state['last_seq']}", journal.sent[batch])
            journal.forget(batch)

    # --- streams and consumers

    async def young_stream(self, name, record):
        state = await state_of(self.client, name)
        if state is None:
            if record["exists"] is True:
                self.findings.add("changes lost", f"stream {name} is gone")
                self.findings.add("lost", f"stream {name}", len(record["messages"]))
            record["exists"] = False
            return
        if record["exists"] is False:
            self.findings.add("changes lost", f"stream {name} was deleted and is there again")
        record["exists"] = True
        numbers = await self.stored(name, state)
        purging = record.pop("purging", 0)
        removing = record.pop("removing", 0)
        for sequence, number in list(record["messages"].items()):
            if numbers.get(sequence) == number:
                continue
            if sequence > purging and sequence != removing:
                self.findings.add("lost", f"{name} {sequence}: number {number}, now {numbers.get(sequence)}")
            del record["messages"][sequence]
        back = set()
        for sequence, number in numbers.items():
            if sequence <= record["purged"]:
                self.findings.add("changes lost", f"{name} {sequence}: purged and there again")
                back.add(sequence)
            elif sequence in record["removed"]:
                self.findings.add("changes lost", f"{name} {sequence}: deleted and there again")
                back.add(sequence)
            elif sequence not in record["messages"]:
                if number in record["messages"].values():
                    self.findings.add("duplicated", f"{name}: number {number}")
                elif number not in record["maybe"]:
                    self.findings.add("wrong", f"{name} {sequence}: number {number} was not sent there")
        record["maybe"] |= {numbers[sequence] for sequence in back}
        record["purged"] = min({record["purged"], state["last_seq"], *(s - 1 for s in back)})
        record["removed"] = {s for s in record["removed"] if s <= state["last_seq"]} - back

    async def consumer(self, journal):
        try:
            info = await self.client.api(f"CONSUMER.INFO.{journal.stream}.{journal.name}")
        except ApiError as error:
            if error.code != 10014:
                raise
            self.findings.add("changes lost", f"consumer {journal.stream}/{journal.name} is gone")
            if journal.confirmed:
                self.findings.add("acks lost", f"{journal.stream}/{journal.name}: all", len(journal.confirmed))
            journal.confirmed.clear()
            await create_consumer(self.client, journal)
            return
        state = await state_of(self.client, journal.stream)
        if info["delivered"]["stream_seq"] > state["last_seq"]:
            self.findings.add("wrong", f"{journal.stream}/{journal.name} has delivered "
                              f"{info['delivered']['stream_seq']}, the stream ends at {state['last_seq']}")

    async def all_delivered(self):
        """After draining: everything that is there has been delivered, and a work queue is empty."""
        for journal in self.expected.consumers.values():
            state = await state_of(self.client, journal.stream)
            stream = self.expected.streams[journal.stream]
            if stream.consumed:
                self.findings.add("wrong", f"{journal.stream}: {state['messages']} messages left after "
                                  "everything was acknowledged", state["messages"])
                continue
            numbers = await self.stored(journal.stream, state)
            skipped = sorted(numbers.keys() - journal.delivered)
            if skipped:
                self.findings.add("lost", f"{journal.stream}/{journal.name}: {len(skipped)} never delivered, "
                                  f"{describe(skipped)}", len(skipped))


class StreamGone(Exception):
    """Without its streams a store is of no more use to the load."""


def describe(sequences):
    sequences = sorted(sequences)
    return f"{sequences[0]}-{sequences[-1]}" if len(sequences) > 1 else str(sequences[0])
