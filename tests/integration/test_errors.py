"""What is refused, in which words, and whether the connection survives (wire reference 1.5)."""
import json

import pytest

from harness.raw import Closed


@pytest.mark.parametrize("line", ["FOO bar\r\n", "XUB a 1\r\n", "PUBX a 1\r\n", "PIN\r\n", "\x00\r\n",
                                  "PUB\r\n", "SUB\r\n", "UNSUB\r\n",
                                  "RS+ $G a\r\n", "LS+ a\r\n", "A+ $G\r\n", "RMSG $G a 0\r\n\r\n",
                                  "MSG a 1 0\r\n\r\n", "GET / HTTP/1.1\r\n\r\n"])
def test_unknown_operations_close(client, line):
    client.send(line)
    client.expect_error("Unknown Protocol Operation")
    client.expect_closed()


@pytest.mark.parametrize("line", ["PUB \r\n", "PUB a\r\n", "PUB a b c d\r\n", "PUB a x\r\n", "PUB a -1\r\n",
                                  "SUB \r\n", "SUB a\r\n", "SUB a b c d\r\n", "UNSUB \r\n", "UNSUB 1 2 3\r\n",
                                  "HPUB a 1\r\n", "HPUB a b c d e\r\n", "HPUB a x 3\r\n",
                                  "CONNECT {\"verbose\":\r\n", "CONNECT nonsense\r\n"])
def test_bad_arguments_close_silently(client, line):
    client.send(line)
    client.expect_closed()


def test_payload_not_followed_by_crlf_closes(client):
    client.send("PUB a 2\r\nabcd\r\n")
    client.expect_error("Unknown Protocol Operation")
    client.expect_closed()


def test_payload_above_the_limit(client):
    client.send("PUB mp.a 1048577\r\n")
    client.expect_error("Maximum Payload Violation")
    client.expect_closed()


def test_header_message_above_the_limit(client):
    client.send("HPUB mp.a 12 1048577\r\n")
    client.expect_error("Maximum Payload Violation")
    client.expect_closed()


def test_huge_size_is_not_believed(client):
    client.send("PUB mp.a 99999999999999999999\r\n")
    try:
        line = client.line()
    except Closed:  # without a word is as good
        return
    assert line == b"-ERR 'Maximum Payload Violation'", line
    client.expect_closed()


def test_control_line_above_the_limit(client):
    client.send("PUB " + "a" * 5000 + " 1\r\n")
    client.expect_error("maximum control line exceeded")
    client.expect_closed()


def test_control_line_without_end_is_cut_off(client):
    client.send("SUB " + "a" * 4200)
    client.expect_error("maximum control line exceeded")
    client.expect_closed()


@pytest.mark.parametrize("protocol", [2, -1, 7])
def test_unknown_client_protocol(raw, protocol):
    raw.send("CONNECT " + json.dumps({"verbose": False, "protocol": protocol}) + "\r\n")
    raw.expect_error("invalid client protocol")
    raw.expect_closed()


@pytest.mark.parametrize("subject", ["$GR.abc.x", "_GR_.abc.x", "$NRG.x"])
def test_reserved_publish_subjects(client, subject):
    client.send(f"PUB {subject} 1\r\nx\r\n")
    client.expect_error(f'Permissions Violation for Publish to "{subject}"')
    client.ping()


@pytest.mark.parametrize("reply", ["_R_.abc", "$JS.ACK.a.b", "_GR_.a.b.c"])
def test_reserved_reply_subjects(client, reply):
    client.send(f"SUB rr.a 1\r\nPUB rr.a {reply} 1\r\nx\r\n")
    client.expect_error(f'Permissions Violation for Publish with Reply of "{reply}"')
    client.ping()


def test_legacy_account_fields_are_refused(raw):
    raw.send('CONNECT {"verbose":false,"account":"x"}\r\n')
    raw.expect_error("Authorization Violation")
    raw.expect_closed()


def test_plus_ok_from_a_client_is_ignored(client):
    client.send("+OK\r\n")
    client.ping()


def test_an_error_from_a_client_ends_its_connection(client):
    client.send("-ERR 'whatever'\r\n")
    client.expect_closed()


def test_the_rest_of_a_ping_line_is_ignored(client):
    client.send("PING and more\r\n")
    client.expect(b"PONG\r\n")


def test_the_error_arrives_before_the_end_even_with_output_pending(client):
    client.send("SUB pend.a 1\r\n" + "PUB pend.a 1\r\nx\r\n" * 100 + "NONSENSE\r\n")
    client.expect(b"MSG pend.a 1 1\r\nx\r\n" * 100)
    client.expect_error("Unknown Protocol Operation")
    client.expect_closed()
