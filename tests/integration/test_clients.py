"""Client libraries as people use them, against three clustered brokers (clients/README.md)."""
import os
import re
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness import toolchains
from harness.certs import Authority
from harness.cluster import Cluster
from harness.server import Factory, wait_until

HERE = Path(__file__).resolve().parent / "clients"
SCENARIOS = ["pubsub", "queue", "request", "headers", "reconnect"]
TIMEOUT_S = 90


def python_client():
    return [sys.executable, str(HERE / "python/client.py")]


def javascript_client():
    return ["node", str(toolchains.node_modules("nats.js", HERE / "js") / "client.js")]


def go_client():
    return [str(toolchains.go_program("nats.go", HERE / "go"))]


def c_client():
    return [str(toolchains.c_program("libnats", HERE / "c/client.c", "-lnats"))]


CLIENTS = {"nats-py": python_client, "nats.js": javascript_client, "nats.go": go_client, "libnats": c_client}


class Program:
    """A client at work; its output is read line by line."""

    def __init__(self, command, env=None):
        self.process = subprocess.Popen([str(c) for c in command], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        env={**os.environ, **(env or {})})
        self.text = ""

    def wait_for(self, pattern, timeout=TIMEOUT_S):
        deadline = time.monotonic() + timeout
        while not (match := re.search(pattern, self.text)):
            ready, _, _ = select.select([self.process.stdout], [], [], max(deadline - time.monotonic(), 0))
            data = os.read(self.process.stdout.fileno(), 65536) if ready else b""
            assert data, f"/{pattern}/ did not come; output:\n{self.text}"
            self.text += data.decode(errors="replace")
        return match

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def ended_well(self, scenario):
        self.wait_for(rf"ok {scenario}\n")
        assert self.process.wait(TIMEOUT_S) == 0, self.text


@pytest.fixture
def run():
    programs = []

    def launch(command, env=None):
        programs.append(Program(command, env))
        return programs[-1]

    yield launch
    for program in programs:
        program.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One cluster for the scenarios that leave it as it was."""
    factory = Factory(tmp_path_factory.mktemp("cluster"))
    try:
        yield Cluster(factory)
    finally:
        factory.close()


@pytest.fixture(params=CLIENTS)
def command(request):
    """The command line of one client, built; a fixture so that building is not held against the test."""
    return CLIENTS[request.param]()


@pytest.mark.parametrize("scenario", [s for s in SCENARIOS if s != "reconnect"])
def test_scenario(command, scenario, shared, run):
    run([*command, scenario, *shared.urls()]).ended_well(scenario)


def kill_node_of(cluster, address):
    port = int(address.rsplit(":", 1)[1].strip("/"))
    cluster[cluster.client_ports.index(port)].kill()


def test_reconnect(command, start, run):
    cluster = Cluster(start)
    client = run([*command, "reconnect", *cluster.urls()])
    kill_node_of(cluster, client.wait_for(r"connected (\S+)\n")[1])
    client.ended_well("reconnect")


# --- with TLS from end to end: certificates of clients, routes, users found in certificates


@pytest.fixture(scope="module")
def secure(tmp_path_factory):
    folder = tmp_path_factory.mktemp("secure")
    authority = Authority(folder / "certs")
    pair, client = authority.issue("server"), authority.issue("client")
    inside = pair.block(authority.ca)
    factory = Factory(folder)
    environment = {"TLS_CA": str(authority.ca), "TLS_CERT": str(client.cert), "TLS_KEY": str(client.key)}
    try:
        yield Cluster(factory, cluster_extra=f"tls {{ {inside} }}", extra=f"""
            tls {{ {inside} verify_and_map: true }}
            authorization {{ users: [ {{user: "CN=client"}} ] }}"""), environment
    finally:
        factory.close()


@pytest.mark.parametrize("scenario", ["pubsub", "queue", "request"])
def test_scenario_with_tls(command, scenario, secure, run):
    cluster, environment = secure
    urls = [url.replace("nats://127.0.0.1", "tls://localhost") for url in cluster.urls()]
    run([*command, scenario, *urls], environment).ended_well(scenario)


# --- the command line tool


@pytest.fixture
def nats(tmp_path):
    """nats(args) → the command line of the `nats` tool without any context of the user."""
    tool = toolchains.go_tool("nats")
    os.environ["XDG_CONFIG_HOME"] = str(tmp_path)
    yield lambda server, *args: [str(tool), "--no-context", "-s", server, *args]
    del os.environ["XDG_CONFIG_HOME"]


def ended(command, timeout=30):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_cli_publish_and_subscribe(shared, run, nats):
    subscriber = run(nats(shared.urls()[1], "sub", "cli.pubsub.>", "--count", "3"))
    subscriber.wait_for("Subscribing on cli.pubsub.>")
    time.sleep(1)
    ended(nats(shared.urls()[0], "pub", "cli.pubsub.a", "message {{Count}}", "--count", "3"))
    for number in (1, 2, 3):
        subscriber.wait_for(rf"Received on \"cli\.pubsub\.a\"\s+message {number}\n")
    assert subscriber.process.wait(TIMEOUT_S) == 0


def test_cli_queue_group(shared, run, nats):
    workers = [run(nats(url, "sub", "cli.queue", "--queue", "workers")) for url in shared.urls()]
    for worker in workers:
        worker.wait_for("Subscribing on cli.queue")
    time.sleep(1)
    ended(nats(shared.urls()[0], "pub", "cli.queue", "job-{{Count}}-", "--count", "60"))
    seen = set()

    def all_seen():
        for worker in workers:
            if select.select([worker.process.stdout], [], [], 0)[0]:
                worker.text += os.read(worker.process.stdout.fileno(), 65536).decode()
        seen.update(re.findall(r"job-(\d+)-", "".join(w.text for w in workers)))
        return len(seen) == 60

    wait_until(all_seen, 20, lambda: f"60 jobs, {len(seen)} seen")
    counts = [len(re.findall(r"job-\d+-", w.text)) for w in workers]
    assert sum(counts) == 60 and min(counts) > 0, counts


def test_cli_request_and_reply(shared, run, nats):
    service = run(nats(shared.urls()[1], "reply", "cli.svc", "answer to {{Request}}"))
    service.wait_for("Listening on \"cli.svc\"")
    time.sleep(1)
    assert "answer to ping" in ended(nats(shared.urls()[0], "req", "cli.svc", "ping"))
    nobody = subprocess.run(nats(shared.urls()[0], "req", "cli.nobody", "ping"), capture_output=True, text=True,
                            stdin=subprocess.DEVNULL, timeout=30)
    assert "No responders" in nobody.stdout + nobody.stderr


def test_cli_headers(shared, run, nats):
    subscriber = run(nats(shared.urls()[2], "sub", "cli.headers", "--count", "1"))
    subscriber.wait_for("Subscribing on cli.headers")
    time.sleep(1)
    ended(nats(shared.urls()[0], "pub", "cli.headers", "x", "-H", "X-One:first", "-H", "X-Two:a b"))
    subscriber.wait_for(r"(?i)X-One: first")
    subscriber.wait_for(r"(?i)X-Two: a b")


def test_cli_rtt_and_reconnect(start, run, nats):
    cluster = Cluster(start)
    assert "nats://" in ended(nats(cluster.urls()[0], "rtt", "1"))
    subscriber = run(nats(cluster.urls()[0], "sub", "cli.reconnect"))
    subscriber.wait_for("Subscribing on cli.reconnect")
    cluster[0].kill()

    def arrived():
        ended(nats(cluster.urls()[1], "pub", "cli.reconnect", "again"))
        if select.select([subscriber.process.stdout], [], [], 0.5)[0]:
            subscriber.text += os.read(subscriber.process.stdout.fileno(), 65536).decode()
        return "\nagain\n" in subscriber.text

    wait_until(arrived, 40, lambda: f"the subscription works elsewhere:\n{subscriber.text}")
