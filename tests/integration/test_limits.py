"""Limits, timers and what happens at them (wire reference 1.5, 2)."""
import signal
import time

from harness.server import wait_until


def test_max_connections(start, dial):
    server = start("max_connections: 2")
    dial(server).connect()
    dial(server).connect()
    third = dial(server)  # INFO is still sent
    third.expect_error("maximum connections exceeded")
    third.expect_closed()


def test_a_place_is_free_again_after_a_client_left(start, dial):
    server = start("max_connections: 1")
    dial(server).connect().close()
    wait_until(lambda: server.json("/varz")["connections"] == 0, what="the first client is gone")
    dial(server).connect()


def test_max_connections_of_zero_refuses_everybody(start, dial):
    server = start("max_connections: 0")
    client = dial(server)
    client.expect_error("maximum connections exceeded")
    client.expect_closed()


def test_max_subscriptions(start, dial):
    server = start("max_subscriptions: 2")
    client = dial(server).connect()
    client.send("SUB a 1\r\nSUB b 2\r\nSUB c 3\r\n")
    client.expect_error("maximum subscriptions exceeded")
    client.send("PUB c 1\r\nx\r\nPUB a 1\r\nx\r\n")
    client.expect(b"MSG a 1 1\r\nx\r\n")
    client.send("UNSUB 1\r\nSUB c 3\r\nPUB c 1\r\nx\r\n")
    client.expect(b"MSG c 3 1\r\nx\r\n")


def test_max_control_line_of_the_configuration(start, dial):
    server = start("max_control_line: 512")
    client = dial(server).connect()
    client.send("SUB " + "a" * 400 + " 1\r\n")
    client.ping()
    client.send("SUB " + "a" * 600 + " 2\r\n")
    client.expect_error("maximum control line exceeded")
    client.expect_closed()


def test_max_payload_of_the_configuration(start, dial):
    server = start("max_payload: 100")
    client = dial(server).connect()
    client.send(b"SUB a 1\r\nPUB a 100\r\n" + b"x" * 100 + b"\r\n")
    client.expect(b"MSG a 1 100\r\n" + b"x" * 100 + b"\r\n")
    client.send(b"PUB a 101\r\n")
    client.expect_error("Maximum Payload Violation")
    client.expect_closed()


def test_max_subscription_tokens(start, dial):
    server = start("max_subscription_tokens: 3")
    client = dial(server).connect()
    client.send("SUB a.b.c 1\r\n")
    client.ping()
    client.send("SUB a.b.c.d 2\r\n")
    client.expect_error('Permissions Violation for Subscription to "a.b.c.d", too many tokens')
    client.ping()


def test_first_ping_comes_two_seconds_after_connect(server, dial):
    client = dial(server)
    client.answer_pings = False
    client.connect()
    started = time.monotonic()
    client.expect(b"PING\r\n", timeout=5)
    assert 1.5 < time.monotonic() - started < 4


def test_stale_connection(start, dial):
    server = start('ping_interval: "300ms"\nping_max: 2')
    client = dial(server)
    client.answer_pings = False
    client.connect()
    pings = 0
    while (line := client.line(timeout=10)) == b"PING":
        pings += 1
    assert line == b"-ERR 'Stale Connection'"
    assert pings >= 2
    client.expect_closed()
    assert server.json("/varz")["stale_connections"] == 1


def test_answered_pings_keep_a_connection(start, dial):
    server = start('ping_interval: "200ms"\nping_max: 2')
    client = dial(server).connect()
    client.expect_nothing(2.5)  # the harness answers
    client.ping()


def test_stopped_client_is_found_stale(start, dial, tmp_path):
    """SIGSTOP of a peer: no FIN, no RST, only silence."""
    import subprocess
    import sys
    server = start('ping_interval: "300ms"\nping_max: 2')
    program = ("import socket,time; s=socket.create_connection(('127.0.0.1',%d)); s.recv(4096);"
               "s.sendall(b'CONNECT {\"verbose\":false}\\r\\nPING\\r\\n'); print(s.recv(99), flush=True); time.sleep(60)")
    peer = subprocess.Popen([sys.executable, "-c", program % server.port()], stdout=subprocess.PIPE)
    try:
        peer.stdout.readline()
        peer.send_signal(signal.SIGSTOP)
        wait_until(lambda: server.json("/connz?state=closed")["connections"], 10, "the connection is closed")
        closed = server.json("/connz?state=closed")["connections"][0]
        assert closed["reason"] == "Stale Connection"
    finally:
        peer.kill()
        peer.wait()
        peer.stdout.close()


def test_auth_timeout(start, dial):
    server = start('authorization { token: t, timeout: 0.5 }')
    client = dial(server)
    started = time.monotonic()
    client.expect_error("Authentication Timeout")
    assert 0.3 < time.monotonic() - started < 3
    client.expect_closed()


def slow_reader(server, dial, subject):
    reader = dial(server, receive_buffer=4096).connect()
    reader.send(f"SUB {subject} 1\r\n")
    reader.ping()
    return reader


def publish_until_slow(server, publisher, subject, payload=64 * 1024):
    message = b"PUB %s %d\r\n%s\r\n" % (subject.encode(), payload, b"x" * payload)
    for _ in range(400):
        publisher.send(message)
        publisher.ping()
        if server.json("/varz")["slow_consumers"]:
            return
    raise AssertionError("nobody was found slow")


def test_slow_consumer_is_cut_off_by_pending_bytes(start, dial):
    server = start("max_pending: 2MB\nmax_payload: 1MB")
    reader = slow_reader(server, dial, "slow.a")
    cid = reader.info["client_id"]
    publisher = dial(server).connect()
    publish_until_slow(server, publisher, "slow.a")
    closed = wait_until(lambda: server.json("/connz?state=closed")["connections"], what="a closed connection")
    assert [c["cid"] for c in closed] == [cid]
    assert closed[0]["reason"] == "Slow Consumer (Pending Bytes)"
    assert server.json("/varz")["slow_consumer_stats"]["clients"] == 1
    publisher.ping()


def test_slow_consumer_is_cut_off_by_the_write_deadline(start, dial):
    server = start('write_deadline: "300ms"')
    slow_reader(server, dial, "slow.b")
    publisher = dial(server).connect()
    # Enough to fill the socket buffers of both sides, not the pending limit.
    message = b"PUB slow.b %d\r\n%s\r\n" % (1 << 20, b"x" * (1 << 20))
    for _ in range(30):
        publisher.send(message)
    publisher.ping()
    closed = wait_until(lambda: server.json("/connz?state=closed")["connections"], 10, "a closed connection")
    assert closed[0]["reason"] == "Slow Consumer (Write Deadline)"


def test_a_slow_consumer_does_not_hold_up_others(start, dial):
    server = start("max_pending: 4MB\nmax_payload: 1MB")
    slow_reader(server, dial, "slow.c")
    quick = dial(server).connect()
    quick.send("SUB slow.c 1\r\n")
    quick.ping()
    publisher = dial(server).connect()
    payload = b"x" * 65536
    for _ in range(300):
        publisher.send(b"PUB slow.c 65536\r\n%s\r\n" % payload)
        assert quick.message().payload == payload
