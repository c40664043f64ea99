"""Priority groups of pull consumers over the wire (wire reference 11.3)."""
import asyncio
import json

import nats
import pytest
from harness.server import BASE_CONFIG, Server


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("jetstream")
    one = Server(folder, BASE_CONFIG + f'jetstream {{ store_dir: "{folder}/store" }}\n')
    yield one
    one.discard()


def test_a_client_is_pinned_and_unpinned(server):
    async def body():
        connection = await nats.connect(server.url())

        async def api(subject, request):
            answer = await connection.request("$JS.API." + subject, json.dumps(request).encode(), timeout=10)
            return json.loads(answer.data)

        advisories = await connection.subscribe("$JS.EVENT.ADVISORY.CONSUMER.*.P.C")
        pulled = await connection.subscribe("pulled")
        await connection.jetstream().add_stream(name="P", subjects=["p"])
        config = {"durable_name": "C", "ack_policy": "explicit", "priority_policy": "pinned_client",
                  "priority_groups": ["G"]}
        created = await api("CONSUMER.CREATE.P.C", {"stream_name": "P", "config": config})
        assert created["config"]["priority_timeout"] == 120_000_000_000
        assert created["priority_groups"] == [{"group": "G", "pinned_ts": "0001-01-01T00:00:00Z"}]
        for n in range(3):
            await connection.jetstream().publish("p", b"%d" % n)

        async def pull(request):
            # Not request(): messages keep their own subject, by which the client's multiplexer would not know them.
            await connection.publish("$JS.API.CONSUMER.MSG.NEXT.P.C", json.dumps(request).encode(), reply="pulled")
            return await pulled.next_msg(timeout=10)
        first = await pull({"batch": 1, "group": "G"})
        pin = first.headers["Nats-Pin-Id"]
        wrong = await pull({"batch": 1, "group": "G", "id": "other"})
        assert wrong.headers["Status"] == "423"
        second = await pull({"batch": 1, "group": "G", "id": pin})
        assert (first.data, second.data, second.headers["Nats-Pin-Id"]) == (b"0", b"1", pin)

        assert (await api("CONSUMER.UNPIN.P.C", {"group": "H"}))["error"]["err_code"] == 10160
        assert (await api("CONSUMER.UNPIN.P.C", {"group": "no such name!"}))["error"]["err_code"] == 10162
        assert "error" not in await api("CONSUMER.UNPIN.P.C", {"group": "G"})
        third = await pull({"batch": 1, "group": "G"})
        assert third.headers["Nats-Pin-Id"] != pin
        subjects = []
        while len(subjects) < 4:
            advisory = await advisories.next_msg(timeout=10)
            subjects.append(advisory.subject.split(".")[4])
        assert subjects == ["CREATED", "PINNED", "UNPINNED", "PINNED"]
        await connection.close()
    asyncio.run(body())
