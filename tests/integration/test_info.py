"""INFO: the first line of every connection, and the ones that follow (wire reference 1.3)."""
import re
import signal

from harness.server import wait_until


def test_first_info(server, raw):
    info = raw.info
    assert re.fullmatch(r"N[A-Z2-7]{55}", info["server_id"])
    assert info["server_name"]
    assert re.match(r"\d+\.\d+\.\d+", info["version"])
    assert info["proto"] == 1
    assert info["go"]
    assert info["headers"] is True
    assert info["max_payload"] == 1048576
    assert info["port"] == server.port()
    assert info["host"] == "127.0.0.1"
    assert isinstance(info["client_id"], int)
    assert info["client_ip"] == "127.0.0.1"
    assert info["api_lvl"] >= 5
    for absent in ("auth_required", "tls_required", "tls_available", "tls_verify", "ldm", "jetstream", "nonce",
                   "connect_info", "cluster"):
        assert absent not in info, absent


def test_info_comes_as_one_line_with_a_blank(raw, server, dial):
    with dial(server, read_info=False) as fresh:
        line = fresh.line()
        assert line.startswith(b"INFO {") and line.rstrip().endswith(b"}")


def test_each_connection_has_its_own_id(server, dial):
    ids = [dial(server).info["client_id"] for _ in range(5)]
    assert ids == sorted(set(ids))


def test_info_after_the_first_ping_for_protocol_1(server, raw):
    raw.send('CONNECT {"verbose":false,"protocol":1}\r\nPING\r\n')
    raw.expect(b"PONG\r\n")
    info = raw.read_info()
    assert info["connect_info"] is True
    assert info["remote_account"] == "$G"
    assert info["client_id"] == raw.info["client_id"]
    raw.ping()  # only the first PING brings it


def test_no_async_info_for_protocol_0(raw):
    raw.send('CONNECT {"verbose":false,"protocol":0}\r\nPING\r\nPING\r\n')
    raw.expect(b"PONG\r\nPONG\r\n")
    raw.expect_nothing()


def test_server_name_is_shown(start, dial):
    server = start("server_name: orders-1")
    assert dial(server).info["server_name"] == "orders-1"


def test_server_name_defaults_to_the_id(raw):
    assert raw.info["server_name"] == raw.info["server_id"]


def test_server_id_changes_with_each_start(start, dial):
    server = start()
    first = dial(server).info["server_id"]
    server.stop()
    server.start()
    assert dial(server).info["server_id"] != first


def test_max_payload_of_the_configuration(start, dial):
    server = start("max_payload: 2KB")
    assert dial(server).info["max_payload"] == 2048


def test_auth_required_is_announced(start, dial):
    server = start("authorization { token: s3cret }")
    assert dial(server).info["auth_required"] is True


def test_lame_duck_is_announced_then_clients_are_let_go(start, dial):
    server = start("lame_duck_duration: 30s\nlame_duck_grace_period: 1s")
    first = dial(server).connect(protocol=1)
    old = dial(server).connect(protocol=0)
    server.send_signal(signal.SIGUSR2)
    assert first.read_info()["ldm"] is True
    old.expect_nothing()
    server.wait_log("Entering lame duck mode, stop accepting new clients")
    first.expect_closed(timeout=60)
    old.expect_closed(timeout=60)
    assert server.wait(60) == 0


def test_a_server_without_clients_leaves_at_once(start):
    server = start("lame_duck_duration: 60s\nlame_duck_grace_period: 50s")
    server.send_signal(signal.SIGUSR2)
    assert server.wait(10) == 0
    assert "Entering lame duck mode" in server.log()


def test_the_last_clients_are_let_go_within_seconds(start, dial):
    """However long the time to leave is: a second between two clients is enough, none after the last."""
    server = start("lame_duck_duration: 100s\nlame_duck_grace_period: 1s")
    clients = [dial(server).connect() for _ in range(3)]
    server.send_signal(signal.SIGUSR2)
    assert server.wait(30) == 0
    for client in clients:
        client.close()


def test_new_connections_are_refused_in_lame_duck_mode(start, dial):
    import socket
    server = start("lame_duck_duration: 30s\nlame_duck_grace_period: 2s")
    dial(server).connect(protocol=1)
    server.send_signal(signal.SIGUSR2)
    server.wait_log("Entering lame duck mode")

    def refused():
        try:
            socket.create_connection(("127.0.0.1", server.port()), 0.5).close()
        except OSError:
            return True
        return False

    wait_until(refused, 5, "the port is closed")
