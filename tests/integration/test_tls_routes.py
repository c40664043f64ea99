"""TLS between servers, of one kind and together with nats-server."""
import signal

import pytest

from harness.certs import Authority
from harness.cluster import Cluster, free_port, peers
from harness.server import nats_server, wait_until

REAL = nats_server()
OURS = None
needs_real = pytest.mark.skipif(REAL is None, reason="there is no nats-server: bench/get-nats-server fetches it")


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path / "certs")


def block(authority, pair, more=""):
    return f"tls {{ {pair.block(authority.ca, more)} }}"


def two(start, first, second, url="nats://localhost:{}", programs=(OURS, OURS)):
    """"a" listens for routes and "b" dials it; the texts stand in their cluster blocks."""
    port, back = free_port(), free_port()
    a = start(f'server_name: a\ncluster {{ name: x, listen: "127.0.0.1:{port}"\n{first.replace("{port}", str(back))} }}',
              name="a", program=programs[0])
    b = start(f'server_name: b\ncluster {{ name: x, listen: "127.0.0.1:{back}", '
              f'routes: ["{url.format(port)}"]\n{second} }}', name="b", program=programs[1])
    return a, b


def joined(*nodes, timeout=15):
    for node in nodes:
        others = {n.name for n in nodes if n is not node}
        wait_until(lambda: peers(node) == others, timeout, lambda: f"{node.name} has {peers(node)}; {node.log()}")


def everybody_hears(nodes, dial, subject):
    clients = [dial(node).connect(headers=True, no_responders=True) for node in nodes]
    for client in clients:
        client.send(f"SUB {subject} 1\r\n")
        client.ping()
    for node in nodes:
        wait_until(lambda: sum(any(subject in s.split() for s in r.get("subscriptions_list") or [])
                               for r in node.json("/routez?subs=1")["routes"]) >= len(nodes) - 1)
    for i, client in enumerate(clients):
        client.send(f"PUB {subject} 1\r\n{i}\r\n")
        for receiver in clients:
            assert receiver.message().payload == str(i).encode()


def test_routes_are_made_over_tls_by_gossip_too(start, dial, authority):
    pair = authority.issue("node", alt_names=("DNS:localhost",))  # gossip tells addresses only
    cluster = Cluster(start, size=3, dial_host="localhost", cluster_extra=block(authority, pair))
    everybody_hears(cluster.nodes, dial, "t")
    shown = cluster[0].json("/varz")["cluster"]
    assert shown["tls_required"] is True and shown["tls_verify"] is True and shown["tls_timeout"] == 2
    assert shown["tls_cert_serial"].lstrip("0") == pair.serial().lstrip("0")
    assert cluster[0].url("cluster").startswith("tls://")


@needs_real
@pytest.mark.parametrize("kinds", [[OURS, REAL, OURS], [REAL, OURS, REAL]], ids=["ours first", "theirs first"])
def test_mixed_cluster_over_tls(start, dial, authority, kinds):
    pair = authority.issue("node", alt_names=("DNS:localhost",))
    cluster = Cluster(start, size=3, dial_host="localhost", cluster_extra=block(authority, pair), programs=kinds)
    everybody_hears(cluster.nodes, dial, "t")
    cluster[1].kill()
    cluster[1].start()
    cluster.wait_meshed(30)
    everybody_hears(cluster.nodes, dial, "again")


@pytest.mark.parametrize("first, second", [(OURS, OURS), pytest.param(REAL, OURS, marks=needs_real),
                                           pytest.param(OURS, REAL, marks=needs_real)])
def test_strangers_and_plain_servers_stay_outside(start, authority, tmp_path, first, second):
    pair = authority.issue("node")
    stranger = Authority(tmp_path / "other", "another authority").issue("stranger")
    a, b = two(start, block(authority, pair), block(authority, stranger), programs=(first, second))
    a.wait_log("TLS route handshake error")  # with TLS 1.3 the side that dials only sees the end
    b.wait_log("Read Error")
    assert peers(a) == peers(b) == set()
    plain = start(f'server_name: c\ncluster {{ name: x, listen: "127.0.0.1:-1", routes: ["{a.url("cluster")}"] }}'
                  .replace("tls://", "nats://"), name="c")
    wait_until(lambda: "rid:" in plain.log() or "Route" in plain.log())
    assert peers(a) == set()


def test_the_name_of_a_dialled_server_is_checked(start, authority):
    right, wrong = authority.issue("right"), authority.issue("wrong", alt_names=("DNS:elsewhere.example",))
    a, b = two(start, block(authority, wrong), block(authority, right))
    b.wait_log("TLS route handshake error: tls: failed to verify certificate: x509: hostname mismatch")
    assert peers(a) == set()
    a, c = two(start, block(authority, wrong), block(authority, right, "insecure: true"))
    assert "DO NOT USE IN PRODUCTION" in c.log()
    joined(a, c)


def test_known_urls(start, authority):
    known = authority.issue("known")
    unknown = authority.issue("unknown", alt_names=("DNS:elsewhere.example",))
    check = block(authority, known, "verify_cert_and_check_known_urls: true")
    routes = '\nroutes: ["nats://localhost:{port}"]'
    a, b = two(start, check + routes, block(authority, known))
    joined(a, b)
    a, c = two(start, check + routes,
               block(authority, unknown, "insecure: true"))
    a.wait_log("authentication error")
    assert peers(c) == set()


def test_the_user_of_a_route_by_certificate(start, authority):
    pair, other = authority.issue("r1", alt_names=("DNS:localhost", "email:r@example.com")), authority.issue("r2")
    login = "\nauthorization {user: \"r@example.com\", password: p}"
    inside = block(authority, pair, "verify_and_map: true")
    a, b = two(start, inside + login, block(authority, pair))
    joined(a, b)
    a, c = two(start, inside + login, block(authority, other))
    a.wait_log("authentication error")
    assert peers(c) == set()


def test_rotation_keeps_routes_and_serves_new_ones(start, dial, authority):
    pair = authority.issue("node")
    a, b = two(start, block(authority, pair), block(authority, pair))
    joined(a, b)
    before = {r["rid"] for r in a.json("/routez")["routes"]}
    pair = authority.issue("node")
    for node in (a, b):
        node.send_signal(signal.SIGHUP)
        wait_until(lambda: node.json("/varz")["cluster"]["tls_cert_serial"].lstrip("0") == pair.serial().lstrip("0"))
    assert before <= {r["rid"] for r in a.json("/routez")["routes"]}
    b.kill()
    b.start()
    joined(a, b)
    everybody_hears([a, b], dial, "after")
    pair.cert.write_text("nothing")
    a.send_signal(signal.SIGHUP)
    a.wait_log("Failed to reload server configuration: ")
    joined(a, b)


def test_tls_may_be_given_to_routes_by_a_reload(start, dial, authority):
    pair = authority.issue("node")
    a, b = two(start, "", "")
    joined(a, b)
    for node in (a, b):
        text = node.config_path.read_text()
        node.config_path.write_text(text.replace("name: x", "name: x\n" + block(authority, pair)))
        node.send_signal(signal.SIGHUP)
        node.wait_log("Reloaded server configuration")
    joined(a, b, timeout=30)
    everybody_hears([a, b], dial, "secure")
