"""Users that prove who they are with a signature (wire reference 3)."""
import asyncio
import base64
import json
import os
import signal
import subprocess

import nats
import pytest

from harness import toolchains
from harness.nkeys import Nkey
from harness.server import BASE_CONFIG, run_to_end

ADA, BOB = Nkey(), Nkey()


def config(*users, more=""):
    return f"authorization {{ timeout: 5, users = [ {', '.join(users)} ] }}\n{more}"


def key(nkey, rest=""):
    return f"{{ nkey: {nkey.public}, {rest} }}"


def send_connect(client, **credentials):
    client.send("CONNECT " + json.dumps({"verbose": False, "pedantic": False, **credentials}) + "\r\nPING\r\n")


def reload(server, users):
    server.config_path.write_text(f'{BASE_CONFIG}{users}\nports_file_dir: "{server.folder}"\n')
    server.send_signal(signal.SIGHUP)
    server.wait_log("Reloaded server configuration")


def refused(client):
    client.expect_error("Authorization Violation")
    client.expect_closed()


def test_a_signature_of_the_challenge_lets_in(start, dial):
    server = start(config(key(ADA), key(BOB)))
    client = dial(server)
    assert client.info["auth_required"]
    assert len(client.info["nonce"]) == 15
    client.connect(**ADA.credentials(client.info))
    in_usual_base64 = dial(server)
    signature = BOB.sign(in_usual_base64.info["nonce"], encode=base64.b64encode)
    in_usual_base64.connect(nkey=BOB.public, sig=signature)


def test_every_connection_has_its_own_challenge(start, dial):
    server = start(config(key(ADA)))
    first, second = dial(server), dial(server)
    assert first.info["nonce"] != second.info["nonce"]
    send_connect(second, **ADA.credentials(first.info))
    refused(second)
    first.connect(**ADA.credentials(first.info))


def test_what_does_not_let_in(start, dial):
    server = start(config(key(ADA), "{ user: carl, password: c }"))
    stranger = Nkey()

    def attempt(make):
        client = dial(server)
        send_connect(client, **make(client.info))
        refused(client)

    attempt(lambda info: {})
    attempt(lambda info: stranger.credentials(info))
    attempt(lambda info: {"nkey": ADA.public})
    attempt(lambda info: {"nkey": ADA.public, "sig": ""})
    attempt(lambda info: {"nkey": ADA.public, "sig": "?"})
    attempt(lambda info: {"nkey": ADA.public, "sig": stranger.sign(info["nonce"])})
    attempt(lambda info: {"nkey": ADA.public, "sig": ADA.sign(info["nonce"])[:-4]})
    attempt(lambda info: {"user": ADA.public, "pass": ""})
    attempt(lambda info: {"user": ADA.public, "pass": ADA.public})
    # The key decides, whatever else is sent.
    attempt(lambda info: {"nkey": stranger.public, "sig": "x", "user": "carl", "pass": "c"})


def test_beside_users_with_passwords(start, dial):
    server = start(config(key(ADA), "{ user: carl, password: c }"))
    dial(server).connect(user="carl", **{"pass": "c"})
    client = dial(server)
    client.connect(**ADA.credentials(client.info, user="carl", **{"pass": "wrong"}))


def test_no_challenge_without_keys(start, dial):
    server = start("authorization { users = [ { user: carl, password: c } ] }")
    client = dial(server)
    assert "nonce" not in client.info
    client.connect(user="carl", nkey=ADA.public, sig="x", **{"pass": "c"})


def test_the_challenge_is_in_the_first_info_only(start, dial):
    server = start(config(key(ADA)))
    client = dial(server)
    client.connect(protocol=1, **ADA.credentials(client.info))
    assert client.info["connect_info"]
    assert "nonce" not in client.info


def test_permissions(start, dial):
    server = start(config(key(ADA, 'permissions { publish: "a.>", subscribe: "b" }'), key(BOB)))
    client = dial(server)
    client.connect(**ADA.credentials(client.info))
    client.send("PUB b 1\r\nx\r\n")
    client.expect_error('Permissions Violation for Publish to "b"')
    client.send("SUB a 1\r\n")
    client.expect_error('Permissions Violation for Subscription to "a"')
    client.send("SUB b 1\r\nPUB a.b 1\r\nx\r\n")
    client.ping()
    other = dial(server)
    other.connect(**BOB.credentials(other.info))
    other.send("PUB b 1\r\nx\r\n")
    client.expect(b"MSG b 1 1\r\nx\r\n")


def test_a_key_as_the_user_of_those_without_credentials(start, dial):
    server = start(config(key(ADA, 'permissions { publish: "open" }'), key(BOB), more=f"no_auth_user: {ADA.public}"))
    nobody = dial(server)
    assert "auth_required" not in nobody.info
    nobody.connect()
    nobody.send("PUB closed 1\r\nx\r\n")
    nobody.expect_error('Permissions Violation for Publish to "closed"')
    client = dial(server)
    client.connect(**BOB.credentials(client.info))
    stranger = dial(server)
    send_connect(stranger, **Nkey().credentials(stranger.info))
    refused(stranger)


def test_monitoring_and_log_name_the_key(start, dial):
    server = start(config(key(ADA)))
    client = dial(server)
    client.connect(**ADA.credentials(client.info))
    connections = server.json("/connz?auth=1")["connections"]
    assert [one["authorized_user"] for one in connections] == [ADA.public]
    stranger = dial(server)
    other = Nkey()
    send_connect(stranger, **other.credentials(stranger.info))
    refused(stranger)
    server.wait_log(f'authentication error - Nkey "{other.public}"')


def test_reload(start, dial):
    server = start(config(key(ADA), key(BOB)))
    ada, bob = dial(server), dial(server)
    ada.connect(**ADA.credentials(ada.info))
    bob.connect(**BOB.credentials(bob.info))
    carl = Nkey()
    reload(server, config(key(BOB, 'permissions { publish: "b" }'), key(carl)))
    try:  # nats-server closes before the words are out
        ada.expect_error("Authorization Violation")
    except AssertionError as why:
        assert "closed by the peer" in str(why)
    ada.expect_closed()
    bob.send("PUB a 1\r\nx\r\n")
    bob.expect_error('Permissions Violation for Publish to "a"')
    bob.ping()
    client = dial(server)
    client.connect(**carl.credentials(client.info))


def test_keys_that_come_with_a_reload(start, dial):
    server = start("authorization { users = [ { user: carl, password: c } ] }")
    early = dial(server)
    reload(server, config(key(ADA)))
    late = dial(server)
    late.connect(**ADA.credentials(late.info))
    # It was sent no challenge.
    send_connect(early, nkey=ADA.public, sig=ADA.sign(""))
    refused(early)


@pytest.mark.parametrize("user, text", [
    ("{ nkey: UABC }", "Not a valid public nkey for a user"),
    (f"{{ nkey: {Nkey('account').public} }}", "Not a valid public nkey for a user"),
    (f"{{ nkey: {ADA.public}, user: ada }}", "Nkey users do not take usernames or passwords"),
    (f'{key(ADA)}, {key(ADA)}', "Duplicate nkey"),
], ids=["malformed", "of an account", "with a user name", "twice"])  # keys are made anew by every worker
def test_refused_configurations(tmp_path, user, text):
    file = tmp_path / "server.conf"
    file.write_text(config(user))
    done = run_to_end(["-c", str(file), "-t"])
    assert done.returncode == 1
    assert text in done.stderr


def test_connection_types(start, dial):
    server = start(config(key(ADA, "allowed_connection_types: [WEBSOCKET]"),
                          key(BOB, "allowed_connection_types: [websocket, standard]")))
    ada = dial(server)
    send_connect(ada, **ADA.credentials(ada.info))
    refused(ada)
    bob = dial(server)
    bob.connect(**BOB.credentials(bob.info))


def test_with_the_python_client(start):
    server = start(config(key(ADA)))

    async def talk():
        connection = await nats.connect(server.url(), nkeys_seed_str=ADA.seed)
        subscription = await connection.subscribe("a")
        await connection.publish("a", b"x")
        message = await subscription.next_msg(timeout=5)
        await connection.close()
        return message.data

    assert asyncio.run(talk()) == b"x"


def test_with_the_nats_command(start, tmp_path):
    command = toolchains.go_tool("nats")
    server = start(config(key(ADA)))
    seed = tmp_path / "seed"
    seed.write_text(ADA.seed)
    done = subprocess.run([command, "--no-context", "--server", server.url(), "--nkey", seed, "pub", "a", "x"],
                          capture_output=True, text=True, timeout=60,
                          env={**os.environ, "XDG_CONFIG_HOME": str(tmp_path)})
    assert done.returncode == 0, done.stderr
