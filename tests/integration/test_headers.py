"""Headers and no-responders (wire reference 1.1)."""

BLOCK = b"NATS/1.0\r\nA: b\r\n\r\n"


def test_headers_pass_unchanged(client):
    client.send(b"SUB h.a 1\r\nHPUB h.a %d %d\r\n%shello\r\n" % (len(BLOCK), len(BLOCK) + 5, BLOCK))
    client.expect(b"HMSG h.a 1 %d %d\r\n%shello\r\n" % (len(BLOCK), len(BLOCK) + 5, BLOCK))


def test_headers_with_reply(client):
    client.send(b"SUB hr.a 1\r\nHPUB hr.a hr.back %d %d\r\n%s\r\n" % (len(BLOCK), len(BLOCK), BLOCK))
    client.expect(b"HMSG hr.a 1 hr.back %d %d\r\n%s\r\n" % (len(BLOCK), len(BLOCK), BLOCK))


def test_header_bytes_are_not_normalised(client):
    block = b"NATS/1.0\r\nkey:v\r\nKEY:  two  \r\nkey: three\r\n\r\n"
    client.send(b"SUB hn.a 1\r\nHPUB hn.a %d %d\r\n%s\r\n" % (len(block), len(block), block))
    client.expect(b"HMSG hn.a 1 %d %d\r\n%s\r\n" % (len(block), len(block), block))


def test_a_client_without_headers_gets_the_payload_alone(server, dial, client):
    plain = dial(server).connect()
    plain.send("SUB hp.a 1\r\n")
    plain.ping()
    client.send(b"HPUB hp.a hp.back %d %d\r\n%shello\r\n" % (len(BLOCK), len(BLOCK) + 5, BLOCK))
    plain.expect(b"MSG hp.a 1 hp.back 5\r\nhello\r\n")


def test_plain_messages_stay_plain_for_header_clients(client):
    client.send("SUB hm.a 1\r\nPUB hm.a 1\r\nx\r\n")
    client.expect(b"MSG hm.a 1 1\r\nx\r\n")


def test_headers_in_verbose_mode(raw):
    raw.send('CONNECT {"headers":true}\r\n')
    raw.expect(b"+OK\r\n")
    raw.send(b"HPUB hv.a %d %d\r\n%s\r\n" % (len(BLOCK), len(BLOCK), BLOCK))
    raw.expect(b"+OK\r\n")


def test_hpub_without_headers_in_connect_closes_silently(server, dial):
    plain = dial(server).connect()
    plain.send(b"HPUB hx.a %d %d\r\n%s\r\n" % (len(BLOCK), len(BLOCK), BLOCK))
    plain.expect_closed()


def test_header_size_above_the_total_closes_silently(client):
    client.send("HPUB hs.a 20 10\r\n")
    client.expect_closed()


def test_no_responders(client):
    client.send("SUB nr.back.* 9\r\nPUB nr.none nr.back.1 0\r\n\r\n")
    block = b"NATS/1.0 503\r\nNats-Subject: nr.none\r\n\r\n"
    assert len(block) == 32 + len("nr.none")
    client.expect(b"HMSG nr.back.1 9 %d %d\r\n%s\r\n" % (len(block), len(block), block))


def test_no_responders_is_silent_when_somebody_listens(client):
    client.send("SUB ns.svc 1\r\nSUB ns.back 2\r\nPUB ns.svc ns.back 1\r\nx\r\n")
    client.expect(b"MSG ns.svc 1 ns.back 1\r\nx\r\n")
    client.ping()


def test_no_responders_only_to_those_who_asked(server, dial):
    plain = dial(server).connect(headers=True)
    plain.send("SUB no.back 1\r\nPUB no.none no.back 0\r\n\r\n")
    plain.ping()


def test_no_responders_without_reply_subject_is_silent(client):
    client.send("SUB nq.back 1\r\nPUB nq.none 0\r\n\r\n")
    client.ping()


def test_no_responders_counts_queue_members(server, dial, client):
    worker = dial(server).connect()
    worker.send("SUB nw.svc g 1\r\n")
    worker.ping()
    client.send("SUB nw.back 1\r\nPUB nw.svc nw.back 1\r\nx\r\n")
    worker.expect(b"MSG nw.svc 1 nw.back 1\r\nx\r\n")
    client.ping()


def test_no_responders_for_a_request_with_headers(client):
    client.send(b"SUB nh.back 1\r\nHPUB nh.none nh.back %d %d\r\n%s\r\n" % (len(BLOCK), len(BLOCK), BLOCK))
    block = b"NATS/1.0 503\r\nNats-Subject: nh.none\r\n\r\n"
    client.expect(b"HMSG nh.back 1 %d %d\r\n%s\r\n" % (len(block), len(block), block))


def test_no_responders_needs_headers(raw):
    raw.send('CONNECT {"verbose":false,"no_responders":true}\r\n')
    raw.expect_error("no responders requires headers support")
    raw.expect_closed()
