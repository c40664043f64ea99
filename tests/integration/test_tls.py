"""TLS of clients and monitoring: handshakes, certificates, users by certificate, rotation."""
import signal
import ssl
import subprocess
import time

import pytest

from harness.certs import Authority
from harness.raw import Raw
from harness.server import run_to_end, wait_until


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("certs"))


@pytest.fixture(scope="module")
def pair(authority):
    return authority.issue("server")


@pytest.fixture
def serve(start, authority, pair):
    """serve(inside of the tls block, the rest) → Server"""
    return lambda more="", rest="", **options: start(f"tls {{ {pair.block(authority.ca, more)} }}\n{rest}", **options)


@pytest.fixture
def alice(authority):
    return authority.issue("alice", "/C=US/O=Acme/OU=One/CN=alice",
                           ("DNS:alice.example", "email:alice@example.com", "URI:spiffe://example/alice"))


def closed_reasons(server):
    return [c["reason"] for c in server.json("/connz?state=closed")["connections"]]


def connect(client, **options):
    return client.connect(headers=True, no_responders=True, **options)


# --- the handshake


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_info_comes_first_and_then_the_handshake(serve, dial, authority, version):
    server = serve()
    assert server.url().startswith("tls://")
    assert "TLS required for client connections" in server.log()
    client = dial(server, tls=authority.context(versions=version))
    assert client.info["tls_required"] is True
    assert "tls_available" not in client.info and "tls_verify" not in client.info
    connect(client, protocol=1)
    assert client.info["tls_required"] is True
    client.send("SUB a 1\r\nPUB a 5\r\nhello\r\n")
    assert client.message().payload == b"hello"
    shown = server.json("/connz")["connections"][0]
    assert shown["tls_version"] == ("1.2" if version == ssl.TLSVersion.TLSv1_2 else "1.3")
    assert shown["tls_cipher_suite"] == client.socket.cipher()[0] or "ECDHE" in shown["tls_cipher_suite"]
    assert "tls_first" not in shown


def test_messages_of_all_sizes(serve, dial, authority):
    server = serve("", "max_payload: 8MB, max_pending: 64MB")
    sender, receiver = (connect(dial(server, tls=authority.context())) for _ in range(2))
    receiver.send("SUB a.> 1\r\n")
    receiver.ping()
    for size in [0, 1, 100, 16383, 16384, 16385, 70_000, 1_000_000, 8 << 20]:
        payload = bytes(i % 251 for i in range(1000)) * (size // 1000 + 1)
        sender.send(f"PUB a.{size} {size}\r\n".encode() + payload[:size] + b"\r\n")
        assert receiver.message(timeout=30).payload == payload[:size], size


def test_many_messages_across_connections_in_order(serve, dial, authority):
    server = serve()
    sender = connect(dial(server, tls=authority.context()))
    receivers = [connect(dial(server, tls=authority.context())) for _ in range(4)]
    for receiver in receivers:
        receiver.send("SUB n 1\r\n")
        receiver.ping()
    count = 20_000
    sender.send(b"".join(b"PUB n %d\r\n%d\r\n" % (len(str(i)), i) for i in range(count)))
    for receiver in receivers:
        assert [int(m.payload) for m in receiver.messages(count, timeout=30)] == list(range(count))


def test_who_says_nothing_is_told_that_tls_is_required(serve, dial):
    server = serve("timeout: 0.3")
    client = dial(server)
    client.expect_error("Secure Connection - TLS Required")
    client.expect_closed()
    wait_until(lambda: closed_reasons(server) == ["TLS Handshake Failure"])


def test_who_speaks_plainly_is_told_that_tls_is_required(serve, dial):
    server = serve("timeout: 30")
    client = dial(server)
    client.send('CONNECT {"verbose":false}\r\nPING\r\n')
    client.expect_error("Secure Connection - TLS Required")
    client.expect_closed()
    wait_until(lambda: closed_reasons(server) == ["TLS Handshake Failure"])


def test_a_handshake_that_stands_still_is_closed(serve, dial):
    server = serve("timeout: 0.3")
    client = dial(server)
    client.send(b"\x16\x03\x01\x02\x00")
    client.expect_closed()
    wait_until(lambda: closed_reasons(server) == ["TLS Handshake Failure"])


def test_garbage_and_hang_ups_leave_the_server_alone(serve, dial, authority):
    server = serve()
    for garbage in [b"\x16", b"\x16\x03\x01\xff\xff" + b"x" * 70_000, b"\x16\x03\x03\x00\x02\x01\x00",
                    b"\x80\x2e\x01\x00\x02", b"GET / HTTP/1.1\r\n\r\n"]:
        client = dial(server)
        try:
            client.send(garbage)
        except OSError:
            pass
        client.close()
    client = dial(server, tls=authority.context())
    client.socket.unwrap()  # a goodbye right after the handshake
    wait_until(lambda: len(closed_reasons(server)) == 6)
    connect(dial(server, tls=authority.context()))


def test_old_versions_are_refused(serve, dial, authority):
    server = serve('min_version: "1.3"')
    with pytest.raises((ssl.SSLError, OSError)):
        dial(server, tls=authority.context(versions=ssl.TLSVersion.TLSv1_2))
    connect(dial(server, tls=authority.context(versions=ssl.TLSVersion.TLSv1_3)))


def test_cipher_suites_are_those_of_the_list(serve, dial, authority):
    server = serve('cipher_suites: ["TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"]')
    old = dial(server, tls=authority.context(versions=ssl.TLSVersion.TLSv1_2))
    assert old.socket.cipher()[0] == "ECDHE-ECDSA-AES256-GCM-SHA384"
    new = dial(server, tls=authority.context())
    assert new.socket.cipher()[0] == "TLS_CHACHA20_POLY1305_SHA256"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_sessions_are_resumed_by_ticket(serve, dial, authority, alice, version):
    server = serve("verify: true")
    context = authority.context(alice, version)
    first = connect(dial(server, tls=context))  # with 1.3 the ticket comes with the first bytes
    assert not first.socket.session_reused
    second = dial(server)
    second.socket = context.wrap_socket(second.socket, server_hostname="localhost", session=first.socket.session)
    assert second.socket.session_reused
    connect(second)
    shown = server.json("/connz?auth=1")["connections"]
    assert shown[1]["tls_peer_certs"][0] == shown[0]["tls_peer_certs"][0]


def test_renegotiation_is_refused(serve):
    server = serve("handshake_first: true")
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{server.port()}", "-tls1_2"],
                          input="R\nR\n", text=True, capture_output=True, timeout=20)
    assert "Secure Renegotiation IS supported" in done.stdout
    assert "no renegotiation" in done.stderr or "RENEGOTIATING" in done.stdout, done.stderr
    assert server.running_or_fail()


# --- both kinds on one port


def test_allow_non_tls_serves_both(serve, dial, authority):
    server = serve("", "allow_non_tls: true")
    assert "TLS available for client connections" in server.log()
    plain, secure = dial(server), dial(server, tls=authority.context())
    assert plain.info["tls_available"] is True and "tls_required" not in plain.info
    connect(plain).send("SUB a 1\r\n")
    plain.ping()
    connect(secure).send("PUB a 2\r\nhi\r\n")
    assert plain.message().payload == b"hi"
    versions = {c["cid"]: c.get("tls_version") for c in server.json("/connz")["connections"]}
    assert versions == {plain.info["client_id"]: None, secure.info["client_id"]: "1.3"}


def test_allow_non_tls_lets_silent_clients_be(serve, dial, authority):
    server = serve("timeout: 0.2", "allow_non_tls: true")
    silent = dial(server)
    silent.expect_nothing(0.6)
    connect(silent)
    late = dial(server)
    late.expect_nothing(0.6)
    late.secure(authority.context())
    connect(late)


# --- handshake first


def test_handshake_first(serve, dial, authority):
    server = serve("handshake_first: true")
    assert 'Clients that are not using "TLS Handshake First" option will fail to connect' in server.log()
    client = connect(dial(server, tls=authority.context(), tls_first=True))
    assert client.info["tls_required"] is True
    assert server.json("/connz")["connections"][0]["tls_first"] is True
    plain = dial(server, read_info=False)
    plain.send("CONNECT {}\r\nPING\r\n")
    plain.expect_closed()


@pytest.mark.parametrize("form", ["auto", '"300ms"'])
def test_handshake_first_with_fallback_serves_both(serve, dial, authority, form):
    server = serve(f"handshake_first: {form}")
    first = connect(dial(server, tls=authority.context(), tls_first=True))
    assert first.info["tls_required"] is True
    later = connect(dial(server, tls=authority.context()))
    assert [c.get("tls_first") for c in server.json("/connz")["connections"]] == [True, None]
    later.ping()
    with pytest.raises(AssertionError):
        dial(server, read_info=False).expect(b"INFO", timeout=0.0)


def test_fallback_and_allow_non_tls(serve, dial, authority):
    server = serve("handshake_first: auto", "allow_non_tls: true")
    plain = connect(dial(server))
    assert plain.info["tls_available"] is True
    assert connect(dial(server, tls=authority.context(), tls_first=True)).info["tls_required"] is True


# --- certificates of clients


def test_verify_asks_for_a_certificate(serve, dial, authority, alice, tmp_path):
    server = serve("verify: true")
    client = dial(server, tls=authority.context(alice))
    assert client.info["tls_verify"] is True
    connect(client)
    assert "tls_peer_certs" not in server.json("/connz")["connections"][0]
    shown = server.json("/connz?auth=1")["connections"][0]["tls_peer_certs"]
    assert shown[0]["subject"] == "CN=alice,OU=One,O=Acme,C=US"
    assert len(shown[0]["spki_sha256"]) == len(shown[0]["cert_sha256"]) == 64
    stranger = Authority(tmp_path, "another authority").issue("stranger")
    for certificate in (None, stranger):
        with pytest.raises((ssl.SSLError, OSError, AssertionError)):
            connect(dial(server, tls=authority.context(certificate)))
    wait_until(lambda: closed_reasons(server) == ["TLS Handshake Failure"] * 2)
    server.wait_log("TLS handshake error: tls: client didn't provide a certificate")
    server.wait_log("TLS handshake error: tls: failed to verify certificate: x509: ")


def test_pinned_certificates(serve, dial, authority, alice):
    server = serve("verify: true")
    client = connect(dial(server, tls=authority.context(alice)))
    key = server.json("/connz?auth=1")["connections"][0]["tls_peer_certs"][0]["spki_sha256"]
    client.close()
    pinned = serve(f'verify: true, pinned_certs: ["{key.upper()}"]', name="pinned")
    client = connect(dial(pinned, tls=authority.context(alice)))
    bob = authority.issue("bob")
    with pytest.raises((ssl.SSLError, OSError, AssertionError)):
        connect(dial(pinned, tls=authority.context(bob)))
    pinned.wait_log("certificate not pinned")
    # A reload with other pins closes who is there.
    pinned.config_path.write_text(pinned.config_path.read_text().replace(key.upper(), "a" * 64))
    pinned.send_signal(signal.SIGHUP)
    client.expect_closed()


@pytest.mark.parametrize("name", ["alice@example.com", "alice.example", "spiffe://example/alice",
                                  "CN=alice,OU=One,O=Acme,C=US", "C=US,O=Acme,OU=One,CN=alice"])
def test_verify_and_map_finds_the_user_in_the_certificate(serve, dial, authority, alice, name):
    server = serve("verify_and_map: true", f"""authorization {{ users: [
        {{user: "bob"}}, {{user: "{name}", permissions: {{publish: "mine.>", subscribe: "mine.>"}}}} ] }}""")
    client = connect(dial(server, tls=authority.context(alice)), user="bob")
    assert server.json("/connz?auth=1")["connections"][0]["authorized_user"] == name
    assert 'User "bob" found in connect proto, but user required from cert' in server.log()
    client.send("PUB other 0\r\n\r\n")
    client.expect_error('Permissions Violation for Publish to "other"')
    stranger = dial(server, tls=authority.context(authority.issue("eve", alt_names=("DNS:eve.example",))))
    stranger.send('CONNECT {"user":"bob","verbose":false}\r\n')
    stranger.expect_error("Authorization Violation")
    silent = dial(server, tls=authority.context(alice))
    silent.send("PING\r\n")
    silent.expect_error("Authorization Violation")


def test_the_rate_of_handshakes_is_limited(serve, dial, authority):
    server = serve("connection_rate_limit: 2")
    refused = 0
    for _ in range(6):
        client = dial(server)
        try:
            client.secure(authority.context())
        except (ssl.SSLError, OSError):
            refused += 1
    assert refused > 0
    server.wait_log("connections due to TLS rate limiting")
    assert "Maximum Connections Exceeded" in closed_reasons(server)
    time.sleep(1.1)
    connect(dial(server, tls=authority.context()))


def test_login_comes_after_the_handshake(serve, dial, authority):
    server = serve("timeout: 1", "authorization {user: u, password: p, timeout: 0.4}")
    client = dial(server)
    time.sleep(0.6)  # longer than one has for credentials
    client.secure(authority.context())
    connect(client, user="u", **{"pass": "p"})
    slow = dial(server, tls=authority.context())
    slow.expect_error("Authentication Timeout")
    wrong = dial(server, tls=authority.context())
    wrong.send('CONNECT {"user":"u","pass":"x"}\r\n')
    wrong.expect_error("Authorization Violation")
    wrong.expect_closed()


# --- several certificates


def test_the_certificate_is_chosen_by_name(start, dial, authority):
    pairs = [authority.issue(name, alt_names=(f"DNS:{name}",)) for name in ("one.example", "two.example")]
    listed = ",\n".join(f'{{cert_file: "{p.cert}", key_file: "{p.key}"}}' for p in pairs)
    server = start(f"tls {{ certs: [ {listed} ] }}")
    for name in ("one.example", "two.example"):
        client = dial(server)
        client.secure(authority.context(), name)
        assert client.socket.getpeercert()["subjectAltName"] == (("DNS", name),)


# --- monitoring, rotation, flags


def test_https(start, dial, authority, pair):
    server = start(f'host: 127.0.0.1\nport: -1\nhttps: "127.0.0.1:-1"\n'
                   f'tls {{ {pair.block(authority.ca, "verify: true")} }}', base="")
    assert server.url("monitoring").startswith("https://")
    context = authority.context()
    varz = server.json("/varz", context)
    assert varz["https_port"] == server.port("monitoring") and varz["http_port"] == 0
    assert varz["tls_required"] is True and varz["tls_verify"] is True and varz["tls_timeout"] == 2
    assert varz["tls_cert_serial"].lstrip("0") == pair.serial().lstrip("0")
    assert varz["tls_cert_not_after"].endswith("Z")
    assert server.http("/healthz", context=context)[0] == 200
    with Raw(server.port("monitoring"), read_info=False) as plain:
        plain.send("GET /varz HTTP/1.1\r\nHost: x\r\n\r\n")
        plain.expect_closed()
    done = subprocess.run(["curl", "-s", "--cacert", str(authority.ca), *[server.url("monitoring") + "/healthz"] * 3],
                          capture_output=True, text=True, timeout=20)
    assert done.returncode == 0 and done.stdout.count('"status":"ok"') + done.stdout.count('"status": "ok"') == 3


def served_serial(client):
    return ssl.DER_cert_to_PEM_cert(client.socket.getpeercert(True))


def test_certificates_are_read_again_at_a_reload(start, dial, tmp_path):
    authority = Authority(tmp_path / "certs")
    pair = authority.issue("server")
    server = start(f"tls {{ {pair.block(authority.ca)} }}")
    before = connect(dial(server, tls=authority.context()))
    first = pair.serial()
    assert server.json("/varz")["tls_cert_serial"].lstrip("0") == first.lstrip("0")

    pair = authority.issue("server")
    server.send_signal(signal.SIGHUP)
    wait_until(lambda: server.json("/varz")["tls_cert_serial"].lstrip("0") == pair.serial().lstrip("0"))
    server.wait_log("Reloaded: tls: old=certificate serial")
    after = connect(dial(server, tls=authority.context()))
    assert served_serial(after) != served_serial(before)
    before.ping()  # who was there stays

    # What cannot be used changes nothing, and the reload says so.
    pair.key.write_text("no key")
    server.send_signal(signal.SIGHUP)
    server.wait_log("Failed to reload server configuration: ")
    assert f"{pair.key} holds no private key" in server.log()
    again = connect(dial(server, tls=authority.context()))
    assert served_serial(again) == served_serial(after)
    before.ping()


def test_tls_may_come_and_go_with_reloads(serve, dial, authority):
    server = serve()
    secure = connect(dial(server, tls=authority.context()), protocol=1)
    text = server.config_path.read_text()
    server.config_path.write_text(text.replace("tls {", "tls {\n handshake_first: auto\n"))
    server.send_signal(signal.SIGHUP)
    server.wait_log("Reloaded server configuration")
    connect(dial(server, tls=authority.context(), tls_first=True))
    start_of_block = text.index("tls {")
    server.config_path.write_text(text[:start_of_block] + text[text.index("}", start_of_block) + 1:])
    server.send_signal(signal.SIGHUP)
    wait_until(lambda: "tls_required" not in server.json("/varz"))
    plain = connect(dial(server))
    assert "tls_required" not in plain.info
    secure.send("PUB a 0\r\n\r\n")
    assert secure.socket.version() == "TLSv1.3"


def test_flags(start, dial, authority, pair, alice):
    args = ["--tlsverify", "--tlscert", pair.cert, "--tlskey", pair.key, "--tlscacert", authority.ca]
    server = start(args=[*map(str, args)])
    connect(dial(server, tls=authority.context(alice)))
    off = start(f"tls {{ {pair.block()} }}", args=["--tls=false"])
    connect(dial(off))
    alone = run_to_end(["--tls", "-p", "-1"])
    assert alone.returncode == 1
    assert "TLS Server certificate must be present and valid" in alone.stderr


def test_a_file_that_cannot_be_read_is_named_with_its_place(tmp_path, pair):
    config = tmp_path / "bad.conf"
    config.write_text(f'port: -1\ntls {{\n  cert_file: "{pair.cert}"\n  key_file: "/nowhere.key"\n}}\n')
    for args in (["-c", str(config)], ["-t", "-c", str(config)]):
        done = run_to_end(args)
        assert done.returncode == 1
        assert f"{config}:2:1: error parsing X509 certificate/key pair: open /nowhere.key" in done.stdout + done.stderr
