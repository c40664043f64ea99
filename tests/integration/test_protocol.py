"""Client protocol, byte for byte: framing, verbs, delivery (wire reference 1.1, 1.2)."""
import time

import pytest


def test_verbose_is_the_default_and_acknowledges_each_operation(raw):
    raw.send("CONNECT {}\r\n")
    raw.expect(b"+OK\r\n")
    raw.send("SUB v.a 1\r\nPUB v.a 2\r\nhi\r\nUNSUB 1\r\n")
    raw.expect(b"+OK\r\n")
    # The message and the +OK of its PUB may change places; both must come before UNSUB's.
    rest = raw.read(len(b"MSG v.a 1 2\r\nhi\r\n+OK\r\n+OK\r\n"))
    assert rest in (b"MSG v.a 1 2\r\nhi\r\n+OK\r\n+OK\r\n", b"+OK\r\nMSG v.a 1 2\r\nhi\r\n+OK\r\n")


def test_operations_without_connect_are_served_verbosely(raw):
    raw.send("SUB nc.a 1\r\n")
    raw.expect(b"+OK\r\n")
    raw.send("PING\r\n")
    raw.expect(b"PONG\r\n")


def test_quiet_client_gets_no_acknowledgement(client):
    client.send("SUB q.a 1\r\nUNSUB 1\r\n")
    client.ping()


def test_publish_subscribe(client):
    client.send("SUB ps.a 7\r\nPUB ps.a 5\r\nhello\r\n")
    client.expect(b"MSG ps.a 7 5\r\nhello\r\n")


def test_reply_subject_is_passed_on(client):
    client.send("SUB rs.a 1\r\nPUB rs.a rs.back 2\r\nok\r\n")
    client.expect(b"MSG rs.a 1 rs.back 2\r\nok\r\n")


def test_empty_payload(client):
    client.send("SUB ep.a 1\r\nPUB ep.a 0\r\n\r\n")
    client.expect(b"MSG ep.a 1 0\r\n\r\n")


def test_payload_may_hold_anything(client):
    payload = bytes(range(256)) + b"\r\nPUB x 1\r\n"
    client.send(b"SUB bin.a 1\r\nPUB bin.a %d\r\n%s\r\n" % (len(payload), payload))
    client.expect(b"MSG bin.a 1 %d\r\n%s\r\n" % (len(payload), payload))


def test_verbs_are_case_insensitive(client):
    client.send("sub ci.a 1\r\nPuB ci.a 2\r\nok\r\npInG\r\n")
    client.expect(b"MSG ci.a 1 2\r\nok\r\nPONG\r\n")


def test_control_lines_may_end_with_a_lone_line_feed(client):
    client.send("SUB lf.a 1\nPUB lf.a 2\nok\r\nPING\n")
    client.expect(b"MSG lf.a 1 2\r\nok\r\nPONG\r\n")


def test_arguments_are_split_on_runs_of_blanks_and_tabs(client):
    client.send("SUB  \t sp.a \t  1\r\nPUB\t sp.a \t 2\r\nok\r\n")
    client.expect(b"MSG sp.a 1 2\r\nok\r\n")


def test_input_may_come_one_byte_at_a_time(client):
    for byte in b"SUB bb.a 1\r\nPUB bb.a reply 5\r\nhello\r\nPING\r\n":
        client.send(bytes([byte]))
    client.expect(b"MSG bb.a 1 reply 5\r\nhello\r\nPONG\r\n")


def test_input_split_at_every_place(client):
    line = b"SUB cut.a 1\r\nPUB cut.a 5\r\nhello\r\nUNSUB 1\r\n"
    for cut in range(1, len(line)):
        client.send(line[:cut])
        client.send(line[cut:])
        client.expect(b"MSG cut.a 1 5\r\nhello\r\n")
    client.ping()


def test_many_messages_in_one_write_keep_their_order(client):
    count = 20_000
    client.send("SUB pipe.a 1\r\n")
    client.send(b"".join(b"PUB pipe.a 6\r\n%06d\r\n" % i for i in range(count)))
    client.expect(b"".join(b"MSG pipe.a 1 6\r\n%06d\r\n" % i for i in range(count)), timeout=30)


def test_payloads_of_many_sizes_arrive_whole(client):
    client.send("SUB size.a 1\r\n")
    for size in [1, 2, 511, 512, 513, 4095, 4096, 32767, 65535, 65536, 65537, 262144, 1048576]:
        payload = (b"0123456789abcdef" * (size // 16 + 1))[:size]
        client.send(b"PUB size.a %d\r\n%s\r\n" % (size, payload))
        client.expect(b"MSG size.a 1 %d\r\n%s\r\n" % (size, payload), timeout=20)


def test_each_subscription_gets_its_own_copy(client):
    client.send("SUB co.a 1\r\nSUB co.* 2\r\nSUB co.> 3\r\nPUB co.a 1\r\nx\r\n")
    assert sorted(m.sid for m in client.messages(3)) == ["1", "2", "3"]


def test_a_second_subscription_with_a_live_sid_is_ignored(client):
    client.send("SUB dup.a 1\r\nSUB dup.b 1\r\nPUB dup.b 1\r\nb\r\nPUB dup.a 1\r\na\r\n")
    client.expect(b"MSG dup.a 1 1\r\na\r\n")
    client.ping()


def test_a_sid_may_be_any_token(client):
    client.send("SUB sid.a my-sid_7.x\r\nPUB sid.a 1\r\nx\r\n")
    client.expect(b"MSG sid.a my-sid_7.x 1\r\nx\r\n")


# --- unsubscribe


def test_unsubscribe(client):
    client.send("SUB un.a 1\r\nUNSUB 1\r\nPUB un.a 1\r\nx\r\n")
    client.ping()


def test_unsubscribe_of_an_unknown_sid_is_no_error(client):
    client.send("UNSUB 4711\r\n")
    client.ping()


def test_auto_unsubscribe_after_max(client):
    client.send("SUB au.a 1\r\nUNSUB 1 2\r\n" + "PUB au.a 1\r\nx\r\n" * 4)
    client.expect(b"MSG au.a 1 1\r\nx\r\n" * 2)
    client.ping()


def test_auto_unsubscribe_counts_earlier_deliveries(client):
    client.send("SUB ac.a 1\r\n" + "PUB ac.a 1\r\nx\r\n" * 3)
    client.expect(b"MSG ac.a 1 1\r\nx\r\n" * 3)
    client.send("UNSUB 1 4\r\n" + "PUB ac.a 1\r\ny\r\n" * 2)
    client.expect(b"MSG ac.a 1 1\r\ny\r\n")
    client.ping()


def test_auto_unsubscribe_already_reached_goes_at_once(client):
    client.send("SUB ar.a 1\r\n" + "PUB ar.a 1\r\nx\r\n" * 3)
    client.expect(b"MSG ar.a 1 1\r\nx\r\n" * 3)
    client.send("UNSUB 1 2\r\nPUB ar.a 1\r\ny\r\n")
    client.ping()


def test_sid_is_free_again_after_unsubscribe(client):
    client.send("SUB fr.a 1\r\nUNSUB 1\r\nSUB fr.b 1\r\nPUB fr.b 1\r\nx\r\n")
    client.expect(b"MSG fr.b 1 1\r\nx\r\n")


# --- wildcards


@pytest.mark.parametrize("pattern, hits, misses", [
    ("{}.*", ["a", "b"], ["a.b"]),
    ("{}.>", ["a", "a.b", "a.b.c"], []),
    ("{}.*.c", ["a.c", "b.c"], ["a", "a.b", "a.b.c"]),
    ("{}.a.*.c.>", ["a.b.c.d", "a.b.c.d.e"], ["a.b.c", "a.c.d"]),
    ("{}.foo*", ["foo*"], ["foobar", "foo"]),   # a longer token that holds a star is literal
    ("{}.foo>", ["foo>"], ["foobar"]),
    ("{}.*.*", ["a.b"], ["a", "a.b.c"]),
])
def test_wildcards(client, pattern, hits, misses, request):
    root = f"wild{abs(hash(request.node.name)) % 10**8}"
    client.send(f"SUB {pattern.format(root)} 1\r\n")
    for tail in hits + misses:
        client.send(f"PUB {root}.{tail} 1\r\nx\r\n")
    for tail in hits:
        client.expect(f"MSG {root}.{tail} 1 1\r\nx\r\n")
    client.ping()


@pytest.mark.parametrize("subject", [".a", "a.", "a..b", ">.a", "a.>.b", ".", "..", "a.*.>.c"])
def test_subscribing_to_a_malformed_subject(client, subject):
    client.send(f"SUB {subject} 1\r\n")
    client.expect_error("Invalid Subject")
    client.ping()


def test_malformed_publish_subjects_are_only_refused_to_pedantic_clients(server, dial):
    strict, lax = dial(server).connect(pedantic=True), dial(server).connect()
    strict.send("PUB pp..a 1\r\nx\r\n")
    strict.expect_error("Invalid Publish Subject")
    strict.ping()
    strict.send("PUB pp.* 1\r\nx\r\n")
    strict.expect_error("Invalid Publish Subject")
    strict.ping()
    lax.send("PUB pp..a 1\r\nx\r\n")
    lax.ping()


# --- echo


def test_echo_off_keeps_own_messages_away(server, dial):
    mute, other = dial(server).connect(echo=False), dial(server).connect()
    mute.send("SUB ec.a 1\r\n")
    mute.ping()
    other.send("SUB ec.a 1\r\n")
    other.ping()
    mute.send("PUB ec.a 1\r\nm\r\n")
    other.expect(b"MSG ec.a 1 1\r\nm\r\n")
    other.send("PUB ec.a 1\r\no\r\n")
    mute.expect(b"MSG ec.a 1 1\r\no\r\n")


# --- queue groups


def test_one_member_of_a_queue_group_gets_each_message(server, dial):
    members = [dial(server).connect() for _ in range(3)]
    for number, member in enumerate(members):
        member.send(f"SUB qg.a workers {number}\r\n")
        member.ping()
    publisher = dial(server).connect()
    publisher.send("PUB qg.a 3\r\nend\r\n" * 300)
    publisher.ping()
    counts = []
    for member in members:
        counts.append(len(member.messages_until_pong()))
    assert sum(counts) == 300
    assert min(counts) > 30, f"spread over the members: {counts}"


def test_each_queue_group_and_each_plain_subscription_gets_the_message(client):
    client.send("SUB qs.a g1 1\r\nSUB qs.a g1 2\r\nSUB qs.* g2 3\r\nSUB qs.a 4\r\nPUB qs.a 1\r\nx\r\n")
    sids = sorted(m.sid for m in client.messages(3))
    client.ping()
    assert sids in (["1", "3", "4"], ["2", "3", "4"])


def test_queue_members_may_subscribe_by_different_patterns(client):
    client.send("SUB qp.* g 1\r\nSUB qp.> g 2\r\nPUB qp.a 1\r\nx\r\n")
    # The name makes the group: one of the two gets it.
    assert client.message().sid in ("1", "2")
    client.ping()


def test_the_group_goes_on_when_a_member_leaves(server, dial):
    stays, leaves = dial(server).connect(), dial(server).connect()
    stays.send("SUB ql.a g 1\r\n")
    stays.ping()
    leaves.send("SUB ql.a g 1\r\n")
    leaves.ping()
    leaves.close()
    publisher = dial(server).connect()
    publisher.ping()
    time.sleep(0.2)  # the server has to notice the end of the connection
    publisher.send("PUB ql.a 1\r\nx\r\n" * 20)
    assert len(stays.messages(20)) == 20


def test_queue_members_count_for_auto_unsubscribe(client):
    client.send("SUB qa.a g 1\r\nUNSUB 1 1\r\nPUB qa.a 1\r\nx\r\nPUB qa.a 1\r\ny\r\n")
    client.expect(b"MSG qa.a 1 1\r\nx\r\n")
    client.ping()


def test_reserved_queue_name_is_refused(client):
    client.send("SUB qr.a _sys_ 1\r\n")
    client.expect_error('Permissions Violation for Subscription to "qr.a" using queue "_sys_"')
    client.ping()


# --- connections end


def test_subscriptions_die_with_their_connection(server, dial):
    first, second = dial(server).connect(), dial(server).connect(headers=True, no_responders=True)
    first.send("SUB end.a 1\r\n")
    first.ping()
    first.close()
    time.sleep(0.2)
    second.send("SUB end.back 1\r\nPUB end.a end.back 0\r\n\r\n")
    second.expect_match(r"HMSG end\.back 1 37 37")


def test_a_second_connect_drops_the_subscriptions(raw):
    raw.connect()
    raw.send("SUB cc.a 1\r\n")
    raw.ping()
    raw.send('CONNECT {"verbose":false}\r\nPUB cc.a 1\r\nx\r\n')
    raw.ping()


def test_a_large_message_is_handled_when_it_is_whole(client):
    """However its bytes come, and though nothing follows it."""
    client.send("SUB large.whole 1\r\n")
    client.ping()
    for size in (131_061, 140_000, 200_000, 262_100, 262_200):
        operation = f"PUB large.whole {size}\r\n".encode() + b"a" * size + b"\r\n"
        for first in (1_000, 70_000, 131_072):
            client.send(operation[:first])
            time.sleep(0.01)
            client.send(operation[first:])
            assert len(client.message().payload) == size
