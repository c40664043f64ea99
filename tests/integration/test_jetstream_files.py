"""Streams in files: what was acknowledged is there after an orderly end and after kill -9, with the
consumers where they were (wire reference 9 to 12)."""
import asyncio
import json
import signal

import nats
import pytest
from nats.js import api, errors
from harness.server import BASE_CONFIG, Server, run_to_end

FILE = api.StorageType.FILE
TIMEOUT_S = 10


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
            return await asyncio.wait_for(test(connection, connection.jetstream(timeout=TIMEOUT_S)), 60)
        finally:
            await connection.close()
    return asyncio.run(body())


def again(server, number):
    code = server.stop(number)
    server.start()
    return code


ENDS = pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL], ids=["orderly", "kill"])


@ENDS
def test_messages_and_configuration_are_there_again(server, end):
    async def fill(_, js):
        await js.add_stream(name="KEEP", subjects=["keep.*"], storage=FILE, max_msgs_per_subject=3,
                            description="kept", allow_direct=True)
        await js.add_stream(name="GONE", subjects=["gone"], storage=FILE)
        await js.publish("gone")
        for n in range(10):
            await js.publish(f"keep.{n % 2}", str(n).encode() * 100, headers={"N": str(n)})
        await js.delete_msg("KEEP", 8)
        await js.delete_stream("GONE")
        return await js.stream_info("KEEP")
    before = run(server, fill)
    again(server, end)

    async def look(_, js):
        info = await js.stream_info("KEEP")
        assert (info.config.description, info.config.max_msgs_per_subject) == ("kept", 3)
        assert info.state == before.state
        for seq in (5, 6, 7, 9, 10):
            message = await js.get_msg("KEEP", seq)
            assert (message.data, message.headers["N"]) == (str(seq - 1).encode() * 100, str(seq - 1))
        with pytest.raises(errors.NotFoundError):
            await js.get_msg("KEEP", 8)
        with pytest.raises(errors.NotFoundError):
            await js.stream_info("GONE")
        assert (await js.publish("keep.0")).seq == 11
    run(server, look)


@ENDS
def test_consumers_go_on_where_they_were(server, end):
    async def begin(_, js):
        await js.add_stream(name="C", subjects=["c"], storage=FILE)
        for n in range(6):
            await js.publish("c", str(n).encode())
        sub = await js.pull_subscribe("c", "worker", config=api.ConsumerConfig(ack_wait=1))
        got = await sub.fetch(4, timeout=TIMEOUT_S)
        for at in (0, 1, 3):  # not 2
            await got[at].ack_sync(timeout=TIMEOUT_S)
    run(server, begin)
    again(server, end)

    async def go_on(_, js):
        info = await js.consumer_info("C", "worker")
        assert (info.ack_floor.stream_seq, info.num_ack_pending) == (2, 1)
        sub = await js.pull_subscribe_bind("worker", "C")
        got = {}
        while len(got) < 3:
            for one in await sub.fetch(1, timeout=TIMEOUT_S):
                got[one.metadata.sequence.stream] = one.metadata.num_delivered
                await one.ack_sync(timeout=TIMEOUT_S)
        assert got == {3: 2, 5: 1, 6: 1}
    run(server, go_on)


@ENDS
def test_duplicates_are_known_after_a_restart(server, end):
    async def first(_, js):
        await js.add_stream(name="D", subjects=["d"], storage=FILE)
        await js.publish("d", headers={"Nats-Msg-Id": "a"})
    run(server, first)
    again(server, end)

    async def second(_, js):
        ack = await js.publish("d", headers={"Nats-Msg-Id": "a"})
        assert (ack.seq, ack.duplicate) == (1, True)
    run(server, second)


def test_a_work_queue_loses_nothing_acknowledged_when_it_is_killed(server):
    async def produce(connection, js):
        await js.add_stream(name="W", subjects=["w"], storage=FILE, retention=api.RetentionPolicy.WORK_QUEUE)
        acks = []
        for n in range(2000):
            acks.append(await js.publish_async("w", str(n).encode()))
            if n == 1000:
                await asyncio.gather(*acks)
                server.send_signal(signal.SIGKILL)
                break
        return len(acks)
    acknowledged = run(server, produce)
    server.wait()
    server.start()

    async def consume(_, js):
        state = (await js.stream_info("W")).state
        assert state.messages >= acknowledged
        sub = await js.pull_subscribe("w", "one")
        seen = set()
        while len(seen) < acknowledged:
            for one in await sub.fetch(200, timeout=TIMEOUT_S):
                seen.add(int(one.data))
                await one.ack_sync(timeout=TIMEOUT_S)
        assert seen >= set(range(acknowledged))
        assert (await js.stream_info("W")).state.messages == state.messages - len(seen)
    run(server, consume)


def test_memory_streams_are_forgotten(server):
    async def fill(_, js):
        await js.add_stream(name="M", subjects=["m"], storage=api.StorageType.MEMORY)
        await js.publish("m")
    run(server, fill)
    again(server, signal.SIGINT)

    async def look(_, js):
        with pytest.raises(errors.NotFoundError):
            await js.stream_info("M")
    run(server, look)


def test_the_log_and_the_pages_say_what_is_there(server):
    log = server.log()
    for line in ("Starting JetStream", "---------------- JETSTREAM ----------------", "  Strict:          true",
                 "  Max Memory:      ", "  Max Storage:     ", "  API Level:       5",
                 f'  Store Directory: "{server.folder}/store/jetstream"'):
        assert line in log

    async def fill(_, js):
        await js.add_stream(name="F", subjects=["f"], storage=FILE, max_bytes=1 << 20)
        await js.publish("f", b"x" * 100)
    run(server, fill)
    page = server.json("/varz")["jetstream"]
    assert page["config"]["store_dir"] == f"{server.folder}/store/jetstream"
    assert page["config"]["sync_always"] is True
    assert (page["stats"]["accounts"], page["stats"]["reserved_storage"]) == (1, 1 << 20)
    assert page["stats"]["storage"] > 100
    page = server.json("/jsz")
    assert (page["streams"], page["messages"], "disabled" in page) == (1, 1, False)
    assert page["api"]["total"] >= 1


def test_two_servers_do_not_share_a_store(server, tmp_path):
    ended = run_to_end(["-js", "-sd", f"{tmp_path}/store", "-a", "127.0.0.1", "-p", "-1"])
    assert ended.returncode == 1
    assert "store_dir" in ended.stderr + ended.stdout


@pytest.mark.parametrize("folder", ["file", "file/below"])
def test_a_file_in_place_of_the_store(tmp_path, folder):
    (tmp_path / "file").write_text("not a folder")
    ended = run_to_end(["-js", "-sd", f"{tmp_path}/{folder}", "-a", "127.0.0.1", "-p", "-1"])
    assert ended.returncode == 1
    said = [line for line in ended.stderr.splitlines() if "[FTL]" in line]
    assert "storage directory" in said[0]


def test_a_store_directory_alone_does_nothing(tmp_path):
    one = Server(tmp_path, BASE_CONFIG, args=["--store_dir", str(tmp_path / "store")])
    try:
        assert json.loads(one.http("/varz")[2])["jetstream"] == {}
        assert not (tmp_path / "store").exists()
    finally:
        one.discard()
