"""The examples, run as their READMEs say; compose files with their own flags, on loopback addresses."""
import re
import subprocess
import time

import pytest
import yaml

from harness import toolchains
from harness.cluster import Cluster, free_port, peers
from harness.server import ROOT, wait_until
from test_clients import Program

FAILOVER = ROOT / "examples/cluster-failover"
PRINTED = re.compile(r"^update (\d+)\r?$", re.M)


@pytest.fixture(scope="module")
def client():
    """client(role, urls, *flags) → command line"""
    binary = toolchains.go_program("cluster-failover", FAILOVER / "client")
    return lambda role, urls, *flags: [str(binary), "-role", role, "-urls", ",".join(urls), *flags]


@pytest.fixture
def run():
    programs = []

    def launch(command):
        programs.append(Program(command))
        return programs[-1]

    yield launch
    for program in programs:
        program.close()


def finished(command, timeout=60):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def request_until_answered(command):
    def answered():
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30)
        return done.returncode == 0 and done.stdout == "pong\n"

    wait_until(answered, 20, "a pong", interval=0.2)


def test_hundred_thousand_updates_arrive(start, client, run):
    cluster = Cluster(start)
    urls = cluster.urls()
    subscriber = run(client("sub", urls[1:2]))
    subscriber.wait_for("connected to")
    cluster.wait_interest(cluster[0], 1)
    finished(client("pub", urls[:1]))
    subscriber.wait_for(r"update 100000\n", timeout=60)
    assert [int(n) for n in PRINTED.findall(subscriber.text)] == list(range(1, 100_001))


def test_clients_fail_over_and_the_node_comes_back(start, client, run):
    cluster = Cluster(start)
    urls = cluster.urls()
    replier, subscriber = run(client("rep", urls)), run(client("sub", urls))
    port = int(replier.wait_for(r"connected to \S+:(\d+)")[1])
    subscriber.wait_for("connected to")
    request_until_answered(client("req", urls))

    lost = cluster[cluster.client_ports.index(port)]
    lost.stop()
    replier.wait_for("reconnected to")
    request_until_answered(client("req", urls))

    lost.start()
    cluster.wait_meshed()
    request_until_answered(client("req", [lost.url()]))  # any node serves any client
    time.sleep(1)
    finished(client("pub", [lost.url()], "-n", "1000"))
    subscriber.wait_for(r"update 1000\n", timeout=30)
    got = [int(n) for n in PRINTED.findall(subscriber.text)]
    assert got == list(range(1, 1001)), f"{len(got)} messages"


def test_the_compose_file_makes_a_cluster(start):
    """Each service with its own flags. What containers give each of them is imitated: names and 0.0.0.0
    become a loopback address per service, and the fixed ports become free ones."""
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    assert set(services) == {"nats1", "nats2", "nats3"}
    ports = {"4222": free_port(), "6222": free_port(), "8222": free_port()}
    addresses = {name: f"127.77.0.{number}" for number, name in enumerate(services, 1)}
    nodes = {}
    for name, service in services.items():
        flags = " ".join(service["command"])
        for host, address in [*addresses.items(), ("0.0.0.0", addresses[name])]:
            flags = flags.replace(f"//{host}:", f"//{address}:")
        for port, free in ports.items():
            flags = re.sub(rf"\b{port}\b", str(free), flags)
        address = addresses[name]
        nodes[name] = start(base="", ports=False, name=name,
                            args=["-a", address, "-p", str(ports["4222"]), *flags.split(" ")])
        nodes[name].ports = {"nats": [f"nats://{address}:{ports['4222']}"],
                             "monitoring": [f"http://{address}:{ports['8222']}"]}
    for name, node in nodes.items():
        wait_until(lambda: peers(node) == set(nodes) - {name}, 20, lambda: f"{name} meshed, has {peers(node)}")


def test_the_example_compose_file_builds_on_the_root_one():
    text = (FAILOVER / "compose.yaml").read_text()
    assert yaml.safe_load(text)["include"] == ["../../compose.yaml"]
    for name in yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]:
        assert f"nats://{name}:4222" in text
