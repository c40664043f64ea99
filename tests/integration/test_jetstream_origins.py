"""Mirrors and sources: streams that copy from others, also across restarts (wire reference 9.1, 10)."""
import asyncio
import json
import signal

import nats
import pytest
from nats.js import api, errors
from harness.server import BASE_CONFIG, Server

TIMEOUT_S = 10
CATCH_UP_S = 40


@pytest.fixture
def server(tmp_path):
    one = Server(tmp_path, BASE_CONFIG + f'jetstream {{ store_dir: "{tmp_path}/store" }}\n')
    yield one
    one.discard()


def run(server, test):
    """Runs the coroutine test(connection, jetstream) against the server and returns its result."""
    async def body():
        connection = await nats.connect(server.url(), connect_timeout=TIMEOUT_S, allow_reconnect=False)
        try:
            return await asyncio.wait_for(test(connection, connection.jetstream(timeout=TIMEOUT_S)), 90)
        finally:
            await connection.close()
    return asyncio.run(body())


async def request(connection, subject, body=None):
    payload = b"" if body is None else json.dumps(body).encode()
    answer = await connection.request("$JS.API." + subject, payload, timeout=TIMEOUT_S)
    return json.loads(answer.data)


async def info_of(connection, name):
    return await request(connection, "STREAM.INFO." + name)


async def until(connection, name, holds):
    """The stream's info as soon as it holds."""
    deadline = asyncio.get_running_loop().time() + CATCH_UP_S
    while not holds(info := await info_of(connection, name)):
        assert asyncio.get_running_loop().time() < deadline, info
        await asyncio.sleep(0.1)
    return info


def reached(seq):
    return lambda info: info["state"]["last_seq"] >= seq


def holds(messages):
    return lambda info: info["state"]["messages"] >= messages


async def create(connection, name, **config):
    answer = await request(connection, "STREAM.CREATE." + name, {"name": name, **config})
    assert "error" not in answer, answer
    return answer


async def messages_of(js, name, first, last):
    found = {}
    for seq in range(first, last + 1):
        try:
            message = await js.get_msg(name, seq)
            found[seq] = (message.subject, message.data)
        except errors.NotFoundError:
            pass
    return found


ENDS = pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL], ids=["orderly", "kill"])


class TestMirrors:
    def test_is_a_copy_with_the_same_sequences(self, server):
        async def test(connection, js):
            await create(connection, "O", subjects=["o.>"])
            for n in range(20):
                await js.publish(f"o.{n}", str(n).encode())
            for seq in (1, 2, 7, 12):
                await js.delete_msg("O", seq)
            await create(connection, "M", mirror={"name": "O"})
            for n in range(20, 30):
                await js.publish(f"o.{n}", str(n).encode())
            info = await until(connection, "M", reached(30))
            origin = await info_of(connection, "O")
            for field in ("messages", "first_seq", "last_seq", "first_ts", "last_ts", "num_deleted"):
                assert info["state"].get(field) == origin["state"].get(field), field
            assert await messages_of(js, "M", 1, 30) == await messages_of(js, "O", 1, 30)
            assert (info["mirror"]["name"], info["mirror"]["lag"]) == ("O", 0)
            assert 0 <= info["mirror"]["active"] < 5e9
            # The consumer that does it is not shown.
            assert origin["state"]["consumer_count"] == 0
            assert (await request(connection, "CONSUMER.NAMES.O"))["total"] == 0
        run(server, test)

    @ENDS
    def test_goes_on_after_a_restart(self, server, end):
        async def fill(connection, js):
            await create(connection, "O", subjects=["o.>"])
            await create(connection, "M", mirror={"name": "O"})
            for n in range(500):
                await js.publish("o.a", str(n).encode())
            # Whether the mirror has everything by then is left to chance.
        run(server, fill)
        server.stop(end)
        server.start()

        async def look(connection, js):
            await js.publish("o.b", b"after")
            await until(connection, "M", reached(501))
            assert await messages_of(js, "M", 1, 501) == await messages_of(js, "O", 1, 501)
        run(server, look)

    def test_refuses_publishes_and_becomes_a_stream_of_its_own(self, server):
        async def test(connection, js):
            await create(connection, "O", subjects=["o.>"])
            await create(connection, "M", mirror={"name": "O"})
            await js.publish("o.a", b"1")
            await until(connection, "M", reached(1))
            with pytest.raises(errors.NoStreamResponseError):
                await js.publish("M", b"x")
            config = (await info_of(connection, "M"))["config"]
            changed = {**config, "mirror": {"name": "OTHER"}}
            refused = await request(connection, "STREAM.UPDATE.M", changed)
            assert refused["error"]["err_code"] == 10055
            del config["mirror"]
            config["subjects"] = ["m.>"]
            promoted = await request(connection, "STREAM.UPDATE.M", config)
            assert "error" not in promoted and "mirror" not in promoted
            assert (await js.publish("m.a", b"2")).seq == 2
            await js.publish("o.a", b"not here")
            await asyncio.sleep(0.5)
            assert (await info_of(connection, "M"))["state"]["messages"] == 2
        run(server, test)

    def test_waits_for_an_origin_that_does_not_exist_yet(self, server):
        async def test(connection, js):
            await create(connection, "M", mirror={"name": "O", "filter_subject": "o.yes"})
            info = await until(connection, "M", lambda info: "error" in info["mirror"])
            assert info["mirror"]["error"]["err_code"] == 10059
            await create(connection, "O", subjects=["o.>"])
            for subject in ("o.yes", "o.no", "o.yes"):
                await js.publish(subject, b"x")
            info = await until(connection, "M", reached(3))
            assert (info["state"]["messages"], info["state"]["first_seq"]) == (2, 1)
            assert "error" not in info["mirror"]
        run(server, test)

    def test_answers_direct_gets_of_its_origin(self, server):
        async def test(connection, js):
            await create(connection, "O", subjects=["o.>"], allow_direct=True)
            await js.publish("o.a", b"1")
            made = await create(connection, "M", mirror={"name": "O"})
            assert made["config"]["mirror_direct"] is True
            # The same again is the same stream.
            await create(connection, "M", mirror={"name": "O"})
            await until(connection, "M", reached(1))
            await request(connection, "STREAM.DELETE.O")
            answer = await connection.request("$JS.API.DIRECT.GET.O.o.a", b"", timeout=TIMEOUT_S)
            assert (answer.data, answer.headers["Nats-Stream"]) == (b"1", "M")
        run(server, test)


class TestSources:
    def test_gathers_several_streams(self, server):
        async def test(connection, js):
            for name in ("A", "B"):
                await create(connection, name, subjects=[f"{name}.>"])
            await create(connection, "S", subjects=["own"], sources=[
                {"name": "A", "filter_subject": "A.yes"},
                {"name": "B", "subject_transforms": [{"src": "B.*", "dest": "from.b.{{wildcard(1)}}"}]}])
            for subject in ("A.yes", "A.no", "B.x", "own", "A.yes"):
                await js.publish(subject, subject.encode())
            info = await until(connection, "S", holds(4))
            found = {}
            for seq in range(1, 5):
                message = await js.get_msg("S", seq)
                found.setdefault(message.subject, []).append((message.headers or {}).get("Nats-Stream-Source"))
            assert found == {"A.yes": ["A 1 A.yes > A.yes", "A 3 A.yes > A.yes"], "own": [None],
                             "from.b.x": ["B 1 B.* from.b.{{wildcard(1)}} B.x"]}
            assert [one["name"] for one in info["sources"]] == ["A", "B"]
        run(server, test)

    @ENDS
    def test_nothing_is_lost_or_doubled_by_a_restart(self, server, end):
        """Also of messages that have been consumed from a work queue: only its own memory tells it of them."""
        async def fill(connection, js):
            await create(connection, "A", subjects=["a.>"])
            await create(connection, "W", retention="workqueue", sources=[{"name": "A"}])
            await create(connection, "S", sources=[{"name": "A"}])
            puller = await js.pull_subscribe("", durable="D", stream="W")
            for n in range(300):
                await js.publish("a.x", str(n).encode())
            await until(connection, "W", lambda info: info["state"]["last_seq"] == 300)
            done = []
            while len(done) < 300:
                for message in await puller.fetch(100, timeout=TIMEOUT_S):
                    await message.ack_sync(timeout=TIMEOUT_S)
                    done.append(message.data)
            assert done == [str(n).encode() for n in range(300)]
            for n in range(300, 400):
                await js.publish("a.x", str(n).encode())
        run(server, fill)
        server.stop(end)
        server.start()

        async def look(connection, js):
            await js.publish("a.x", b"400")
            await until(connection, "W", holds(101))
            await until(connection, "S", holds(401))
            await asyncio.sleep(1)
            for name, first, count in (("W", 301, 101), ("S", 1, 401)):
                state = (await info_of(connection, name))["state"]
                assert (state["messages"], state["last_seq"]) == (count, first + count - 1)
                found = await messages_of(js, name, first, first + count - 1)
                assert [data for _, data in found.values()] == [str(n).encode() for n in range(first - 1, 401)]
        run(server, look)

    def test_sources_can_be_changed(self, server):
        async def test(connection, js):
            for name in ("A", "B"):
                await create(connection, name, subjects=[name])
                await js.publish(name, b"1")
            made = await create(connection, "S", sources=[{"name": "A"}])
            await until(connection, "S", holds(1))
            config = {**made["config"], "sources": [{"name": "A"}, {"name": "B"}]}
            assert "error" not in await request(connection, "STREAM.UPDATE.S", config)
            await until(connection, "S", holds(2))
            config["sources"] = [{"name": "B"}]
            info = await request(connection, "STREAM.UPDATE.S", config)
            assert [one["name"] for one in info["sources"]] == ["B"]
            await js.publish("A", b"2")
            await js.publish("B", b"2")
            await until(connection, "S", holds(3))
            await asyncio.sleep(0.5)
            assert (await info_of(connection, "S"))["state"]["messages"] == 3
        run(server, test)

    def test_wrong_configurations_are_refused_with_their_codes(self, server):
        async def test(connection, _):
            await create(connection, "O", subjects=["o"], max_msg_size=1000)
            for config, code in (
                    ({"mirror": {"name": "O"}, "subjects": ["x"]}, 10034),
                    ({"mirror": {"name": "O"}, "max_msg_size": 10}, 10030),
                    ({"sources": [{"name": "O"}], "max_msg_size": 10}, 10046),
                    ({"sources": [{"name": "O"}, {"name": "O"}]}, 10140),
                    ({"sources": [{"name": "X"}]}, 10052)):
                answer = await request(connection, "STREAM.CREATE.X", {"name": "X", **config})
                assert answer["error"]["err_code"] == code, answer
        run(server, test)
