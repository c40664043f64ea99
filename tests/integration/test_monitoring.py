"""The monitoring port: pages, fields, parameters, metrics (wire reference 17)."""
import json
import re

import pytest
from prometheus_client.parser import text_string_to_metric_families

from harness.cluster import Cluster
from harness.server import wait_until


@pytest.fixture
def busy(start, dial):
    """A server with two clients, three subscriptions and some traffic."""
    server = start("server_name: busy\nserver_tags: [\"az:1\", \"blue\"]")
    one = dial(server).connect(name="one")
    two = dial(server).connect(name="two", lang="test", version="9.9")
    one.send("SUB a.b 1\r\nSUB a.> q 2\r\n")
    two.send("SUB c 3\r\n")
    two.ping()
    one.send("PUB c 5\r\nhello\r\n" * 4)
    for _ in range(4):
        two.message()
    one.ping()
    server.clients = (one, two)
    return server


@pytest.mark.parametrize("path", ["/varz", "/connz", "/routez", "/subsz", "/subscriptionsz", "/healthz"])
def test_pages_are_indented_json_for_anybody(busy, path):
    status, headers, body = busy.http(path)
    assert status == 200
    assert headers["Content-Type"].startswith("application/json")
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert isinstance(json.loads(body), dict)
    if path != "/healthz":
        assert body.startswith('{\n  "')


def test_root_page(busy):
    status, headers, body = busy.http("/")
    assert status == 200 and headers["Content-Type"].startswith("text/html")
    for link in ("varz", "connz", "routez", "subsz", "healthz"):
        assert link in body


def test_unknown_page(busy):
    assert busy.http("/nonsense")[0] == 404


def test_healthz(busy):
    status, _, body = busy.http("/healthz")
    assert (status, json.loads(body)) == (200, {"status": "ok"})


def test_varz(busy):
    varz = busy.json("/varz")
    assert re.fullmatch(r"N[A-Z2-7]{55}", varz["server_id"])
    assert varz["server_name"] == "busy"
    assert re.match(r"\d+\.\d+\.\d+", varz["version"])
    assert (varz["host"], varz["port"]) == ("127.0.0.1", busy.port())
    assert varz["http_port"] in (-1, busy.port("monitoring"))  # as configured or as bound
    assert (varz["max_connections"], varz["max_payload"]) == (65536, 1048576)
    assert (varz["max_control_line"], varz["max_pending"]) == (4096, 67108864)
    assert varz["ping_interval"] == 120_000_000_000 and varz["ping_max"] == 2
    assert varz["write_deadline"] == 10_000_000_000
    assert varz["connections"] == 2 and varz["total_connections"] >= 2
    assert (varz["in_msgs"], varz["out_msgs"]) == (4, 4)
    assert (varz["in_bytes"], varz["out_bytes"]) == (20, 20)
    assert varz["subscriptions"] >= 3
    assert varz["slow_consumers"] == 0
    assert varz["cores"] >= 1 and varz["mem"] > 0 and varz["cpu"] >= 0
    assert re.fullmatch(r"(\d+[dhms])+", varz["uptime"])
    assert varz["start"] <= varz["now"]
    assert varz["tags"] == ["az:1", "blue"]
    assert varz["http_req_stats"]["/varz"] >= 1
    assert varz["config_load_time"]


def test_connz(busy):
    connz = busy.json("/connz")
    assert (connz["num_connections"], connz["total"], connz["limit"], connz["offset"]) == (2, 2, 1024, 0)
    one, two = connz["connections"]
    assert (one["name"], two["name"]) == ("one", "two")
    assert one["cid"] < two["cid"]
    assert one["ip"] == "127.0.0.1" and one["port"] > 0
    assert (one["kind"], one["type"]) == ("Client", "nats")
    assert (two["lang"], two["version"]) == ("test", "9.9")
    assert (one["in_msgs"], one["in_bytes"], two["out_msgs"], two["out_bytes"]) == (4, 20, 4, 20)
    assert (one["subscriptions"], two["subscriptions"]) == (2, 1)
    assert "subscriptions_list" not in one
    assert one["start"] <= one["last_activity"]
    assert re.fullmatch(r"(\d+[dhms])+", one["uptime"])


def test_connz_subscriptions(busy):
    one = busy.json("/connz?subs=1")["connections"][0]
    assert sorted(one["subscriptions_list"]) == ["a.>", "a.b"]
    detail = busy.json("/connz?subs=detail")["connections"][0]["subscriptions_list_detail"]
    queue = next(s for s in detail if s["subject"] == "a.>")
    assert (queue["qgroup"], queue["sid"], queue["msgs"]) == ("q", "2", 0)


def test_connz_by_id(busy):
    cid = busy.clients[1].info["client_id"]
    found = busy.json(f"/connz?cid={cid}")["connections"]
    assert [c["cid"] for c in found] == [cid]
    assert busy.json("/connz?cid=99999")["connections"] == []


def test_connz_pages(busy):
    page = busy.json("/connz?limit=1&offset=1")
    assert page["total"] == 2 and page["num_connections"] == 1
    assert [c["name"] for c in page["connections"]] == ["two"]


@pytest.mark.parametrize("order, first", [("cid", "one"), ("start", "one"), ("subs", "one"), ("msgs_to", "two"),
                                          ("msgs_from", "one"), ("bytes_to", "two"), ("bytes_from", "one")])
def test_connz_order(busy, order, first):
    assert busy.json(f"/connz?sort={order}")["connections"][0]["name"] == first


def test_connz_closed(busy):
    busy.clients[0].close()
    wait_until(lambda: busy.json("/connz")["num_connections"] == 1, what="the end is noticed")
    closed = busy.json("/connz?state=closed")["connections"]
    assert [(c["name"], c["reason"]) for c in closed] == [("one", "Client Closed")]
    assert closed[0]["stop"] >= closed[0]["start"]
    assert {c["name"] for c in busy.json("/connz?state=any")["connections"]} == {"one", "two"}


@pytest.mark.parametrize("query", ["sort=nonsense", "limit=x", "offset=x", "cid=x", "subs=perhaps", "auth=perhaps",
                                   "state=nonsense"])
def test_bad_parameters(busy, query):
    status, _, body = busy.http("/connz?" + query)
    assert status == 400 and body.strip()


def test_subsz(busy):
    subsz = busy.json("/subsz")
    assert subsz["num_subscriptions"] >= 3
    assert subsz["num_inserts"] >= 3 and subsz["num_matches"] >= 0
    assert "subscriptions_list" not in subsz
    listed = busy.json("/subsz?subs=1")
    mine = {s["subject"]: s for s in listed["subscriptions_list"] if not s["subject"].startswith("$")}
    assert set(mine) == {"a.b", "a.>", "c"}
    assert mine["a.>"]["qgroup"] == "q"
    assert mine["c"]["cid"] == busy.clients[1].info["client_id"]


def test_subsz_test_subject(busy):
    listed = busy.json("/subsz?subs=1&test=a.b")["subscriptions_list"]
    assert {s["subject"] for s in listed} == {"a.b", "a.>"}


def test_base_path(start):
    server = start("http_base_path: /nats/one")
    assert server.http("/nats/one/varz")[0] == 200
    assert server.json("/nats/one/varz")["http_base_path"] == "/nats/one"


def test_monitoring_is_off_by_default(start):
    server = start(base="host: 127.0.0.1\nport: -1\n")
    assert not server.ports.get("monitoring")
    assert "Starting http monitor" not in server.log()


def test_concurrent_scrapes(busy):
    from concurrent.futures import ThreadPoolExecutor
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda i: busy.http(["/varz", "/connz?subs=1", "/subsz"][i % 3])[0], range(120)))
    assert answers == [200] * 120


def test_a_client_that_says_nothing_does_not_block_the_port(busy):
    import socket
    silent = [socket.create_connection(("127.0.0.1", busy.port("monitoring"))) for _ in range(50)]
    assert busy.http("/healthz")[0] == 200
    for one in silent:
        one.close()


@pytest.mark.parametrize("request_text", [b"NONSENSE\r\n\r\n", b"GET /varz\r\n\r\n", b"\x16\x03\x01\x00\xff" * 20,
                                          b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n"])
def test_malformed_requests_do_no_harm(busy, request_text):
    import socket
    with socket.create_connection(("127.0.0.1", busy.port("monitoring")), 5) as bad:
        try:
            bad.sendall(request_text)
            bad.recv(4096)
        except OSError:
            pass
    assert busy.http("/healthz")[0] == 200


def test_only_get_is_served(busy):
    import urllib.error
    import urllib.request
    request = urllib.request.Request(busy.url("monitoring") + "/varz", data=b"x", method="DELETE")
    try:
        urllib.request.urlopen(request, timeout=5).close()
    except urllib.error.HTTPError as error:
        assert error.code in (400, 404, 405)
    assert busy.http("/varz")[0] == 200


def test_routez(start, dial):
    cluster = Cluster(start)
    client = dial(cluster[1]).connect()
    client.send("SUB r.a 1\r\nSUB r.b q 2\r\n")
    client.ping()
    cluster.wait_interest(cluster[0], 2)
    routez = cluster[0].json("/routez?subs=1")
    assert routez["server_name"] == "n1"
    assert routez["num_routes"] == len(routez["routes"])
    assert {r["remote_name"] for r in routez["routes"]} == {"n2", "n3"}
    for route in routez["routes"]:
        assert route["rid"] > 0 and route["remote_id"].startswith("N")
        assert route["ip"] == "127.0.0.1" and route["port"] > 0
        assert isinstance(route["did_solicit"], bool) and isinstance(route["is_configured"], bool)
    lists = [s for r in routez["routes"] if r["remote_name"] == "n2" for s in r.get("subscriptions_list") or []]
    assert {"r.a", "r.b"} <= set(lists)
    varz = cluster[0].json("/varz")
    assert varz["routes"] == routez["num_routes"]
    assert varz["cluster"]["name"] == "test"
    assert varz["cluster"]["cluster_port"] == cluster.route_ports[0]
    assert varz["remotes"] == 2


# --- what nats-server leaves to an exporter of its own


def metrics(server):
    status, headers, body = server.http("/metrics")
    assert status == 200 and headers["Content-Type"].startswith("text/plain")
    return {s.name: s for family in text_string_to_metric_families(body) for s in family.samples}


def natrix_only(server):
    if server.http("/metrics")[0] == 404:
        pytest.skip("this server has no /metrics")


def test_metrics_have_the_official_exporters_names(busy):
    natrix_only(busy)
    found = metrics(busy)
    for name, value in {"connections": 2, "in_msgs": 4, "out_msgs": 4, "in_bytes": 20, "out_bytes": 20,
                        "slow_consumers": 0, "max_payload": 1048576}.items():
        sample = found["nats_varz_" + name]
        assert sample.value == value, name
    assert "server_id" in found["nats_varz_connections"].labels
    assert found["nats_varz_mem"].value > 0


def test_metrics_follow_varz(busy):
    natrix_only(busy)
    busy.clients[0].send("PUB nobody 3\r\nabc\r\n" * 10)
    busy.clients[0].ping()
    assert metrics(busy)["nats_varz_in_msgs"].value == busy.json("/varz")["in_msgs"] == 14


def test_labels_are_escaped(start):
    server = start('server_name: "a\\"b\\\\c"')
    natrix_only(server)
    metrics(server)  # parses
