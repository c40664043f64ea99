"""charts/natrix with helm: install, upgrade, uninstall."""
import re
import subprocess

import pytest

from harness import toolchains
from harness.server import ROOT
from lab.clusters import Cluster
from lab.kube import wait
from lab.load import Load
from lab.operator import CRD, Operator

CHART = ROOT / "charts/natrix"
QUICK = ["--set", "config.lameDuck.duration=30s", "--set", "config.lameDuck.gracePeriod=1s"]


@pytest.fixture(scope="module")
def helm(kube):
    tool = toolchains.go_tool("helm")

    def run(*words):
        done = subprocess.run([tool, *map(str, words), "--kubeconfig", kube.kubeconfig, "--namespace", kube.ns],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    yield run
    subprocess.run([tool, "uninstall", "events", "--kubeconfig", kube.kubeconfig, "--namespace", kube.ns],
                   capture_output=True, timeout=600)


@pytest.fixture(scope="module")
def release(kube, helm):
    notes = helm("install", "events", CHART, "--wait", "--timeout", "5m", *QUICK)
    cluster = Cluster(kube, "events")
    cluster.wait_settled(3)
    return cluster, notes


@pytest.fixture
def narrow(kube, helm):
    """A release that looks after its own namespace only."""
    helm("install", "narrow", CHART, "--wait", "--timeout", "5m", *QUICK, "--set", "config.cluster.replicas=1",
         "--set", f"operator.watchNamespace={kube.ns}")
    yield
    helm("uninstall", "narrow", "--wait")


def test_install(kube, release, remember):
    cluster, notes = release
    cluster.wait_meshed()
    assert re.search(r"nats://events\b", notes), notes
    load = Load(kube, "chart, nothing happens", service="events")
    load.wait_flowing()
    outcome = remember(load.finish())
    assert outcome.lost == outcome.duplicated == outcome.given_up == 0, outcome


def test_upgrade(kube, helm, release):
    cluster, _ = release
    before = cluster.identities()
    helm("upgrade", "events", CHART, "--wait", *QUICK, "--set", "config.cluster.replicas=4")
    cluster.wait_settled(4)
    assert {**cluster.identities(), **before} == cluster.identities()


def test_uninstall(kube, helm, release):
    """The NatsCluster goes with the release, and so do the servers; the kind itself stays, as helm has it."""
    cluster, _ = release
    helm("uninstall", "events", "--wait")
    wait("the servers are gone", lambda: not kube.items("pods,statefulsets,services", cluster.selector), 120)
    kube.run("get", "crd", CRD)
    operator = Operator(kube, kube.ns, "events-operator", "app.kubernetes.io/instance=events")
    wait("the operator is gone", lambda: not operator.pods(), 120)


def test_one_namespace_only(kube, helm, narrow):
    """A Role instead of a ClusterRole, and the operator needs no more than that."""
    cluster = Cluster(kube, "narrow")
    cluster.wait_settled(1)
    kinds = [line.removeprefix("kind: ") for line in helm("get", "manifest", "narrow").splitlines() if "kind: " in line[:6]]
    assert "Role" in kinds and not {"ClusterRole", "ClusterRoleBinding"} & set(kinds), kinds
    kube.run("scale", "natscluster", "narrow", "-n", kube.ns, "--replicas=2")
    cluster.wait_settled(2)
    operator = Operator(kube, kube.ns, "narrow-operator", "app.kubernetes.io/instance=narrow")
    assert "orbidden" not in operator.log()
