"""Flags, configuration errors, files, log lines, signals and exit codes (wire reference 23)."""
import json
import os
import re
import signal
import socket
import time
from pathlib import Path

import pytest

from harness.raw import Raw
from harness.server import BASE_CONFIG, run_to_end, wait_until

LOG_LINE = re.compile(r"\[(\d+)\] \d{4}/\d\d/\d\d \d\d:\d\d:\d\d\.\d{6} \[(INF|DBG|WRN|ERR|FTL|TRC)\] .*")


# --- programs that end by themselves


@pytest.mark.parametrize("flag", ["-v", "--version", "version"])
def test_version(flag):
    ended = run_to_end([flag])
    assert ended.returncode == 0
    assert re.fullmatch(r"nats-server: v\d+\.\d+\.\d+\S*\n", ended.stdout + ended.stderr)


@pytest.mark.parametrize("flag", ["-h", "--help", "help"])
def test_help(flag):
    ended = run_to_end([flag])
    assert ended.returncode == 0
    text = ended.stdout + ended.stderr
    for flag in ("--port", "--config", "--routes", "--http_port", "--pid"):
        assert flag in text


def test_unknown_flag_shows_usage_and_exits_0():
    ended = run_to_end(["--no-such-flag"])
    assert ended.returncode == 0
    assert "no-such-flag" in ended.stderr
    assert "--port" in ended.stdout + ended.stderr


def test_unknown_word():
    ended = run_to_end(["frobnicate"])
    assert ended.returncode == 1
    assert 'unrecognized command: "frobnicate"' in ended.stderr


def test_missing_config_file(tmp_path):
    ended = run_to_end(["-c", str(tmp_path / "absent.conf")])
    assert ended.returncode == 1
    assert "absent.conf" in ended.stderr


@pytest.mark.parametrize("text, words", [
    ("port: [", ["arse error"]),
    ("a = {", ["arse error"]),
    ("port: abc", ["conf:1"]),
    ("host: localhost\nno_such_key: 1", ["no_such_key", "conf:2"]),
    ("authorization {\n  user: a\n  frob: 1\n}", ["frob", "conf:3"]),
    ("max_payload: 99999999999999", ["max_payload"]),
    ("ping_interval: \"xyz\"", ["ping_interval"]),
    ("authorization { user: a, password: b, token: c }", []),
])
def test_bad_configuration_is_refused_with_its_place(tmp_path, text, words):
    path = tmp_path / "bad.conf"
    path.write_text(text + "\n")
    for flags in (["-c", str(path)], ["-t", "-c", str(path)]):
        ended = run_to_end([*flags, "-p", "-1"])
        assert ended.returncode == 1, ended.stderr
        for word in words:
            assert word in ended.stderr, ended.stderr


def test_syntax_error_says_parse_error(tmp_path):
    path = tmp_path / "bad.conf"
    path.write_text("port: 4222\nauthorization {{\n")
    ended = run_to_end(["-c", str(path)])
    assert ended.returncode == 1
    assert "arse error" in ended.stderr


def test_config_check(tmp_path):
    path = tmp_path / "good.conf"
    path.write_text("port: 4222\nauthorization { token: x }\n")
    ended = run_to_end(["-t", "-c", str(path)])
    assert ended.returncode == 0
    assert "valid" in ended.stderr + ended.stdout


def test_check_of_a_reload(tmp_path):
    texts = {"now": "port: 4222", "debug": "port: 4222\ndebug: true", "port": "port: 4223", "bad": "port: x"}
    for name, text in texts.items():
        (tmp_path / f"{name}.conf").write_text(text + "\n")

    def check(name):
        return run_to_end(["-t", "-c", str(tmp_path / "now.conf"), "--test_reload", str(tmp_path / f"{name}.conf")])

    assert check("debug").returncode == 0
    assert "can be reloaded" in check("debug").stderr
    assert check("port").returncode == 3
    assert "config reload not supported for" in check("port").stderr
    assert check("bad").returncode == 1


def test_plain_passwords_are_noticed(start):
    warning = "[WRN] Plaintext passwords detected, use nkeys or bcrypt"
    assert warning in start("authorization { users = [ {user: a, password: b} ] }").log()
    assert warning not in start("authorization { token: b }").log()


def test_routes_need_a_cluster():
    ended = run_to_end(["-p", "-1", "--routes", "nats://127.0.0.1:6222"])
    assert ended.returncode == 1
    assert "solicited routes require cluster capabilities, e.g. --cluster" in ended.stderr


def test_port_in_use(start, tmp_path):
    server = start()
    ended = run_to_end(["-a", "127.0.0.1", "-p", str(server.port())])
    assert ended.returncode == 1
    assert "[FTL]" in ended.stderr and "port" in ended.stderr


def test_monitoring_port_in_use(start):
    server = start()
    ended = run_to_end(["-a", "127.0.0.1", "-p", "-1", "-m", str(server.port("monitoring"))])
    assert ended.returncode == 1
    assert "[FTL]" in ended.stderr


# --- flags of a running server


def logged_port(server):
    found = re.findall(r"Listening for client connections on (\S+):(\d+)", server.log())
    return found[0][0], int(found[0][1])


@pytest.mark.parametrize("flags", [
    ["-p", "-1", "-a", "127.0.0.1"], ["--port", "-1", "--addr", "127.0.0.1"],
    ["-p=-1", "-a=127.0.0.1"], ["-port=-1", "--net=127.0.0.1"], ["-a", "127.0.0.1", "-port", "-1"],
])
def test_flag_spellings(start, flags):
    server = start(base="", ports=False, args=flags)
    host, port = logged_port(server)
    assert host == "127.0.0.1"
    Raw(port).close()


def test_all_addresses_by_default(start):
    server = start(base="", ports=False, args=["-p", "-1"])
    assert logged_port(server)[0] == "0.0.0.0"


@pytest.mark.parametrize("host", ["", "0.0.0.0", '"::"'])
def test_every_interface_means_both_families(start, host):
    listen = f"host: {host}\n" if host else ""
    server = start(listen + 'port: -1\nhttp: "127.0.0.1:-1"', base="")
    with Raw(server.port(), host="::1") as six, Raw(server.port()) as four:
        six.connect(name="six")
        four.connect(name="four")
        seen = {c["name"]: c["ip"] for c in server.json("/connz")["connections"]}
    assert seen == {"six": "::1", "four": "127.0.0.1"}


def test_flags_win_over_the_configuration(start, dial):
    server = start("server_name: from-file\nmax_payload: 1000", args=["--server_name", "from-flag"])
    info = dial(server).info
    assert (info["server_name"], info["max_payload"]) == ("from-flag", 1000)


def test_quotes_around_a_cluster_name_are_stripped_by_no_shell(start):
    server = start(args=["-cluster_name", "local", "-cluster", "nats://127.0.0.1:-1"])
    assert server.json("/varz")["cluster"]["name"] == "local"


def test_store_dir_without_jetstream_is_ignored(start, tmp_path):
    start(args=["--store_dir", str(tmp_path / "store")])
    assert not (tmp_path / "store" / "jetstream").exists()


def test_monitoring_flag(start):
    server = start(base="host: 127.0.0.1\nport: -1\n", args=["-m", "-1"])
    assert server.json("/varz")["server_id"]
    assert "Starting http monitor on 127.0.0.1:" in server.log()


def test_client_advertise(start, dial):
    server = start(args=["--client_advertise", "example.org:4444", "--cluster", "nats://127.0.0.1:-1"])
    client = dial(server)
    assert (client.info["host"], client.info["port"]) == ("example.org", 4444)


# --- log


def test_log_form_and_the_lines_others_wait_for(start):
    server = start("server_name: one")
    lines = server.log().splitlines()
    for line in lines:
        match = LOG_LINE.fullmatch(line)
        assert match, line
        assert int(match[1]) == server.process.pid
    text = server.log()
    assert "Starting nats-server" in text
    assert re.search(r"  Version:  \d+\.\d+\.\d+", text)
    assert "  Name:     one" in text
    assert re.search(r"  ID:       N[A-Z2-7]{55}", text)
    assert f"Using configuration file: {server.config_path}" in text
    assert f"Listening for client connections on 127.0.0.1:{server.port()}" in text
    assert text.index("Starting http monitor on 127.0.0.1:") < text.index("Server is ready")
    assert text.index("Listening for client connections") < text.index("Server is ready")


def test_no_debug_or_trace_by_default(start, dial):
    server = start()
    dial(server).connect()
    assert "[DBG]" not in server.log() and "[TRC]" not in server.log()


def test_debug_and_trace(start, dial):
    server = start(args=["-DV"])
    client = dial(server).connect()
    client.send("SUB tr.a 1\r\nUNSUB 1 3\r\nPUB tr.a 5\r\nhello\r\n")
    client.message()
    client.send("UNSUB 1\r\n")
    client.ping()
    text = server.log()
    assert "[DBG]" in text
    assert "<<- [SUB tr.a 1]" in text
    assert "<<- [UNSUB 1 3]" in text
    assert "<<- [UNSUB 1]" in text
    assert "<<- [PUB tr.a 5]" in text
    assert "->> [MSG tr.a 1 5]" in text
    assert '<<- MSG_PAYLOAD: ["hello"]' in text


def test_log_file(start, tmp_path):
    path = tmp_path / "server.log"
    server = start(args=["-l", str(path)], wait=False)
    wait_until(lambda: path.exists() and "Server is ready" in path.read_text(), 15, "the log file")
    server.stop()
    text = path.read_text()
    assert "Initiating Shutdown..." in text and "Server Exiting.." in text
    assert "Server is ready" not in server.log()


def test_log_file_of_the_configuration_and_reopen(start, tmp_path):
    path = tmp_path / "server.log"
    server = start(f'log_file: "{path}"', wait=False)
    wait_until(lambda: path.exists() and "Server is ready" in path.read_text(), 15, "the log file")
    old = path.rename(tmp_path / "old.log")
    server.send_signal(signal.SIGUSR1)
    wait_until(path.exists, what="a new log file")
    server.stop()
    assert "Server Exiting.." in path.read_text()
    assert "Server is ready" in old.read_text()


def test_log_without_time(start):
    server = start(args=["-T=false"])
    assert re.search(r"^\[\d+\] \[INF\] Server is ready$", server.log(), re.M)


# --- files


def test_pid_file(start, tmp_path):
    path = tmp_path / "nats.pid"
    server = start(args=["-P", str(path)])
    assert path.read_text() == str(server.process.pid)


def test_ports_file(start):
    server = start("cluster { name: x, listen: \"127.0.0.1:-1\" }")
    path = server.ports_file()
    if os.environ.get("NATRIX_BROKER") is None:
        assert path.name == f"nats-server_{server.process.pid}.ports"
    ports = json.loads(path.read_text())
    assert re.fullmatch(r"nats://127\.0\.0\.1:\d+", ports["nats"][0])
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", ports["monitoring"][0])
    assert re.fullmatch(r"nats://127\.0\.0\.1:\d+", ports["cluster"][0])
    assert server.stop() == 0
    assert not path.exists()


def test_ports_file_of_a_wildcard_listener_names_addresses(start):
    server = start(base='port: -1\nhttp: "127.0.0.1:-1"\n')
    assert server.url().split(":")[1].strip("/") not in ("0.0.0.0", "[::]")
    assert any("127.0.0.1" in url for url in server.ports["nats"])


# --- signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_graceful_end(start, dial, number):
    server = start()
    client = dial(server).connect()
    started = time.monotonic()
    assert server.stop(number) == 0
    assert time.monotonic() - started < 5
    client.expect_closed()  # no -ERR on shutdown
    text = server.log()
    assert f'Trapped "{ {signal.SIGINT: "interrupt", signal.SIGTERM: "terminated"}[number] }" signal' in text
    assert text.index("Initiating Shutdown...") < text.index("Server Exiting..")


def test_shutdown_with_many_connections_is_quick(start, dial):
    server = start()
    for _ in range(200):
        dial(server).connect()
    started = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - started < 5


def test_the_port_can_be_taken_again_at_once_after_a_kill(start, dial):
    server = start()
    port = server.port()
    client = dial(server).connect()
    server.kill()
    client.expect_closed()
    server.config = server.config.replace("port: -1", f"port: {port}", 1)
    server.start()
    assert server.port() == port
    dial(server).connect()


def test_restart_many_times(start):
    server = start()
    port = server.port()
    server.config = server.config.replace("port: -1", f"port: {port}", 1)
    for _ in range(5):
        assert server.stop() == 0
        server.start()
        Raw(port).close()


def test_stop_and_continue(start, dial):
    server = start()
    client = dial(server).connect()
    server.send_signal(signal.SIGSTOP)
    wait_until(lambda: "T (stopped)" in Path(f"/proc/{server.process.pid}/status").read_text(),
               what="all threads are stopped")
    client.send("PING\r\n")
    client.expect_nothing(0.3)
    server.send_signal(signal.SIGCONT)
    client.expect(b"PONG\r\n")


def test_the_port_answers_from_the_first_connect(start):
    """A client that is already retrying gets an INFO with its first successful connect."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = start(base=f"host: 127.0.0.1\nport: {port}\n", ports=False, wait=False)
    deadline = time.monotonic() + 15
    while True:
        try:
            client = Raw(port)
            break
        except ConnectionRefusedError:
            assert time.monotonic() < deadline, server.log()
    client.connect()
    client.close()


# --- reload


def rewrite(server, config):
    server.config = config
    text = BASE_CONFIG + config + f'\nports_file_dir: "{server.folder}"\n'
    Path(server.config_path).write_text(text)


def test_reload_applies_limits(start, dial):
    server = start("max_payload: 1000")
    rewrite(server, "max_payload: 2000")
    server.send_signal(signal.SIGHUP)
    server.wait_log("Reloaded server configuration")
    assert 'Trapped "hangup" signal' in server.log()
    assert dial(server).info["max_payload"] == 2000
    assert server.json("/varz")["max_payload"] == 2000


def test_reload_of_a_broken_file_changes_nothing(start, dial):
    server = start("max_payload: 1000")
    Path(server.config_path).write_text("max_payload: 2000\nno_such_key: 1\n")
    server.send_signal(signal.SIGHUP)
    server.wait_log("Failed to reload server configuration:")
    assert "no_such_key" in server.log()
    assert dial(server).info["max_payload"] == 1000


def test_reload_closes_clients_that_are_no_longer_allowed(start, dial):
    server = start("authorization { users = [{user: a, password: a}, {user: b, password: b}] }")
    stays = dial(server).connect(user="a", **{"pass": "a"})
    goes = dial(server).connect(user="b", **{"pass": "b"})
    rewrite(server, "authorization { users = [{user: a, password: a}] }")
    server.send_signal(signal.SIGHUP)
    server.wait_log("Reloaded server configuration")
    try:  # nats-server closes before the words are out
        goes.expect_error("Authorization Violation")
    except AssertionError as why:
        assert "closed by the peer" in str(why)
    goes.expect_closed()
    stays.ping()


def test_reload_refuses_another_port(start):
    server = start()
    rewrite(server, "")
    path = Path(server.config_path)
    path.write_text(path.read_text().replace("port: -1", f"port: {server.port() + 1}", 1))
    server.send_signal(signal.SIGHUP)
    server.wait_log("Failed to reload server configuration:")


def test_reload_closes_clients_whose_password_was_changed(start, dial):
    users = "authorization {{ users = [{{user: a, password: {}}}, {{user: b, password: b}}] }}"
    server = start(users.format("old"))
    goes = dial(server).connect(user="a", **{"pass": "old"})
    stays = dial(server).connect(user="b", **{"pass": "b"})
    rewrite(server, users.format("new"))
    server.send_signal(signal.SIGHUP)
    server.wait_log("Reloaded server configuration")
    try:  # nats-server closes before the words are out
        goes.expect_error("Authorization Violation")
    except AssertionError as why:
        assert "closed by the peer" in str(why)
    goes.expect_closed()
    stays.ping()
