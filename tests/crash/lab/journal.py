"""What a server has promised: every acknowledged message and acknowledgement, and what may or may
not have happened because no answer came. Pure bookkeeping; the checker compares it with a server."""
import random

_POOL = random.Random(4222).randbytes(1 << 18)


def payload(stream, number, size):
    """The content of a message follows from its number, so that a wrong byte is seen."""
    head = f"{stream} {number} {size}\n".encode()
    offset = number * 7919 % ((1 << 18) - (1 << 17))
    return head + _POOL[offset:offset + size]


def read_payload(data):
    """(stream, number), or None if the bytes are not what was sent."""
    try:
        stream, number, size = data.partition(b"\n")[0].decode().split()
        return (stream, int(number)) if payload(stream, int(number), int(size)) == data else None
    except ValueError:
        return None


class StreamJournal:
    """Messages of one stream, by number of the publisher and by sequence.

    kept: the stream keeps this many messages (None: all until they are consumed).
    dedupe: messages carry an id, so that one whose answer never came is sent again.
    consumed: messages leave when they are acknowledged (work queue)."""

    def __init__(self, name, kept=None, dedupe=False, consumed=False):
        self.name = name
        self.kept = kept
        self.dedupe = dedupe
        self.consumed = consumed
        self.next_number = 1
        self.unknown = {}  # number -> size: sent, no answer
        self.acked = {}  # sequence -> number
        self.sequence_of = {}  # number -> sequence: acked, or found in the stream
        self.last_acked = 0
        self.total_acked = 0
        self.total_refused = 0

    def sent(self, number, size):
        self.unknown[number] = size

    def on_acked(self, number, sequence):
        """Returns a complaint if the promise contradicts an earlier one."""
        self.unknown.pop(number, None)
        before = self.acked.get(sequence)
        if before is not None and before != number:
            return f"sequence {sequence} acknowledged for number {number} and before for {before}"
        earlier = self.sequence_of.get(number)
        if earlier is not None:
            return None if earlier == sequence else f"number {number} acknowledged as {earlier} and {sequence}"
        self.acked[sequence] = number
        self.sequence_of[number] = sequence
        self.last_acked = max(self.last_acked, sequence)
        self.total_acked += 1
        return None

    def on_refused(self, number):
        """An error answer: not stored, says the server. With an id it may be tried again; it stays
        unknown, because what is refused for a failed disk may still be on it."""
        self.total_refused += 1

    def forget_below(self, sequence):
        for old in [s for s in self.acked if s < sequence]:
            self.sequence_of.pop(self.acked.pop(old), None)


class ConsumerJournal:
    """Acknowledgements of one durable consumer with explicit acknowledgement."""

    def __init__(self, stream, name):
        self.stream = stream
        self.name = name
        self.attempted = set()  # sequences for which an acknowledgement was sent
        self.confirmed = set()  # and answered
        self.delivered = set()
        self.total_confirmed = 0
        self.redelivered = 0
        self.lost = set()  # confirmed, and delivered again

    def on_delivered(self, sequence):
        """False if the server had confirmed that it would not come again."""
        if sequence in self.delivered:
            self.redelivered += 1
        self.delivered.add(sequence)
        if sequence not in self.confirmed:
            return True
        self.confirmed.discard(sequence)
        self.lost.add(sequence)
        return False

    def on_confirmed(self, sequence):
        self.confirmed.add(sequence)
        self.total_confirmed += 1

    def forget_below(self, sequence):
        for numbers in (self.attempted, self.confirmed, self.delivered):
            numbers.difference_update([s for s in numbers if s < sequence])


class KeyJournal:
    """A bucket of keys: of each, the last acknowledged value and those after it without an answer."""

    def __init__(self, name):
        self.name = name
        self.value = {}  # key -> number, acknowledged
        self.maybe = {}  # key -> numbers sent later
        self.sequence = {}
        self.next_number = 1
        self.total_acked = 0

    def sent(self, key, number):
        self.maybe.setdefault(key, []).append(number)

    def on_acked(self, key, number, sequence):
        self.total_acked += 1
        if sequence < self.sequence.get(key, 0):
            return
        self.value[key] = number
        self.sequence[key] = sequence
        self.maybe[key] = [n for n in self.maybe[key] if n > number]

    def allowed(self, key):
        """Numbers of which the key may hold one; None: it may be absent."""
        before = [self.value.get(key)]
        return before + self.maybe.get(key, [])


class BatchJournal:
    """Atomic batches: all of one or nothing. Message i of batch b has the number 100 * b + i."""

    MOST = 20  # messages in a batch

    def __init__(self, name, kept):
        self.name = name
        self.kept = kept
        self.supported = True  # the server knows of batches
        self.next_batch = 1
        self.sent = {}  # batch -> messages
        self.acked = {}  # batch -> sequence of its last message
        self.total_acked = 0

    def begin(self, count):
        batch = self.next_batch
        self.next_batch += 1
        self.sent[batch] = count
        return batch

    def on_acked(self, batch, sequence):
        self.acked[batch] = sequence
        self.total_acked += self.sent[batch]

    def forget(self, batch):
        self.sent.pop(batch, None)
        self.acked.pop(batch, None)


class StreamSetJournal:
    """Streams that are made, purged and deleted again: name -> what was promised.

    A record is {"exists": True | False | None, "messages": {sequence: number}, "purged": sequence,
    "removed": sequences}; None: no answer came, both may be."""

    def __init__(self):
        self.streams = {}
        self.next_number = 1
        self.total_acked = 0
