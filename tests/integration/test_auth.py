"""User and password, tokens, users with permissions (wire reference 3, 4)."""
import json
import time

import pytest

from harness.server import wait_until



def attempt(dial, server, **credentials):
    client = dial(server)
    client.send("CONNECT " + json.dumps({"verbose": False, "pedantic": False, **credentials}) + "\r\nPING\r\n")
    return client


def accepted(client):
    client.expect(b"PONG\r\n")
    return client


def refused(client):
    client.expect_error("Authorization Violation")
    client.expect_closed()


def test_token(start, dial):
    server = start("authorization { token: s3cret }")
    accepted(attempt(dial, server, auth_token="s3cret"))
    refused(attempt(dial, server, auth_token="wrong"))
    refused(attempt(dial, server))
    refused(attempt(dial, server, user="s3cret", **{"pass": "s3cret"}))


def test_user_and_password(start, dial):
    server = start("authorization { user: ada, password: s3cret }")
    accepted(attempt(dial, server, user="ada", **{"pass": "s3cret"}))
    refused(attempt(dial, server, user="ada", **{"pass": "wrong"}))
    refused(attempt(dial, server, user="bob", **{"pass": "s3cret"}))
    refused(attempt(dial, server))


def test_the_flags(start, dial):
    by_user = start(args=["--user", "ada", "--pass", "s3cret"])
    accepted(attempt(dial, by_user, user="ada", **{"pass": "s3cret"}))
    refused(attempt(dial, by_user))
    by_token = start(args=["-auth", "t0ken"])
    accepted(attempt(dial, by_token, auth_token="t0ken"))
    refused(attempt(dial, by_token, auth_token="x"))


def bcrypt(password):
    import ctypes
    import ctypes.util
    library = ctypes.CDLL(ctypes.util.find_library("crypt") or "libcrypt.so.1")
    library.crypt.restype = ctypes.c_char_p
    hashed = library.crypt(password.encode(), b"$2a$04$abcdefghijklmnopqrstuu").decode()
    assert hashed.startswith("$2a$04$"), hashed
    return hashed


def test_bcrypt_password(start, dial):
    server = start(f'authorization {{ user: ada, password: "{bcrypt("s3cret")}" }}')
    accepted(attempt(dial, server, user="ada", **{"pass": "s3cret"}))
    refused(attempt(dial, server, user="ada", **{"pass": "wrong"}))
    refused(attempt(dial, server, user="ada", **{"pass": bcrypt("s3cret")}))


def test_bcrypt_token(start, dial):
    server = start(f'authorization {{ token: "{bcrypt("t0ken")}" }}')
    accepted(attempt(dial, server, auth_token="t0ken"))
    refused(attempt(dial, server, auth_token="wrong"))


def test_operations_before_connect_are_refused(start, dial):
    server = start("authorization { token: s3cret }")
    for line in ("SUB a 1\r\n", "PUB a 1\r\nx\r\n", "PING\r\n"):
        client = dial(server)
        client.send(line)
        refused(client)


USERS = """
authorization {
  default_permissions { publish: "open.>", subscribe: ["open.>", "_INBOX.>"] }
  users = [
    { user: admin, password: a }
    { user: full,  password: f, permissions { publish: ">", subscribe: ">" } }
    { user: half,  password: h, permissions: {
        publish:   { allow: ["in.>", "both"], deny: "in.secret" }
        subscribe: { allow: "out.>", deny: ["out.secret", "out.hidden.*"] } } }
    { user: queue, password: q, permissions { subscribe: ["jobs.* workers", "jobs.* v2.*"] } }
    { user: svc,   password: s, permissions { subscribe: "svc.>", publish: { deny: ">" },
                                              allow_responses: { max: 2, expires: "500ms" } } }
  ]
}
"""


@pytest.fixture
def users(start, dial):
    server = start(USERS)

    def login(user):
        return dial(server).connect(user=user, headers=True, no_responders=True, **{"pass": user[0]})

    return login


def test_several_users(start, dial):
    server = start(USERS)
    accepted(attempt(dial, server, user="full", **{"pass": "f"}))
    accepted(attempt(dial, server, user="half", **{"pass": "h"}))
    refused(attempt(dial, server, user="half", **{"pass": "f"}))


def test_default_permissions(users):
    admin = users("admin")
    admin.send("SUB open.a 1\r\nPUB open.a 1\r\nx\r\n")
    admin.expect(b"MSG open.a 1 1\r\nx\r\n")
    admin.send("PUB closed 1\r\nx\r\n")
    admin.expect_error('Permissions Violation for Publish to "closed"')
    admin.send("SUB closed 2\r\n")
    admin.expect_error('Permissions Violation for Subscription to "closed"')
    admin.ping()


def test_publish_permissions(users):
    watcher, half = users("full"), users("half")
    watcher.send("SUB > 1\r\n")
    watcher.ping()
    for subject in ("in.a", "in.a.b", "both"):
        half.send(f"PUB {subject} 1\r\nx\r\n")
        watcher.expect(f"MSG {subject} 1 1\r\nx\r\n")
    for subject in ("in.secret", "in", "other", "out.a"):
        half.send(f"PUB {subject} 1\r\nx\r\n")
        half.expect_error(f'Permissions Violation for Publish to "{subject}"')
    half.ping()
    watcher.ping()


def test_subscribe_permissions(users):
    half = users("half")
    half.send("SUB out.a 1\r\nSUB out.a.b 2\r\n")
    half.ping()
    for subject in ("in.a", "out.secret", "out.hidden.x", ">", "*"):
        half.send(f"SUB {subject} 9\r\n")
        half.expect_error(f'Permissions Violation for Subscription to "{subject}"')
    half.send("SUB other g 9\r\n")
    half.expect_error('Permissions Violation for Subscription to "other" using queue "g"')
    half.ping()


def test_a_wildcard_over_a_denied_subject_is_filtered_at_delivery(users):
    half, full = users("half"), users("full")
    half.send("SUB out.> 1\r\n")
    half.ping()
    full.send("PUB out.secret 1\r\nx\r\nPUB out.hidden.a 1\r\nx\r\nPUB out.ok 1\r\nx\r\n")
    half.expect(b"MSG out.ok 1 1\r\nx\r\n")
    half.ping()


def test_queue_permissions(users):
    queue = users("queue")
    queue.send("SUB jobs.a workers 1\r\nSUB jobs.a v2.blue 2\r\n")
    queue.ping()
    queue.send("SUB jobs.a others 3\r\n")
    queue.expect_error('Permissions Violation for Subscription to "jobs.a" using queue "others"')
    queue.send("SUB jobs.a 4\r\n")
    queue.expect_error('Permissions Violation for Subscription to "jobs.a"')
    queue.ping()


def test_allow_responses(users):
    service, caller = users("svc"), users("full")
    service.send("SUB svc.a 1\r\n")
    service.ping()
    caller.send("SUB back.* 1\r\nPUB svc.a back.1 1\r\nx\r\n")
    assert service.message().reply == "back.1"
    service.send("PUB back.1 1\r\na\r\nPUB back.1 1\r\nb\r\nPUB back.1 1\r\nc\r\n")
    caller.expect(b"MSG back.1 1 1\r\na\r\nMSG back.1 1 1\r\nb\r\n")
    service.expect_error('Permissions Violation for Publish to "back.1"')
    caller.ping()


def test_allowed_responses_expire(users):
    service, caller = users("svc"), users("full")
    service.send("SUB svc.b 1\r\n")
    service.ping()
    caller.send("PUB svc.b late.1 1\r\nx\r\n")
    assert service.message().reply == "late.1"
    time.sleep(0.8)
    service.send("PUB late.1 1\r\na\r\n")
    service.expect_error('Permissions Violation for Publish to "late.1"')


def test_a_responder_may_not_publish_elsewhere(users):
    service = users("svc")
    service.send("PUB back.other 1\r\nx\r\n")
    service.expect_error('Permissions Violation for Publish to "back.other"')
    service.ping()


def test_allow_responses_beside_a_deny_list_allows_only_replies(start, dial):
    server = start("""authorization { users = [
        {user: full, password: f}
        {user: svc, password: s, permissions { publish: { deny: "x" }, allow_responses: true }} ] }""")
    service, caller = (dial(server).connect(user=u, **{"pass": u[0]}) for u in ("svc", "full"))
    service.send("PUB y 1\r\na\r\n")
    service.expect_error('Permissions Violation for Publish to "y"')
    service.send("SUB svc 1\r\n")
    service.ping()
    caller.send("SUB back 1\r\nPUB svc back 1\r\nx\r\n")
    assert service.message().reply == "back"
    service.send("PUB back 1\r\na\r\n")
    caller.expect(b"MSG back 1 1\r\na\r\n")


def test_a_queue_named_narrows_and_is_filtered(start, dial):
    server = start("""authorization { users = [
        {user: full, password: f}
        {user: one, password: o, permissions { subscribe: ["a.>", "a.b v1"] }}
        {user: two, password: t, permissions { subscribe: { deny: "a.b v1" } }} ] }""")
    full, one, two = (dial(server).connect(user=u, **{"pass": u[0]}) for u in ("full", "one", "two"))
    one.send("SUB a.b v1 1\r\nSUB a.c v2 2\r\n")
    one.ping()
    one.send("SUB a.b v2 3\r\n")
    one.expect_error('Permissions Violation for Subscription to "a.b" using queue "v2"')
    one.send("UNSUB 1\r\nUNSUB 2\r\n")
    one.ping()
    two.send("SUB a.* v1 1\r\nSUB a.* v2 2\r\n")
    two.ping()
    full.send("PUB a.b 1\r\nx\r\nPUB a.c 1\r\ny\r\n")
    full.ping()
    got = sorted((m.subject, str(m.sid)) for m in two.messages(3))
    assert got == [("a.b", "2"), ("a.c", "1"), ("a.c", "2")]


def test_no_auth_user(start, dial):
    server = start("""
        authorization { users = [ {user: guest, password: g, permissions { publish: "guest.>" }}
                                  {user: ada, password: a} ] }
        no_auth_user: guest
    """)
    guest = dial(server)
    assert "auth_required" not in guest.info
    guest.connect()
    guest.send("PUB other 1\r\nx\r\n")
    guest.expect_error('Permissions Violation for Publish to "other"')
    accepted(attempt(dial, server, user="ada", **{"pass": "a"}))
    refused(attempt(dial, server, user="ada", **{"pass": "wrong"}))  # credentials are never forgiven


def test_connz_shows_who_is_who_only_on_request(start, dial):
    server = start(USERS)
    dial(server).connect(user="full", **{"pass": "f"})
    plain = server.json("/connz")["connections"][0]
    assert "authorized_user" not in plain
    shown = server.json("/connz?auth=1")["connections"][0]
    assert shown["authorized_user"] == "full"
    assert "account" not in shown  # the default account is not named


def test_passwords_stay_out_of_the_log(start, dial):
    server = start("authorization { user: ada, password: topsecretword }", args=["-DV"])
    accepted(attempt(dial, server, user="ada", **{"pass": "topsecretword"}))
    refused(attempt(dial, server, user="ada", **{"pass": "anothersecret"}))
    wait_until(lambda: "uthenticat" in server.log() or "uthoriz" in server.log(), what="the refusal is logged")
    assert "topsecretword" not in server.log()
    assert "anothersecret" not in server.log()
