"""Three nodes: mesh, interest, queue groups, gossip, loss and return (wire reference 5)."""
import json
import time
from collections import Counter

import pytest

from harness.cluster import Cluster, free_port, peers, remote_subscriptions
from harness.server import wait_until


@pytest.fixture
def cluster(start):
    return Cluster(start)


@pytest.fixture
def join(cluster, dial):
    """join(node number, **connect options) → quiet client on that node."""
    return lambda number, **options: dial(cluster[number]).connect(headers=True, no_responders=True, **options)


def subscribed(client, cluster, *lines):
    """Sends SUB lines and waits until every other node has heard."""
    client.send("".join(line + "\r\n" for line in lines))
    client.ping()


def settled(*nodes):
    """Interest travels behind its SUB: wait until the counts stand still."""
    last = None
    for _ in range(100):
        now = [remote_subscriptions(n) for n in nodes]
        if now == last:
            return
        last = now
        time.sleep(0.1)


def test_one_seed_is_enough_for_a_full_mesh(cluster):
    for node in cluster.nodes:
        assert peers(node) == {"n1", "n2", "n3"} - {node.name}


def test_every_node_may_list_all_itself_included(start):
    cluster = Cluster(start, gossip=False)
    time.sleep(1.5)  # a route to itself would come now
    for node in cluster.nodes:
        assert peers(node) == {"n1", "n2", "n3"} - {node.name}
        assert node.process.poll() is None


def test_servers_with_a_loopback_address_each_gossip_those(start):
    """As in the embedded mode: what a server is seen to come from is what others are told to dial."""
    cluster = Cluster(start, hosts=["127.0.0.2", "127.0.0.3", "127.0.0.4"])
    for node in cluster.nodes:
        assert "[ERR]" not in node.log()
        ends = {route["ip"] for route in node.json("/routez")["routes"]}
        assert "127.0.0.1" not in ends


def test_the_mesh_by_flags_alone(start, dial):
    """The way of a compose file: every node with -cluster and all -routes."""
    ports = [free_port() for _ in range(3)]
    routes = ",".join(f"nats-route://127.0.0.1:{port}" for port in ports)
    nodes = [start(f"server_name: n{i + 1}", name=f"n{i + 1}",
                   args=["-cluster_name", "flags", "-cluster", f"nats://127.0.0.1:{port}", "-routes", routes])
             for i, port in enumerate(ports)]
    for node in nodes:
        wait_until(lambda: len(peers(node)) == 2, 20, "the mesh")
    receiver, sender = dial(nodes[2]).connect(), dial(nodes[0]).connect()
    receiver.send("SUB f.a 1\r\n")
    receiver.ping()
    settled(nodes[0])
    sender.send("PUB f.a 1\r\nx\r\n")
    receiver.expect(b"MSG f.a 1 1\r\nx\r\n")


def test_messages_reach_subscribers_on_every_node(cluster, join):
    clients = [join(i) for i in range(3)]
    for client in clients:
        subscribed(client, cluster, "SUB m.> 1")
    settled(*cluster.nodes)
    for number, client in enumerate(clients):
        client.send(f"PUB m.{number} m.reply 5\r\nhello\r\n")
        for receiver in clients:
            receiver.expect(f"MSG m.{number} 1 m.reply 5\r\nhello\r\n")
    time.sleep(0.3)
    for client in clients:
        client.ping()  # nothing came twice


def test_headers_cross_routes(cluster, join):
    receiver, sender = join(1), join(0)
    subscribed(receiver, cluster, "SUB hd.a 1")
    settled(cluster[0])
    block = b"NATS/1.0\r\nK: v\r\n\r\n"
    sender.send(b"HPUB hd.a hd.r %d %d\r\n%shi\r\n" % (len(block), len(block) + 2, block))
    receiver.expect(b"HMSG hd.a 1 hd.r %d %d\r\n%shi\r\n" % (len(block), len(block) + 2, block))


def test_large_payloads_cross_routes(cluster, join):
    receiver, sender = join(2), join(0)
    subscribed(receiver, cluster, "SUB big.a 1")
    settled(cluster[0])
    payload = bytes(range(256)) * 4096
    sender.send(b"PUB big.a %d\r\n%s\r\n" % (len(payload), payload))
    receiver.expect(b"MSG big.a 1 %d\r\n%s\r\n" % (len(payload), payload), timeout=20)


def test_order_of_one_publisher_is_kept_across_routes(cluster, join):
    receiver, sender = join(1), join(0)
    subscribed(receiver, cluster, "SUB ord.a 1")
    settled(cluster[0])
    count = 20_000
    sender.send(b"".join(b"PUB ord.a 6\r\n%06d\r\n" % i for i in range(count)))
    receiver.expect(b"".join(b"MSG ord.a 1 6\r\n%06d\r\n" % i for i in range(count)), timeout=60)


def test_interest_goes_with_the_last_subscription(cluster, join):
    receiver, sender = join(1), join(0)
    subscribed(receiver, cluster, "SUB in.a 1", "SUB in.a 2")
    settled(cluster[0])
    receiver.send("UNSUB 1\r\n")
    receiver.ping()
    settled(cluster[0])
    sender.send("PUB in.a 1\r\nx\r\n")
    receiver.expect(b"MSG in.a 2 1\r\nx\r\n")
    receiver.send("UNSUB 2\r\n")
    receiver.ping()
    wait_until(lambda: remote_subscriptions(cluster[0]) == 0, what="the interest is withdrawn")


def test_interest_goes_with_its_connection(cluster, join):
    receiver = join(1)
    subscribed(receiver, cluster, *[f"SUB gone.{i} {i}" for i in range(50)])
    wait_until(lambda: remote_subscriptions(cluster[0]) == 50, what="50 subscriptions known")
    receiver.close()
    wait_until(lambda: remote_subscriptions(cluster[0]) == 0, what="the interest is withdrawn")


def test_no_responders_sees_the_whole_cluster(cluster, join):
    service, caller = join(1), join(0)
    subscribed(service, cluster, "SUB svc.a 1")
    settled(cluster[0])
    caller.send("SUB back.a 1\r\nPUB svc.a back.a 0\r\n\r\n")
    assert service.message().reply == "back.a"
    caller.ping()
    caller.send("PUB svc.none back.a 0\r\n\r\n")
    assert caller.message().header.startswith(b"NATS/1.0 503\r\n")


def test_request_and_reply_across_nodes(cluster, join):
    service, caller = join(2), join(0)
    subscribed(service, cluster, "SUB svc.b workers 1")
    settled(cluster[0])
    for number in range(50):
        caller.send(f"SUB rr.{number} {number}\r\nUNSUB {number} 1\r\nPUB svc.b rr.{number} 1\r\nx\r\n")
        request = service.message()
        service.send(f"PUB {request.reply} 2\r\nok\r\n")
        caller.expect(f"MSG rr.{number} {number} 2\r\nok\r\n")


def test_auto_unsubscribe_across_nodes(cluster, join):
    receiver, sender = join(1), join(0)
    subscribed(receiver, cluster, "SUB au.a 1", "UNSUB 1 3")
    settled(cluster[0])
    sender.send("PUB au.a 1\r\nx\r\n" * 10)
    receiver.expect(b"MSG au.a 1 1\r\nx\r\n" * 3)
    time.sleep(0.3)
    receiver.ping()


# --- queue groups


def test_a_queue_group_over_all_nodes_gets_each_message_once(cluster, join):
    workers = [join(i) for i in (0, 1, 2)]
    for worker in workers:
        subscribed(worker, cluster, "SUB qg.a workers 1")
    settled(*cluster.nodes)
    for number in range(3):
        sender = join(number)
        sender.send(b"".join(b"PUB qg.a 5\r\n%d%04d\r\n" % (number, i) for i in range(200)))
        sender.ping()
    time.sleep(1)
    seen = Counter(m.payload for w in workers for m in w.messages_until_pong())
    assert len(seen) == 600 and set(seen.values()) == {1}


def test_local_and_remote_queue_members_share_alike(cluster, join):
    """The wire reference (1.2) says that local members come first; nats-server 2.15.2 does not do so
    for messages of its own clients, and work queues are spread evenly because of it."""
    near, far, sender = join(0), join(1), join(0)
    for worker in (near, far):
        subscribed(worker, cluster, "SUB ql.a g 1")
    settled(cluster[0])
    sender.send("PUB ql.a 1\r\nx\r\n" * 400)
    sender.ping()
    time.sleep(1)
    counts = [len(w.messages_until_pong()) for w in (near, far)]
    assert sum(counts) == 400
    assert min(counts) > 60, counts


def test_remote_members_share_when_there_is_no_local_one(cluster, join):
    one, two, sender = join(1), join(2), join(0)
    for worker in (one, two):
        subscribed(worker, cluster, "SUB qr.a g 1")
    settled(cluster[0])
    sender.send("PUB qr.a 1\r\nx\r\n" * 400)
    sender.ping()
    time.sleep(1)
    counts = [len(w.messages_until_pong()) for w in (one, two)]
    assert sum(counts) == 400
    assert min(counts) > 60, counts


def test_remote_share_follows_the_number_of_members(cluster, join):
    few, many, sender = join(1), join(2), join(0)
    subscribed(few, cluster, "SUB qw.a g 1")
    subscribed(many, cluster, *[f"SUB qw.a g {i}" for i in range(9)])
    settled(cluster[0])
    sender.send("PUB qw.a 1\r\nx\r\n" * 1000)
    sender.ping()
    time.sleep(1)
    counts = [len(w.messages_until_pong()) for w in (few, many)]
    assert sum(counts) == 1000
    assert 30 < counts[0] < 250, counts  # about one in ten


def test_plain_and_queue_subscribers_side_by_side(cluster, join):
    plain, first, second, sender = join(1), join(1), join(2), join(0)
    subscribed(plain, cluster, "SUB qp.a 1")
    subscribed(first, cluster, "SUB qp.a g 1")
    subscribed(second, cluster, "SUB qp.a h 1")
    settled(cluster[0])
    sender.send("PUB qp.a 1\r\nx\r\n" * 100)
    for receiver in (plain, first, second):
        assert len(receiver.messages(100)) == 100
    time.sleep(0.3)
    for receiver in (plain, first, second):
        receiver.ping()


# --- what clients are told


def test_connect_urls_name_all_nodes(cluster, dial):
    expected = {f"127.0.0.1:{port}" for port in cluster.client_ports}
    for node in cluster.nodes:
        urls = wait_until(lambda: dial(node).info.get("connect_urls"), what="connect_urls")
        assert urls[0] == f"127.0.0.1:{node.port()}"
        assert set(urls) == expected


def test_clients_hear_of_a_lost_and_a_returned_node(cluster, dial):
    client = dial(cluster[0]).connect(protocol=1)
    cluster[2].kill()
    urls = client.read_info(timeout=15)["connect_urls"]
    assert set(urls) == {f"127.0.0.1:{port}" for port in cluster.client_ports[:2]}
    cluster[2].start()
    urls = client.read_info(timeout=15)["connect_urls"]
    assert set(urls) == {f"127.0.0.1:{port}" for port in cluster.client_ports}


def test_no_advertise(start, dial):
    cluster = Cluster(start, size=2, cluster_extra="no_advertise: true")
    assert "connect_urls" not in dial(cluster[0]).info


def test_info_names_the_cluster(cluster, dial):
    assert dial(cluster[0]).info["cluster"] == "test"


# --- loss and return


def test_the_rest_goes_on_and_the_lost_node_comes_back(cluster, join):
    receiver, sender = join(1), join(0)
    subscribed(receiver, cluster, "SUB lo.a 1")
    settled(cluster[0])
    cluster[2].kill()
    wait_until(lambda: peers(cluster[0]) == {"n2"} and peers(cluster[1]) == {"n1"}, 15, "the loss is noticed")
    sender.send("PUB lo.a 1\r\n1\r\n")
    receiver.expect(b"MSG lo.a 1 1\r\n1\r\n")

    cluster[2].start()
    cluster.wait_meshed()
    late = join(2)
    subscribed(late, cluster, "SUB lo.a 7")
    settled(cluster[0], cluster[2])
    sender.send("PUB lo.a 1\r\n2\r\n")
    receiver.expect(b"MSG lo.a 1 1\r\n2\r\n")
    late.expect(b"MSG lo.a 7 1\r\n2\r\n")
    late.send("PUB lo.a 1\r\n3\r\n")
    receiver.expect(b"MSG lo.a 1 1\r\n3\r\n")
    late.expect(b"MSG lo.a 7 1\r\n3\r\n")
    time.sleep(0.3)
    for client in (receiver, late, sender):
        client.ping()


def test_the_seed_may_be_lost_and_return(cluster, join):
    cluster[0].kill()
    wait_until(lambda: peers(cluster[1]) == {"n3"}, 15, "the loss is noticed")
    receiver, sender = join(1), join(2)
    subscribed(receiver, cluster, "SUB se.a 1")
    settled(cluster[2])
    sender.send("PUB se.a 1\r\nx\r\n")
    receiver.expect(b"MSG se.a 1 1\r\nx\r\n")
    cluster[0].start()
    cluster.wait_meshed()
    newcomer = join(0)
    settled(cluster[0])
    newcomer.send("PUB se.a 1\r\ny\r\n")
    receiver.expect(b"MSG se.a 1 1\r\ny\r\n")
    time.sleep(0.3)
    receiver.ping()


def test_interest_of_a_lost_node_is_forgotten(cluster, join):
    caller = join(0)
    service = join(2)
    subscribed(service, cluster, "SUB fo.a 1")
    settled(cluster[0])
    cluster[2].kill()
    wait_until(lambda: "n3" not in peers(cluster[0]), 15, "the loss is noticed")
    caller.send("SUB back 1\r\nPUB fo.a back 0\r\n\r\n")
    assert caller.message().header.startswith(b"NATS/1.0 503\r\n")


def test_repeated_loss_leaves_no_duplicate_routes(cluster, join):
    for _ in range(3):
        cluster[1].kill()
        cluster[1].start()
    cluster.wait_meshed()
    receiver, sender = join(1), join(0)
    subscribed(receiver, cluster, "SUB du.a 1")
    settled(cluster[0])
    sender.send(b"".join(b"PUB du.a 3\r\n%03d\r\n" % i for i in range(500)))
    receiver.expect(b"".join(b"MSG du.a 1 3\r\n%03d\r\n" % i for i in range(500)))
    time.sleep(0.3)
    receiver.ping()
    for node in cluster.nodes:
        indexes = Counter((r["remote_name"], r.get("account", ""), r.get("pool_idx", 0))
                          for r in node.json("/routez")["routes"])
        per_peer = Counter(r["remote_name"] for r in node.json("/routez")["routes"])
        assert len(set(per_peer.values())) == 1, indexes


# --- who may join


def test_another_cluster_name_is_refused(start):
    cluster = Cluster(start, size=2)
    stranger = start(f"""
        server_name: stranger
        cluster {{ name: other, listen: "127.0.0.1:-1", routes: ["nats://127.0.0.1:{cluster.route_ports[0]}"] }}""")
    wait_until(lambda: "does not match" in stranger.log() or "does not match" in cluster[0].log(), 10,
               "the refusal is logged")
    assert not peers(stranger)
    assert peers(cluster[0]) == {"n2"}


def test_route_authorization(start):
    port = free_port()
    secret = "authorization { user: r, password: topsecretroute }"
    start(f'server_name: a\ncluster {{ name: x, listen: "127.0.0.1:{port}", {secret} }}')
    good = start(f'''server_name: b
        cluster {{ name: x, listen: "127.0.0.1:-1", {secret},
                   routes: ["nats://r:topsecretroute@127.0.0.1:{port}"] }}''')
    bad = start(f'''server_name: c
        cluster {{ name: x, listen: "127.0.0.1:-1", {secret}, routes: ["nats://r:wrong@127.0.0.1:{port}"] }}''')
    wait_until(lambda: peers(good) == {"a"}, what="the route with the right password")
    time.sleep(1)
    assert "a" not in {r["remote_name"] for r in bad.json("/routez")["routes"] if r["is_configured"]}
    assert "topsecretroute" not in good.log()


def test_a_client_on_the_route_port_is_told(cluster):
    from harness.raw import Raw
    with Raw(cluster.route_ports[0]) as lost:
        lost.send('CONNECT {"verbose":false,"lang":"python","version":"1"}\r\n')
        lost.expect_error("attempted to connect to route port")
        lost.expect_closed()


def test_route_pool_size(start):
    cluster = Cluster(start, size=2, cluster_extra="pool_size: 2")

    def pooled():
        routes = cluster[0].json("/routez")["routes"]
        return len([r for r in routes if not r.get("account")]) == 2

    wait_until(pooled, what="two pooled connections")
    cluster = Cluster(start, size=2, cluster_extra="pool_size: -1")
    time.sleep(0.5)
    assert len(cluster[0].json("/routez")["routes"]) == 1


def test_nothing_listens_for_routes_without_a_cluster(start):
    server = start()
    assert "cluster" not in server.ports
    assert json.loads(server.http("/routez")[2])["num_routes"] == 0
