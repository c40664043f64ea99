"""`make up` and `make down`, step by step as a newcomer takes them (make itself only builds before)."""
import os
import re
import subprocess
import urllib.request

import pytest

from harness import toolchains
from harness.local import alive, children_of, has_kubectl
from harness.server import ROOT, wait_until

pytestmark = pytest.mark.skipif(not has_kubectl(), reason="no kubectl on this machine")


class Terminal:
    def __init__(self, folder):
        self.state = folder / "up"
        self.env = {**os.environ, "NATRIX_UP_DIR": str(self.state), "HOME": str(folder),
                    "KUBECONFIG": str(self.state / "kubeconfig")}

    def run(self, *command, code=0, timeout=120):
        done = subprocess.run([str(c) for c in command], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, env=self.env, timeout=timeout)
        assert done.returncode == code, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def up(self, *args, **options):
        return self.run(ROOT / "scripts/up", *args, **options)

    def pid(self):
        return int((self.state / "pid").read_text())


@pytest.fixture
def terminal(tmp_path):
    one = Terminal(tmp_path)
    yield one
    one.up("stop")


def test_a_newcomers_session(terminal):
    said = terminal.up("start")
    url = re.search(r"clients +(nats://\S+)", said)[1]
    again = terminal.up("start")
    assert again.startswith("It runs already.") and url in again
    assert url in terminal.up("status")
    pid = terminal.pid()
    servers = children_of(pid)
    assert len(servers) == 3

    assert terminal.run("kubectl", "get", "natsclusters").count("AllServersReady") == 1
    assert terminal.run("kubectl", "get", "pods").count("1/1") == 3
    metrics = re.findall(r"http://\S+/metrics", said)
    assert len(metrics) == 4
    for page in metrics:
        with urllib.request.urlopen(page, timeout=10) as answer:
            assert b"# TYPE" in answer.read()

    terminal.run("kubectl", "scale", "natscluster", "nats", "--replicas", "5")
    terminal.run("kubectl", "wait", "--for=jsonpath={.status.readyReplicas}=5", "natscluster/nats",
                 "--timeout=60s")
    terminal.run("kubectl", "scale", "natscluster", "nats", "--replicas", "3")
    wait_until(lambda: terminal.run("kubectl", "get", "pods", "-o", "name").split() ==
               ["pod/nats-0", "pod/nats-1", "pod/nats-2"], 90, "three pods are left")
    assert "Server Exiting" not in terminal.run("kubectl", "logs", "nats-0")
    terminal.run("kubectl", "delete", "natscluster", "nats")
    wait_until(lambda: not children_of(pid), 60, "no server runs")

    assert "Ended." in terminal.up("stop")
    assert not alive(pid)
    assert not terminal.state.exists()
    assert "Nothing runs." in terminal.up("stop")
    terminal.up("status", code=1)


@pytest.fixture(scope="module")
def nats_command():
    return toolchains.go_tool("nats")


def test_the_nats_command_over_the_service(terminal, nats_command):
    tool = nats_command
    said = terminal.up("start")
    url = re.search(r"clients +(nats://\S+)", said)[1]
    subscriber = subprocess.Popen([tool, "--server", url, "sub", "greet", "--count", "1"],
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        assert any("Subscribing" in line for line in iter(subscriber.stdout.readline, ""))

        def heard():
            terminal.run(tool, "--server", url, "pub", "greet", "hello")
            return subscriber.poll() is not None
        wait_until(heard, 30, "the subscriber has got one", interval=0.2)
        assert "hello" in subscriber.stdout.read()
    finally:
        subscriber.kill()
        subscriber.wait()


def test_one_that_cannot_start_says_why_and_leaves_nothing(terminal, tmp_path):
    manifest = tmp_path / "bad.yaml"
    manifest.write_text("apiVersion: natrix.dev/v1alpha1\nkind: NatsCluster\nmetadata: {name: nats}\n"
                        "spec: {replicas: -3}\n")
    assert "spec.replicas" in terminal.up("start", manifest, code=1)
    assert "Nothing runs." in terminal.up("stop")
