"""Publishing into streams beyond single messages: counters, schedules (wire reference 10)."""
import asyncio
import base64
import datetime
import json

import nats
import pytest
from harness.server import BASE_CONFIG, Server

TIMEOUT_S = 10


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("publish")
    one = Server(folder, BASE_CONFIG + f'jetstream {{ store_dir: "{folder}/store" }}\n')
    yield one
    one.discard()


def run(server, test):
    """Runs the coroutine test(connection) against the server."""
    async def body():
        connection = await nats.connect(server.url(), connect_timeout=TIMEOUT_S)
        try:
            await asyncio.wait_for(test(connection), 60)
        finally:
            await connection.close()
    asyncio.run(body())


async def create(connection, name, subjects, **config):
    config = {"name": name, "subjects": subjects, "storage": "file", **config}
    answer = await connection.request(f"$JS.API.STREAM.CREATE.{name}", json.dumps(config).encode(),
                                      timeout=TIMEOUT_S)
    answer = json.loads(answer.data)
    assert "error" not in answer, answer
    return answer


async def publish(connection, subject, payload=b"", **headers):
    """The answer to a message; `a_b="c"` is the header Nats-A-B: c."""
    named = {"Nats-" + name.replace("_", "-").title(): value for name, value in headers.items()}
    answer = await connection.request(subject, payload, timeout=TIMEOUT_S, headers=named or None)
    return json.loads(answer.data) if answer.data else None


async def state(connection, stream):
    answer = await connection.request(f"$JS.API.STREAM.INFO.{stream}", b"", timeout=TIMEOUT_S)
    return json.loads(answer.data)["state"]


async def message(connection, stream, **which):
    answer = await connection.request(f"$JS.API.STREAM.MSG.GET.{stream}",
                                      json.dumps(which).encode(), timeout=TIMEOUT_S)
    return json.loads(answer.data)


class TestCounters:
    def test_increments_are_added_up_across_a_restart(self, server):
        async def before(connection):
            await create(connection, "COUNT", ["count.>"], allow_msg_counter=True)
            assert await publish(connection, "count.a", incr="+5") == {
                "stream": "COUNT", "seq": 1, "val": "5"}
            assert (await publish(connection, "count.a", incr="-7"))["val"] == "-2"

        async def after(connection):
            assert (await publish(connection, "count.a", incr="1"))["val"] == "-1"
            assert (await publish(connection, "count.b", incr="1"))["val"] == "1"
            assert (await publish(connection, "count.a", b"x", incr="1"))["error"]["err_code"] == 10170
            assert (await publish(connection, "count.a"))["error"]["err_code"] == 10169
        run(server, before)
        server.stop()
        server.start()
        run(server, after)


class TestSchedules:
    def test_a_delayed_message_comes_once_also_after_a_restart(self, server):
        async def before(connection):
            await create(connection, "LATER", ["later.>"], allow_msg_schedules=True)
            now = datetime.datetime.now(datetime.timezone.utc)
            for name, seconds in (("soon", 1), ("late", 4)):
                due = (now + datetime.timedelta(seconds=seconds)).isoformat()
                await publish(connection, f"later.plan.{name}", name.encode(),
                              schedule=f"@at {due}", schedule_target=f"later.{name}")
            await publish(connection, "later.tick.plan", b"tick", schedule="@every 2s",
                          schedule_target="later.tick")
            await asyncio.sleep(1.6)
            made = await message(connection, "LATER", last_by_subj="later.soon")
            headers = base64.b64decode(made["message"]["hdrs"])
            assert base64.b64decode(made["message"]["data"]) == b"soon"
            assert headers == (b"NATS/1.0\r\nNats-Scheduler: later.plan.soon\r\n"
                               b"Nats-Schedule-Next: purge\r\n\r\n")
            gone = await message(connection, "LATER", last_by_subj="later.plan.soon")
            assert gone["error"]["err_code"] == 10037

        async def after(connection):
            await asyncio.sleep(5)
            for name in ("soon", "late"):
                made = await message(connection, "LATER", last_by_subj=f"later.{name}")
                assert base64.b64decode(made["message"]["data"]) == name.encode()
                gone = await message(connection, "LATER", last_by_subj=f"later.plan.{name}")
                assert gone["error"]["err_code"] == 10037
            answer = await connection.request("$JS.API.STREAM.INFO.LATER",
                                              b'{"subjects_filter": ">"}', timeout=TIMEOUT_S)
            subjects = json.loads(answer.data)["state"]["subjects"]
            assert (subjects["later.soon"], subjects["later.late"]) == (1, 1)
            assert 2 <= subjects["later.tick"] <= 5
        run(server, before)
        server.stop()
        server.start()
        run(server, after)


class TestAtomicBatches:
    def test_all_or_nothing_also_after_a_kill(self, server):
        async def before(connection):
            await create(connection, "ATOMIC", ["atomic.>"], allow_atomic=True)
            assert await publish(connection, "atomic.a", b"1", batch_id="x", batch_sequence="1") is None
            assert (await state(connection, "ATOMIC"))["messages"] == 0
            await publish(connection, "atomic.b", b"2", batch_id="x", batch_sequence="2")
            assert await publish(connection, "atomic.c", b"3", batch_id="x", batch_sequence="3",
                                 batch_commit="1") == {
                "stream": "ATOMIC", "seq": 3, "batch": "x", "count": 3}
            await publish(connection, "atomic.a", b"4", batch_id="y", batch_sequence="1")

        async def after(connection):
            found = await state(connection, "ATOMIC")
            assert (found["messages"], found["last_seq"]) == (3, 3)
            refused = await publish(connection, "atomic.b", batch_id="y", batch_sequence="2",
                                    batch_commit="1")
            assert refused["error"]["err_code"] == 10176
            assert (await state(connection, "ATOMIC"))["messages"] == 3
        run(server, before)
        server.kill()
        server.start()
        run(server, after)

    def test_a_large_batch_is_delivered_to_consumers_in_order(self, server):
        async def test(connection):
            await create(connection, "THOUSAND", ["thousand"], allow_atomic=True)
            js = connection.jetstream(timeout=TIMEOUT_S)
            subscription = await js.pull_subscribe("thousand", durable="c")
            for seq in range(1, 1000):
                await connection.publish("thousand", str(seq).encode(), headers={
                    "Nats-Batch-Id": "k", "Nats-Batch-Sequence": str(seq)})
            answer = await publish(connection, "thousand", b"1000", batch_id="k",
                                   batch_sequence="1000", batch_commit="1")
            assert (answer["seq"], answer["count"]) == (1000, 1000)
            got = []
            while len(got) < 1000:
                got += [int(m.data) for m in await subscription.fetch(500, timeout=TIMEOUT_S)]
            assert got == list(range(1, 1001))
        run(server, test)
