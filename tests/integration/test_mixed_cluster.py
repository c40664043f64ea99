"""Clusters of this broker and the real nats-server: the wire format of routes as both understand it."""
import signal
import time
from collections import Counter

import pytest

from harness.cluster import Cluster, free_port, peers
from harness.server import nats_server, wait_until

REAL = nats_server()
pytestmark = pytest.mark.skipif(REAL is None, reason="there is no nats-server: bench/get-nats-server fetches it")

OURS = None
FULL = 4  # a pool of three and the connection of the system account


@pytest.fixture(params=["ours first", "theirs first"])
def cluster(start, request):
    """Two of each kind; all know the first one only."""
    kinds = [OURS, REAL, OURS, REAL] if request.param == "ours first" else [REAL, OURS, REAL, OURS]
    return Cluster(start, size=4, programs=kinds)


@pytest.fixture
def join(cluster, dial):
    return lambda number, **options: dial(cluster[number]).connect(headers=True, no_responders=True, **options)


def routes_by_peer(node):
    return Counter(r["remote_name"] for r in node.json("/routez")["routes"])


def fully_meshed(nodes, connections=FULL):
    for node in nodes:
        wanted = {other.name: connections for other in nodes if other is not node}
        wait_until(lambda: routes_by_peer(node) == wanted, 20,
                   lambda: f"{node.name} has {wanted}, has {routes_by_peer(node)}")


def knows(node, subject, count):
    """`node` has the interest of `count` peers in the subject. The two kinds list subscriptions
    differently: with or without the account in front, a queue behind or not."""
    def listed():
        routes = node.json("/routez?subs=1")["routes"]
        return [s for r in routes for s in r.get("subscriptions_list") or [] if not s.startswith("$SYS")]

    wait_until(lambda: len([s for s in listed() if subject in s.split()]) >= count, 10,
               lambda: f"{node.name} knows {subject} of {count} peers, knows {listed()}")


def subscribe(nodes, client, here, *lines):
    """Subscribes and waits until every other node has heard."""
    client.send("".join(line + "\r\n" for line in lines))
    client.ping()
    for node in nodes:
        if node is not here:
            for line in lines:
                knows(node, line.split()[1], 1)


def everybody_subscribes(cluster, clients, *lines):
    for client in clients:
        client.send("".join(line + "\r\n" for line in lines))
        client.ping()
    for node in cluster.nodes:
        for line in lines:
            knows(node, line.split()[1], len(clients) - 1)


def pair(start, first, second, programs=(OURS, REAL), extra=""):
    """Two servers, "a" listening for routes on a fixed port and "b" dialling it; the arguments are what
    stands in the cluster block besides, `extra` in all of the second one's file."""
    port = free_port()
    a = start(f'server_name: a\ncluster {{ name: x, listen: "127.0.0.1:{port}"\n{first} }}', name="a",
              program=programs[0])
    b = start(f'server_name: b\ncluster {{ name: x, listen: "127.0.0.1:-1", '
              f'routes: ["nats://127.0.0.1:{port}"]\n{second} }}\n{extra}', name="b", program=programs[1])
    return a, b


def test_the_mesh_is_full_with_all_connections(cluster):
    fully_meshed(cluster.nodes)
    time.sleep(1.5)  # what is wrong would be dialled again by now
    fully_meshed(cluster.nodes)


def test_messages_reach_everybody(cluster, join):
    clients = [join(i) for i in range(4)]
    everybody_subscribes(cluster, clients, "SUB m.> 1")
    block = b"NATS/1.0\r\nK: v\r\n\r\n"
    payload = bytes(range(256)) * 1000
    for client in clients:
        client.send(b"PUB m.a m.back 5\r\nhello\r\n")
        client.send(b"HPUB m.h %d %d\r\n%shi\r\n" % (len(block), len(block) + 2, block))
        client.send(b"PUB m.large %d\r\n%s\r\nPUB m.none 0\r\n\r\n" % (len(payload), payload))
        for receiver in clients:
            receiver.expect(b"MSG m.a 1 m.back 5\r\nhello\r\n")
            receiver.expect(b"HMSG m.h 1 %d %d\r\n%shi\r\n" % (len(block), len(block) + 2, block))
            receiver.expect(b"MSG m.large 1 %d\r\n%s\r\nMSG m.none 1 0\r\n\r\n" % (len(payload), payload), timeout=20)
    time.sleep(0.3)
    for client in clients:
        client.ping()  # nothing came twice


def test_order_is_kept(cluster, join):
    receiver, sender = join(1), join(2)
    subscribe(cluster.nodes, receiver, cluster[1], "SUB ord.a 1")
    sender.send(b"".join(b"PUB ord.a 6\r\n%06d\r\n" % i for i in range(10_000)))
    receiver.expect(b"".join(b"MSG ord.a 1 6\r\n%06d\r\n" % i for i in range(10_000)), timeout=60)


def test_queue_groups_over_both_kinds(cluster, join):
    workers = [join(i) for i in range(4)]
    everybody_subscribes(cluster, workers, "SUB q.a g 1", "SUB q.a h 2")
    for number in range(4):
        sender = join(number)
        sender.send(b"".join(b"PUB q.a q.back 5\r\n%d%04d\r\n" % (number, i) for i in range(200)))
        sender.ping()
    time.sleep(1)
    seen = Counter((m.sid, m.payload) for w in workers for m in w.messages_until_pong())
    assert len(seen) == 1600 and set(seen.values()) == {1}


def test_request_and_reply(cluster, join):
    for server, asker in ((0, 1), (1, 0), (2, 3), (3, 2), (0, 2), (1, 3)):
        service, caller = join(server), join(asker)
        subject = f"svc.{server}{asker}"
        subscribe(cluster.nodes, service, cluster[server], f"SUB {subject} workers 1")
        for number in range(30):
            reply = f"rr.{server}{asker}.{number}"
            caller.send(f"SUB {reply} {number}\r\nUNSUB {number} 1\r\nPUB {subject} {reply} 1\r\nx\r\n")
            service.send(f"PUB {service.message().reply} 2\r\nok\r\n")
            caller.expect(f"MSG {reply} {number} 2\r\nok\r\n")


def test_interest_goes_again(cluster, join):
    receiver, sender = join(0), join(1)
    subscribe(cluster.nodes, receiver, cluster[0], "SUB go.a 1", "SUB go.q g 2")
    receiver.send("UNSUB 1\r\nUNSUB 2\r\n")
    receiver.ping()

    def gone():
        sender.send("SUB back 9\r\nPUB go.a back 0\r\n\r\nPUB go.q back 0\r\n\r\n")
        answers = sender.messages_until_pong()
        sender.send("UNSUB 9\r\n")
        return len([a for a in answers if a.header.startswith(b"NATS/1.0 503")]) == 2

    wait_until(gone, what="no responders are left")


def test_clients_hear_of_all_nodes_and_of_losses(cluster, dial):
    expected = {f"127.0.0.1:{port}" for port in cluster.client_ports}
    for node in cluster.nodes:
        wait_until(lambda: set(dial(node).info.get("connect_urls") or ()) == expected, what="connect_urls")
    for lost, watcher in ((3, 0), (2, 1)):
        client = dial(cluster[watcher]).connect(protocol=1)
        expected.discard(f"127.0.0.1:{cluster.client_ports[lost]}")
        cluster[lost].kill()
        assert set(client.read_info(timeout=15)["connect_urls"]) == expected


def test_nodes_of_both_kinds_may_be_lost_and_return(cluster, join):
    fully_meshed(cluster.nodes)
    for number in (1, 0, 2):
        cluster[number].kill()
        rest = [n for n in cluster.nodes if n is not cluster[number]]
        for node in rest:
            wait_until(lambda: cluster[number].name not in peers(node), 15, "the loss is noticed")
        cluster[number].start()
        fully_meshed(cluster.nodes)
        receiver, sender = join(number), join((number + 1) % 4)
        subscribe(cluster.nodes, receiver, cluster[number], f"SUB back.{number} 1")
        sender.send(f"PUB back.{number} 1\r\nx\r\n")
        receiver.expect(f"MSG back.{number} 1 1\r\nx\r\n")
        receiver.close()


def test_all_may_dial_all(start, dial):
    """Every node lists every node, itself included; connections cross."""
    cluster = Cluster(start, size=4, gossip=False, programs=[OURS, REAL, OURS, REAL])
    fully_meshed(cluster.nodes)
    time.sleep(2.5)
    fully_meshed(cluster.nodes)


@pytest.mark.parametrize("sizes", [(1, 3), (5, 3), (-1, 3), (3, -1), (3, 5)])
def test_pools_of_other_sizes(start, dial, sizes):
    ours, real = pair(start, f"pool_size: {sizes[0]}", f"pool_size: {sizes[1]}")
    fully_meshed([ours, real], 1 if -1 in sizes else max(sizes) + 1)
    here, there = dial(ours).connect(), dial(real).connect()
    here.send("SUB x.> 1\r\n")
    there.send("SUB x.> 1\r\n")
    here.ping(), there.ping()
    knows(ours, "x.>", 1), knows(real, "x.>", 1)
    here.send("PUB x.1 1\r\n1\r\n")
    there.expect("MSG x.1 1 1\r\n1\r\n")
    here.expect("MSG x.1 1 1\r\n1\r\n")
    there.send("PUB x.2 1\r\n2\r\n")
    here.expect("MSG x.2 1 1\r\n2\r\n")
    there.expect("MSG x.2 1 1\r\n2\r\n")


@pytest.mark.parametrize("mode", ["s2_fast", "s2_auto", "accept", "off"])
@pytest.mark.parametrize("dialler", ["ours", "theirs"])
def test_peers_that_would_compress(start, dial, mode, dialler):
    compression = f"compression: {mode}"
    if dialler == "ours":
        real, ours = pair(start, compression, "", (REAL, OURS))
    else:
        ours, real = pair(start, "", compression)
    fully_meshed([ours, real])
    assert {r["compression"] for r in real.json("/routez")["routes"]} <= {"not supported", "off"}
    here, there = dial(ours).connect(), dial(real).connect()
    there.send("SUB c 1\r\n")
    there.ping()
    knows(ours, "c", 1)
    here.send(b"PUB c 40000\r\n%s\r\n" % (b"c" * 40000))
    there.expect(b"MSG c 1 40000\r\n%s\r\n" % (b"c" * 40000))


@pytest.mark.parametrize("dialler", ["ours", "theirs"])
def test_authorization(start, dialler):
    port = free_port()
    secret = "authorization { user: r, password: topsecretroute }"
    programs = (REAL, OURS) if dialler == "ours" else (OURS, REAL)
    accepts = start(f'server_name: a\ncluster {{ name: x, listen: "127.0.0.1:{port}", {secret} }}', name="a",
                    program=programs[0])
    good, bad = [start(f'''server_name: {name}
        cluster {{ name: x, listen: "127.0.0.1:-1", routes: ["nats://r:{password}@127.0.0.1:{port}"] }}''', name=name,
                       program=programs[1]) for name, password in (("b", "topsecretroute"), ("c", "wrong"))]
    fully_meshed([accepts, good])
    bad.wait_log("Authorization Violation")
    assert "c" not in peers(accepts)


@pytest.mark.parametrize("dialler", ["ours", "theirs"])
def test_another_cluster_name(start, dialler):
    port = free_port()
    programs = (REAL, OURS) if dialler == "ours" else (OURS, REAL)
    accepts = start(f'server_name: a\ncluster {{ name: x, listen: "127.0.0.1:{port}" }}', program=programs[0])
    stranger = start(f'''server_name: b
        cluster {{ name: y, listen: "127.0.0.1:-1", routes: ["nats://127.0.0.1:{port}"] }}''', program=programs[1])
    wait_until(lambda: "Cluster Name Conflict" in stranger.log() + accepts.log(), 10, "the refusal")
    assert not peers(accepts) and not peers(stranger)


def test_permissions_of_routes(start, dial):
    ours, real = pair(start, 'permissions { import: ["in.>"], export: ["out.>"] }', "")
    fully_meshed([ours, real])
    here, there = dial(ours).connect(), dial(real).connect()
    here.send("SUB in.a 1\r\nSUB hidden 2\r\n")
    there.send("SUB out.a 1\r\nSUB secret 2\r\n")
    here.ping(), there.ping()
    knows(ours, "out.a", 1), knows(real, "in.a", 1)
    here.send("PUB secret 1\r\nx\r\nPUB out.a 1\r\ny\r\n")
    there.send("PUB hidden 1\r\nx\r\nPUB in.a 1\r\ny\r\n")
    here.expect("MSG in.a 1 1\r\ny\r\n")
    there.expect("MSG out.a 1 1\r\ny\r\n")


def test_a_lame_duck_of_the_other_kind(start, dial):
    ours, real = pair(start, "", "", extra='lame_duck_duration: "30s"\nlame_duck_grace_period: "5s"')
    fully_meshed([ours, real])
    both = {f"127.0.0.1:{ours.port()}", f"127.0.0.1:{real.port()}"}
    wait_until(lambda: set(dial(ours).info.get("connect_urls") or ()) == both, what="both URLs")
    client = dial(ours).connect(protocol=1)
    real.send_signal(signal.SIGUSR2)
    assert client.read_info(timeout=10)["connect_urls"] == [f"127.0.0.1:{ours.port()}"]
