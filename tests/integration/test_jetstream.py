"""JetStream with the Python client, and byte for byte where clients cannot see (wire reference 8 to 13)."""
import asyncio
import json

import nats
import pytest
from nats.js import api, errors
from harness.server import BASE_CONFIG, Server

MEMORY = api.StorageType.MEMORY
TIMEOUT_S = 10


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("jetstream")
    one = Server(folder, BASE_CONFIG + f'jetstream {{ store_dir: "{folder}/store" }}\n')
    yield one
    one.discard()


def run(server, test):
    """Runs the coroutine test(connection, jetstream) against the server."""
    async def body():
        connection = await nats.connect(server.url(), connect_timeout=TIMEOUT_S)
        try:
            await asyncio.wait_for(test(connection, connection.jetstream(timeout=TIMEOUT_S)), 60)
        finally:
            await connection.close()
    asyncio.run(body())


async def request(connection, subject, body=None):
    payload = b"" if body is None else json.dumps(body).encode()
    answer = await connection.request("$JS.API." + subject, payload, timeout=TIMEOUT_S)
    return json.loads(answer.data)


async def eventually(ask, holds):
    """Asks until it holds."""
    deadline = asyncio.get_running_loop().time() + TIMEOUT_S
    while not holds(answer := await ask()):
        assert asyncio.get_running_loop().time() < deadline, answer
        await asyncio.sleep(0.05)


class TestStreams:
    def test_publish_is_acknowledged_with_a_sequence(self, server):
        async def test(_, js):
            await js.add_stream(name="PUB", subjects=["pub.>"], storage=MEMORY)
            for seq in range(1, 4):
                ack = await js.publish(f"pub.{seq}", b"x")
                assert (ack.stream, ack.seq, ack.duplicate) == ("PUB", seq, None)
            state = (await js.stream_info("PUB")).state
            assert (state.messages, state.first_seq, state.last_seq) == (3, 1, 3)
        run(server, test)

    def test_messages_come_back_as_they_went_in(self, server):
        async def test(_, js):
            await js.add_stream(name="GET", subjects=["get.>"], storage=MEMORY)
            await js.publish("get.a", b"one", headers={"K": "v"})
            await js.publish("get.b", b"\x00\xff")
            first = await js.get_msg("GET", 1)
            assert (first.subject, first.data, first.headers["K"]) == ("get.a", b"one", "v")
            assert (await js.get_last_msg("GET", "get.b")).data == b"\x00\xff"
            with pytest.raises(errors.NotFoundError):
                await js.get_msg("GET", 9)
        run(server, test)

    def test_creating_again_needs_the_same_configuration(self, server):
        async def test(_, js):
            await js.add_stream(name="TWICE", subjects=["twice"], storage=MEMORY)
            await js.add_stream(name="TWICE", subjects=["twice"], storage=MEMORY)
            with pytest.raises(errors.BadRequestError) as error:
                await js.add_stream(name="TWICE", subjects=["twice"], storage=MEMORY, max_msgs=5)
            assert error.value.err_code == 10058
            with pytest.raises(errors.BadRequestError) as error:
                await js.add_stream(name="OTHER", subjects=["twice"], storage=MEMORY)
            assert error.value.err_code == 10065
        run(server, test)

    def test_limits_drop_the_oldest(self, server):
        async def test(_, js):
            await js.add_stream(name="LIM", subjects=["lim.*"], storage=MEMORY, max_msgs=3,
                                max_msgs_per_subject=2)
            for _ in range(3):
                await js.publish("lim.a")
            state = (await js.stream_info("LIM")).state
            assert (state.messages, state.first_seq) == (2, 2)
            await js.publish("lim.b")
            await js.publish("lim.c")
            state = (await js.stream_info("LIM")).state
            assert (state.messages, state.first_seq, state.last_seq) == (3, 3, 5)
        run(server, test)

    def test_discard_new_refuses_what_is_too_much(self, server):
        async def test(_, js):
            await js.add_stream(name="NEW", subjects=["new.*"], storage=MEMORY, max_msgs=1,
                                discard=api.DiscardPolicy.NEW)
            await js.publish("new.a")
            with pytest.raises(errors.APIError) as error:
                await js.publish("new.a")
            assert (error.value.err_code, error.value.description) == (10077, "maximum messages exceeded")
        run(server, test)

    def test_duplicates_are_stored_once(self, server):
        async def test(_, js):
            await js.add_stream(name="DUP", subjects=["dup"], storage=MEMORY)
            first = await js.publish("dup", b"1", headers={"Nats-Msg-Id": "a"})
            second = await js.publish("dup", b"2", headers={"Nats-Msg-Id": "a"})
            assert (first.seq, second.seq, second.duplicate) == (1, 1, True)
            assert (await js.publish("dup", b"3", headers={"Nats-Msg-Id": "b"})).seq == 2
        run(server, test)

    @pytest.mark.parametrize("header,value,code", [
        ("Nats-Expected-Stream", "OTHER", 10060),
        ("Nats-Expected-Last-Sequence", "7", 10071),
        ("Nats-Expected-Last-Subject-Sequence", "7", 10071),
        ("Nats-Expected-Last-Msg-Id", "x", 10070),
        ("Nats-Rollup", "sub", 10111),
        ("Nats-TTL", "5s", 10166),
    ])
    def test_expectations_that_do_not_hold(self, server, header, value, code):
        async def test(_, js):
            await js.add_stream(name="EXP", subjects=["exp"], storage=MEMORY)
            with pytest.raises(errors.APIError) as error:
                await js.publish("exp", headers={header: value})
            assert error.value.err_code == code
        run(server, test)

    def test_expectations_that_hold(self, server):
        async def test(_, js):
            await js.add_stream(name="EXP2", subjects=["exp2.*"], storage=MEMORY)
            await js.publish("exp2.a", headers={"Nats-Expected-Last-Sequence": "0",
                                                "Nats-Expected-Stream": "EXP2", "Nats-Msg-Id": "i"})
            await js.publish("exp2.b", headers={"Nats-Expected-Last-Subject-Sequence": "0",
                                                "Nats-Expected-Last-Msg-Id": "i"})
            await js.publish("exp2.a", headers={"Nats-Expected-Last-Subject-Sequence": "1"})
        run(server, test)

    def test_rollup_replaces_what_came_before(self, server):
        async def test(_, js):
            await js.add_stream(name="ROLL", subjects=["roll.*"], storage=MEMORY, allow_rollup_hdrs=True)
            for subject in ("roll.a", "roll.a", "roll.b"):
                await js.publish(subject)
            await js.publish("roll.a", headers={"Nats-Rollup": "sub"})
            assert (await js.stream_info("ROLL")).state.messages == 2
            await js.publish("roll.a", headers={"Nats-Rollup": "all"})
            assert (await js.stream_info("ROLL")).state.messages == 1
        run(server, test)

    def test_purge_and_delete(self, server):
        async def test(connection, js):
            await js.add_stream(name="PURGE", subjects=["purge.*"], storage=MEMORY)
            for subject in "aabbb":
                await js.publish(f"purge.{subject}")
            answer = await request(connection, "STREAM.PURGE.PURGE", {"filter": "purge.b", "keep": 1})
            assert (answer["success"], answer["purged"]) == (True, 2)
            answer = await request(connection, "STREAM.PURGE.PURGE", {"seq": 1, "keep": 1})
            assert answer["error"]["err_code"] == 10003
            assert await js.delete_msg("PURGE", 1)
            with pytest.raises(errors.APIError) as error:
                await js.delete_msg("PURGE", 1)
            assert error.value.err_code == 10043
            await js.purge_stream("PURGE")
            state = (await js.stream_info("PURGE")).state
            assert (state.messages, state.first_seq, state.last_seq) == (0, 6, 5)
        run(server, test)

    def test_age_removes(self, server):
        async def test(_, js):
            await js.add_stream(name="AGE", subjects=["age"], storage=MEMORY, max_age=0.3,
                                duplicate_window=0.2)
            await js.publish("age")
            await eventually(lambda: js.stream_info("AGE"), lambda info: info.state.messages == 0)
        run(server, test)

    def test_update_and_delete(self, server):
        async def test(connection, js):
            await js.add_stream(name="UPD", subjects=["upd.a"], storage=MEMORY)
            await js.update_stream(name="UPD", subjects=["upd.a", "upd.b"], storage=MEMORY)
            assert (await js.publish("upd.b")).seq == 1
            answer = await request(connection, "STREAM.UPDATE.UPD", {"name": "UPD", "storage": "file"})
            assert answer["error"]["err_code"] == 10052
            assert await js.delete_stream("UPD")
            with pytest.raises(errors.NotFoundError):
                await js.stream_info("UPD")
            with pytest.raises(errors.NoStreamResponseError):
                await js.publish("upd.a")
        run(server, test)

    def test_names_and_lists(self, server):
        async def test(connection, js):
            await js.add_stream(name="LISTED", subjects=["listed.>"], storage=MEMORY)
            answer = await request(connection, "STREAM.NAMES", {"subject": "listed.a"})
            assert (answer["total"], answer["limit"], answer["streams"]) == (1, 1024, ["LISTED"])
            assert (await request(connection, "STREAM.NAMES", {"subject": "zz"}))["streams"] is None
            assert "LISTED" in [one.config.name for one in await js.streams_info()]
        run(server, test)

    @pytest.mark.parametrize("subject,body,code", [
        ("STREAM.INFO.NONE", None, 10059),
        ("STREAM.CREATE.X", {"name": "Y"}, 10056),
        ("STREAM.CREATE.X", {"name": "X", "foo": 1}, 10025),
        ("STREAM.CREATE.X", {"name": "X", "max_age": 5}, 10052),
        ("STREAM.CREATE.X", {"name": "X", "num_replicas": 3}, 10074),
        ("STREAM.LEADER.STEPDOWN.X", None, 10010),
        ("STREAM.DELETE.X", {"a": 1}, 10038),
        ("CONSUMER.INFO.NONE.c", None, 10059),
    ])
    def test_errors_of_the_api(self, server, subject, body, code):
        async def test(connection, _):
            assert (await request(connection, subject, body))["error"]["err_code"] == code
        run(server, test)

    def test_republish_and_transform(self, server):
        async def test(connection, js):
            await request(connection, "STREAM.CREATE.REP", {
                "name": "REP", "subjects": ["rep.*"], "storage": "memory",
                "subject_transform": {"src": "rep.*", "dest": "kept.$1"},
                "republish": {"src": "kept.>", "dest": "copy.>"}})
            copies = await connection.subscribe("copy.>")
            await js.publish("rep.a", b"x")
            copy = await copies.next_msg(timeout=TIMEOUT_S)
            assert (copy.subject, copy.data) == ("copy.a", b"x")
            assert (copy.headers["Nats-Subject"], copy.headers["Nats-Sequence"]) == ("kept.a", "1")
            assert copy.headers["Nats-Last-Sequence"] == "0"
        run(server, test)

    def test_account_info(self, server):
        async def test(_, js):
            info = await js.account_info()
            assert info.limits.max_memory == -1
            assert info.api.total > 0
        run(server, test)


class TestPull:
    def test_messages_are_fetched_and_acknowledged(self, server):
        async def test(_, js):
            await js.add_stream(name="PULL", subjects=["pull"], storage=MEMORY)
            for n in range(10):
                await js.publish("pull", str(n).encode())
            sub = await js.pull_subscribe("pull", "worker")
            got = await sub.fetch(4, timeout=TIMEOUT_S)
            assert [one.data for one in got] == [b"0", b"1", b"2", b"3"]
            assert [one.metadata.num_pending for one in got] == [9, 8, 7, 6]
            for one in got:
                await one.ack_sync(timeout=TIMEOUT_S)
            info = await sub.consumer_info()
            assert (info.num_pending, info.num_ack_pending, info.ack_floor.stream_seq) == (6, 0, 4)
            assert len(await sub.fetch(10, timeout=2)) == 6
        run(server, test)

    def test_what_is_not_acknowledged_comes_again(self, server):
        async def test(_, js):
            await js.add_stream(name="AGAIN", subjects=["again"], storage=MEMORY)
            await js.publish("again")
            sub = await js.pull_subscribe("again", "w", config=api.ConsumerConfig(ack_wait=0.5))
            first, = await sub.fetch(1, timeout=TIMEOUT_S)
            second, = await sub.fetch(1, timeout=TIMEOUT_S)
            assert (first.metadata.num_delivered, second.metadata.num_delivered) == (1, 2)
            await second.nak()
            third, = await sub.fetch(1, timeout=TIMEOUT_S)
            assert third.metadata.num_delivered == 3
            await third.term()
            await eventually(lambda: sub.consumer_info(), lambda info: info.num_ack_pending == 0)
        run(server, test)

    def test_max_deliver_gives_up_with_an_advisory(self, server):
        async def test(connection, js):
            await js.add_stream(name="MAXD", subjects=["maxd"], storage=MEMORY)
            advisories = await connection.subscribe("$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.>")
            await js.publish("maxd")
            sub = await js.pull_subscribe("maxd", "w", config=api.ConsumerConfig(ack_wait=0.3, max_deliver=2))
            for _ in range(2):
                await sub.fetch(1, timeout=TIMEOUT_S)
            with pytest.raises(nats.errors.TimeoutError):  # the third time is one too many
                await sub.fetch(1, timeout=1)
            advisory = json.loads((await advisories.next_msg(timeout=TIMEOUT_S)).data)
            assert (advisory["stream"], advisory["stream_seq"], advisory["deliveries"]) == ("MAXD", 1, 2)
        run(server, test)

    def test_max_ack_pending_holds_back(self, server):
        async def test(_, js):
            await js.add_stream(name="HOLD", subjects=["hold"], storage=MEMORY)
            for _ in range(5):
                await js.publish("hold")
            sub = await js.pull_subscribe("hold", "w", config=api.ConsumerConfig(max_ack_pending=2))
            got = await sub.fetch(5, timeout=1)
            assert len(got) == 2
            await got[0].ack_sync(timeout=TIMEOUT_S)
            assert len(await sub.fetch(5, timeout=1)) == 1
        run(server, test)

    def test_filters(self, server):
        async def test(_, js):
            await js.add_stream(name="FIL", subjects=["fil.*"], storage=MEMORY)
            for subject in "abcabc":
                await js.publish(f"fil.{subject}", subject.encode())
            sub = await js.pull_subscribe("fil.b", "b")
            assert [one.data for one in await sub.fetch(2, timeout=TIMEOUT_S)] == [b"b", b"b"]
            await js.add_consumer("FIL", api.ConsumerConfig(durable_name="ac", ack_policy=api.AckPolicy.EXPLICIT,
                                                            filter_subjects=["fil.a", "fil.c"]))
            sub = await js.pull_subscribe_bind("ac", "FIL")
            got = await sub.fetch(4, timeout=TIMEOUT_S)
            assert [one.data for one in got] == [b"a", b"c", b"a", b"c"]
            assert [one.metadata.num_pending for one in got] == [3, 2, 1, 0]
        run(server, test)

    def test_statuses(self, server, dial):
        raw = dial(server).connect(headers=True, no_responders=True)
        raw.send("SUB st.> 1\r\n")

        def ask(subject, body=""):
            raw.send(f"PUB $JS.API.{subject} st.x {len(body)}\r\n{body}\r\n")
            line = raw.line().split()
            return raw.read(int(line[-1]) + 2)

        ask("STREAM.CREATE.ST", '{"name":"ST","storage":"memory","subjects":["s.t"]}')
        ask("CONSUMER.CREATE.ST.c", json.dumps({"stream_name": "ST", "config": {
            "name": "c", "durable_name": "c", "ack_policy": "explicit", "max_waiting": 1, "max_batch": 10}}))
        next_message = "CONSUMER.MSG.NEXT.ST.c"
        assert ask(next_message, '{"batch":1,"no_wait":true}') == b"NATS/1.0 404 No Messages\r\n\r\n\r\n"
        assert ask(next_message, '{"batch":2,"expires":100000000}') == (
            b"NATS/1.0 408 Request Timeout\r\nNats-Pending-Messages: 2\r\nNats-Pending-Bytes: 0\r\n\r\n\r\n")
        assert ask(next_message, '{"batch":11}') == b"NATS/1.0 409 Exceeded MaxRequestBatch of 10\r\n\r\n\r\n"
        assert ask(next_message, '{"batch":1,"expires":1000000,"idle_heartbeat":1000000}') == (
            b"NATS/1.0 400 Bad Request - heartbeat value too large\r\n\r\n\r\n")
        raw.send(f"PUB $JS.API.{next_message} st.wait 0\r\n\r\n")
        assert ask(next_message) == b"NATS/1.0 409 Exceeded MaxWaiting\r\n\r\n\r\n"
        raw.send("PUB $JS.API.CONSUMER.DELETE.ST.c st.d 0\r\n\r\n")
        deleted = b"NATS/1.0 409 Consumer Deleted\r\n\r\n\r\n"
        answers = []
        for _ in range(2):
            answers.append(raw.read(int(raw.line().split()[-1]) + 2))
        assert any(one.startswith(b"NATS/1.0 409 Consumer Deleted\r\n") for one in answers), (answers, deleted)

    def test_no_such_consumer_is_no_responder(self, server):
        async def test(connection, _):
            with pytest.raises(nats.errors.NoRespondersError):
                await connection.request("$JS.API.CONSUMER.MSG.NEXT.NONE.c", b"1", timeout=TIMEOUT_S)
        run(server, test)

    def test_a_work_queue_forgets_what_is_done(self, server):
        async def test(_, js):
            await js.add_stream(name="WQ", subjects=["wq"], storage=MEMORY,
                                retention=api.RetentionPolicy.WORK_QUEUE)
            for _ in range(3):
                await js.publish("wq")
            sub = await js.pull_subscribe("wq", "w")
            for one in await sub.fetch(2, timeout=TIMEOUT_S):
                await one.ack_sync(timeout=TIMEOUT_S)
            assert (await js.stream_info("WQ")).state.messages == 1
            with pytest.raises(errors.BadRequestError) as error:
                await js.add_consumer("WQ", durable_name="v", ack_policy=api.AckPolicy.EXPLICIT)
            assert error.value.err_code == 10099
        run(server, test)

    def test_interest_keeps_what_somebody_still_wants(self, server):
        async def test(_, js):
            await js.add_stream(name="INT", subjects=["int"], storage=MEMORY,
                                retention=api.RetentionPolicy.INTEREST)
            assert (await js.publish("int")).seq == 1
            assert (await js.stream_info("INT")).state.messages == 0
            one = await js.pull_subscribe("int", "one")
            two = await js.pull_subscribe("int", "two")
            await js.publish("int")
            for sub, left in ((one, 1), (two, 0)):
                got, = await sub.fetch(1, timeout=TIMEOUT_S)
                await got.ack_sync(timeout=TIMEOUT_S)
                assert (await js.stream_info("INT")).state.messages == left
        run(server, test)


class TestPush:
    def test_a_durable_pushes(self, server):
        async def test(_, js):
            await js.add_stream(name="PUSH", subjects=["push"], storage=MEMORY)
            for n in range(5):
                await js.publish("push", str(n).encode())
            sub = await js.subscribe("push", durable="d", manual_ack=True)
            for n in range(5):
                message = await sub.next_msg(timeout=TIMEOUT_S)
                assert message.data == str(n).encode()
                await message.ack_sync(timeout=TIMEOUT_S)
            assert (await sub.consumer_info()).ack_floor.stream_seq == 5
        run(server, test)

    def test_ordered_consumers_see_everything_in_order(self, server):
        async def test(_, js):
            await js.add_stream(name="ORD", subjects=["ord"], storage=MEMORY)
            for n in range(300):
                await js.publish("ord", str(n).encode() + b"." * 500)
            sub = await js.subscribe("ord", ordered_consumer=True)
            for n in range(300):
                assert (await sub.next_msg(timeout=TIMEOUT_S)).data.split(b".")[0] == str(n).encode()
        run(server, test)

    def test_idle_consumers_send_heartbeats(self, server):
        async def test(connection, js):
            await js.add_stream(name="BEAT", subjects=["beat"], storage=MEMORY)
            inbox = await connection.subscribe("beat.inbox")
            await js.add_consumer("BEAT", deliver_subject="beat.inbox", idle_heartbeat=0.2)
            beat = await inbox.next_msg(timeout=TIMEOUT_S)
            assert beat.headers["Status"] == "100"
            assert (beat.headers["Nats-Last-Consumer"], beat.headers["Nats-Last-Stream"]) == ("0", "0")
        run(server, test)

    def test_an_ephemeral_that_nobody_listens_to_goes(self, server):
        async def test(connection, js):
            await js.add_stream(name="GONE", subjects=["gone"], storage=MEMORY)
            inbox = await connection.subscribe("gone.inbox")
            made = await js.add_consumer("GONE", deliver_subject="gone.inbox", inactive_threshold=0.2)
            await connection.flush()
            assert (await js.consumer_info("GONE", made.name)).push_bound
            await inbox.unsubscribe()
            for _ in range(200):
                try:
                    await js.consumer_info("GONE", made.name)
                except errors.NotFoundError:
                    return
                await asyncio.sleep(0.05)
            raise AssertionError("the consumer is still there")
        run(server, test)


class TestDirectGet:
    def test_one_message(self, server):
        async def test(connection, js):
            await js.add_stream(name="DG", subjects=["dg.*"], storage=MEMORY, allow_direct=True)
            await js.publish("dg.a", b"1")
            await js.publish("dg.b", b"2", headers={"K": "v"})
            answer = await connection.request("$JS.API.DIRECT.GET.DG.dg.b", b"", timeout=TIMEOUT_S)
            assert (answer.data, answer.headers["K"], answer.headers["Nats-Stream"]) == (b"2", "v", "DG")
            assert (answer.headers["Nats-Subject"], answer.headers["Nats-Sequence"]) == ("dg.b", "2")
            answer = await connection.request("$JS.API.DIRECT.GET.DG", b'{"seq":9}', timeout=TIMEOUT_S)
            assert (answer.headers["Status"], answer.headers["Description"]) == ("404", "Message Not Found")
        run(server, test)

    def test_batches(self, server):
        async def test(connection, js):
            await js.add_stream(name="DB", subjects=["db.*"], storage=MEMORY, allow_direct=True)
            for n in range(4):
                await js.publish(f"db.{n % 2}", str(n).encode())
            inbox = await connection.subscribe("db-inbox.>")

            async def batch(body):
                await connection.publish("$JS.API.DIRECT.GET.DB", json.dumps(body).encode(), reply="db-inbox.x")
                got = []
                while True:
                    message = await inbox.next_msg(timeout=TIMEOUT_S)
                    got.append(message)
                    if message.headers.get("Status"):
                        return got

            *messages, end = await batch({"seq": 1, "batch": 3})
            assert [one.data for one in messages] == [b"0", b"1", b"2"]
            assert [one.headers["Nats-Num-Pending"] for one in messages] == ["3", "2", "1"]
            assert (end.headers["Status"], end.headers["Nats-Num-Pending"]) == ("204", "1")
            *messages, end = await batch({"multi_last": ["db.*"]})
            assert [one.data for one in messages] == [b"2", b"3"]
            assert end.headers["Nats-UpTo-Sequence"] == "4"
        run(server, test)


class TestKeyValue:
    def test_put_get_update_delete(self, server):
        async def test(_, js):
            kv = await js.create_key_value(bucket="B", history=5, storage=MEMORY)
            assert await kv.put("k", b"1") == 1
            assert (await kv.get("k")).value == b"1"
            assert await kv.update("k", b"2", last=1) == 2
            with pytest.raises(errors.KeyWrongLastSequenceError):
                await kv.update("k", b"3", last=1)
            assert [one.value for one in await kv.history("k")] == [b"1", b"2"]
            await kv.delete("k")
            with pytest.raises(errors.KeyNotFoundError):
                await kv.get("k")
            await kv.create("k", b"4")
            await kv.purge("k")
            with pytest.raises(errors.KeyNotFoundError):
                await kv.get("none")
        run(server, test)

    def test_watch(self, server):
        async def test(_, js):
            kv = await js.create_key_value(bucket="W", storage=MEMORY)
            for key in ("a", "b", "a"):
                await kv.put(key, b"x")
            watcher = await kv.watchall()
            first = [await watcher.updates(timeout=TIMEOUT_S) for _ in range(2)]
            assert sorted(one.key for one in first) == ["a", "b"]
            assert await watcher.updates(timeout=TIMEOUT_S) is None
            await kv.put("c", b"y")
            assert (await watcher.updates(timeout=TIMEOUT_S)).key == "c"
            await watcher.stop()
            assert sorted(await kv.keys()) == ["a", "b", "c"]
        run(server, test)


def test_info_says_so(server, dial):
    assert dial(server).info["jetstream"] is True


def test_cluster_and_jetstream_together_are_refused(tmp_path):
    from harness.server import binary, nats_server, run_to_end
    if binary() == nats_server():
        pytest.skip("nats-server can do this")
    ended = run_to_end(["-js", "-sd", str(tmp_path), "--cluster", "nats://127.0.0.1:-1", "-p", "-1"])
    assert ended.returncode == 1
    assert "jetstream in a cluster is not supported" in ended.stderr + ended.stdout
