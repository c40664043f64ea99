"""What the monitoring port tells about streams and consumers: /jsz, /healthz, /metrics (wire reference 17)."""
import asyncio
import json

import nats
import pytest
from nats.js import api
from harness.server import BASE_CONFIG, Server


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("jetstream")
    one = Server(folder, BASE_CONFIG + f'jetstream {{ store_dir: "{folder}/store" }}\n')

    async def fill():
        connection = await nats.connect(one.url())
        js = connection.jetstream()
        await js.add_stream(name="ORDERS", subjects=["orders.>"])
        await js.add_stream(name="IDLE", subjects=["idle"], storage=api.StorageType.MEMORY)
        for n in range(5):
            await js.publish(f"orders.{n}", b"x" * 10)
        consumer = await js.pull_subscribe("orders.>", durable="WORK")
        for message in await consumer.fetch(2):
            await message.ack_sync()
        await consumer.fetch(1)
        await connection.close()
    asyncio.run(fill())
    yield one
    one.discard()


class TestJsz:
    def test_accounts_only_when_asked_for(self, server):
        assert "account_details" not in server.json("/jsz")
        [account] = server.json("/jsz?accounts=true")["account_details"]
        assert (account["name"], account["id"], "stream_detail" in account) == ("$G", "$G", False)
        assert account["storage"] > 50
        assert account["api"]["total"] >= 3

    def test_streams(self, server):
        [account] = server.json("/jsz?streams=true")["account_details"]
        idle, orders = account["stream_detail"]
        assert (idle["name"], orders["name"]) == ("IDLE", "ORDERS")
        assert (orders["state"]["messages"], orders["state"]["consumer_count"]) == (5, 1)
        assert "config" not in orders and "consumer_detail" not in orders

    def test_consumers_with_their_configuration(self, server):
        [account] = server.json("/jsz?consumers=1&config=1&acc=$G")["account_details"]
        orders = account["stream_detail"][1]
        assert orders["config"]["subjects"] == ["orders.>"]
        [work] = orders["consumer_detail"]
        assert work["config"]["durable_name"] == "WORK"
        assert (work["num_pending"], work["num_ack_pending"]) == (2, 1)
        assert (work["delivered"]["stream_seq"], work["ack_floor"]["stream_seq"]) == (3, 2)

    def test_an_account_that_is_not_there_has_no_details(self, server):
        assert "account_details" not in server.json("/jsz?acc=nobody")


class TestHealthz:
    @pytest.mark.parametrize("query", ["", "?js-enabled-only=true", "?js-server-only=true", "?account=$G",
                                       "?account=$G&stream=ORDERS", "?account=$G&stream=ORDERS&consumer=WORK"])
    def test_healthy(self, server, query):
        status, _, body = server.http("/healthz" + query)
        assert (status, json.loads(body)) == (200, {"status": "ok"})

    @pytest.mark.parametrize("query, text", [
        ("account=A", 'JetStream account "A" not found'),
        ("account=$G&stream=S", 'JetStream stream "S" not found on account "$G"'),
        ("account=$G&stream=ORDERS&consumer=C",
         'JetStream consumer "C" not found for stream "ORDERS" on account "$G"')])
    def test_what_does_not_exist(self, server, query, text):
        status, _, body = server.http("/healthz?" + query)
        assert (status, json.loads(body)) == (404, {"status": "unavailable", "error": text})
        status, _, body = server.http(f"/healthz?{query}&details=true")
        [error] = json.loads(body)["errors"]
        assert (status, error["error"], error["account"] in text) == (404, text, True)


def test_metrics_of_streams_and_consumers(server):
    text = server.http("/metrics")[2]
    values = {}
    for line in text.splitlines():
        if line.startswith(("jetstream_", "natrix_jetstream_")):
            name, value = line.rsplit(" ", 1)
            part = next((p for p in ("WORK", "ORDERS", "IDLE") if f'"{p}"' in name), "")
            values[name.split("{")[0], part] = float(value)
    assert values["jetstream_server_total_streams", ""] == 2
    assert values["jetstream_stream_total_messages", "ORDERS"] == 5
    assert values["jetstream_stream_total_messages", "IDLE"] == 0
    assert values["jetstream_consumer_num_pending", "WORK"] == 2
    assert values["jetstream_consumer_num_ack_pending", "WORK"] == 1
    assert values["jetstream_consumer_ack_floor_stream_seq", "WORK"] == 2
    assert values["natrix_jetstream_syncs_total", ""] >= 1
    assert values["natrix_jetstream_sync_interval_seconds", ""] == 0
    assert values["natrix_jetstream_store_writable", ""] == 1
