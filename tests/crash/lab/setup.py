"""The streams and consumers under load."""
from .client import ApiError
from .journal import BatchJournal, ConsumerJournal, KeyJournal, StreamJournal, StreamSetJournal

ACK_WAIT_S = 3
SECOND = 1_000_000_000


class Expectations:
    """All journals of one store; a new one when the store begins anew."""

    def __init__(self):
        # LIM drops its oldest, BIG has large messages, ONE is written by one message at a time. WQ sends
        # nothing twice: an id is remembered as long as its message is there, and there it may be consumed.
        self.streams = {s.name: s for s in (StreamJournal("LIM", kept=8_000, dedupe=True),
                                            StreamJournal("BIG", kept=300),
                                            StreamJournal("ONE", kept=4_000, dedupe=True),
                                            StreamJournal("WQ", consumed=True))}
        self.consumers = {c.stream: c for c in (ConsumerJournal("LIM", "reader"),
                                                ConsumerJournal("WQ", "worker"))}
        self.keys = KeyJournal("KV_B")
        self.batches = BatchJournal("BAT", kept=3_000)
        self.churn = StreamSetJournal()

    @property
    def acked(self):
        return (sum(s.total_acked for s in self.streams.values()) + self.keys.total_acked
                + self.batches.total_acked + self.churn.total_acked)

    @property
    def confirmed(self):
        return sum(c.total_confirmed for c in self.consumers.values())


def stream_config(journal):
    return {"name": journal.name, "subjects": [f"{journal.name}.>"], "storage": "file", "num_replicas": 1,
            "retention": "workqueue" if journal.consumed else "limits", "discard": "old",
            "max_msgs": journal.kept or -1, "allow_direct": True, "duplicate_window": 600 * SECOND}


def consumer_config(journal):
    return {"durable_name": journal.name, "ack_policy": "explicit", "deliver_policy": "all",
            "ack_wait": ACK_WAIT_S * SECOND, "max_ack_pending": 2000, "replay_policy": "instant",
            "max_deliver": -1}


def bucket_config(keys):
    return {"name": keys.name, "subjects": ["$KV.B.>"], "storage": "file", "num_replicas": 1,
            "retention": "limits", "discard": "new", "max_msgs_per_subject": 3, "allow_direct": True,
            "allow_rollup_hdrs": True, "deny_delete": True}


def batch_config(batches):
    return {"name": batches.name, "subjects": [f"{batches.name}.>"], "storage": "file", "num_replicas": 1,
            "retention": "limits", "discard": "old", "max_msgs": batches.kept, "allow_direct": True,
            "allow_atomic": True}


async def create_consumer(client, journal):
    await client.api(f"CONSUMER.DURABLE.CREATE.{journal.stream}.{journal.name}",
                     {"stream_name": journal.stream, "config": consumer_config(journal)})


async def create_all(client, expected):
    for journal in expected.streams.values():
        await client.api(f"STREAM.CREATE.{journal.name}", stream_config(journal))
    await client.api(f"STREAM.CREATE.{expected.keys.name}", bucket_config(expected.keys))
    try:
        made = await client.api(f"STREAM.CREATE.{expected.batches.name}", batch_config(expected.batches))
        expected.batches.supported = bool(made["config"].get("allow_atomic"))
    except ApiError:
        expected.batches.supported = False
    for journal in expected.consumers.values():
        await create_consumer(client, journal)


async def state_of(client, name):
    """The state of a stream; None if there is no such stream."""
    try:
        return (await client.api(f"STREAM.INFO.{name}", timeout=10))["state"]
    except ApiError as error:
        if error.code == 10059:
            return None
        raise
