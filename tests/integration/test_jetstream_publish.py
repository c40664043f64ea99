"""Publishing into streams beyond single messages: counters (wire reference 10)."""
import asyncio
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
