import os
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "support")]

from harness.server import ROOT  # noqa: E402
from lab import images, provider  # noqa: E402
from lab.clusters import Cluster  # noqa: E402
from lab.kube import Kube  # noqa: E402
from lab.operator import NS, Operator  # noqa: E402

OUTCOMES = []


@pytest.fixture(scope="session")
def cloud(tmp_path_factory):
    """The provider of the cluster, running and with all images loaded."""
    if os.environ.get("PYTEST_XDIST_WORKER"):
        pytest.fail("these tests share one cluster and one operator: run them with -n 0")
    for part in ("broker", "operator"):
        assert (ROOT / f"build/bin/natrix-{part}").exists(), f"build/bin/natrix-{part} is not built"
    one = provider.choose()
    try:
        one.start()
        images.load_all(one, tmp_path_factory.mktemp("images"))
        yield one
    finally:
        one.stop()


@pytest.fixture(scope="module")
def kube(cloud, tmp_path_factory, request):
    """A namespace for each file of tests, dropped at its end."""
    kubeconfig = tmp_path_factory.mktemp("kube") / "config"
    kubeconfig.touch(mode=0o600)
    kubeconfig.write_text(cloud.kubeconfig())
    one = Kube(cloud.kubectl, kubeconfig)
    name = Path(request.fspath).stem.removeprefix("test_").replace("_", "-")
    # Where only pods without privileges may be.
    one.use_namespace(f"e2e-{name}", {"pod-security.kubernetes.io/enforce": "restricted"})
    yield one
    one.drop_namespace(f"e2e-{name}")


@pytest.fixture(scope="module")
def operator(kube):
    """The operator of the prod overlay: two replicas, one leads; and the overlay's own cluster."""
    one = Operator(kube)
    one.install("prod")
    one.wait_ready()
    yield one
    one.uninstall("prod")


@pytest.fixture
def remember():
    """remember(outcome): printed at the end of the run."""
    def add(outcome):
        OUTCOMES.append(str(outcome))
        return outcome
    return add


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """What the cluster looked like when a test failed: later it looks different."""
    result = yield
    report = result.get_result()
    if report.when == "call" and report.failed and "kube" in item.funcargs:
        kube = item.funcargs["kube"]
        report.sections.append(("cluster", Cluster(kube).describe()))
        report.sections.append(("events", kube.tries("get", "events", "-n", kube.ns, "--sort-by=.lastTimestamp") or ""))
        report.sections.append(("operator", Operator(kube, NS).log()))


def pytest_terminal_summary(terminalreporter):
    if OUTCOMES:
        terminalreporter.section("what clients saw")
        for line in OUTCOMES:
            terminalreporter.line(line)
        path = ROOT / "build/test-results/kubernetes-clients.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(OUTCOMES) + "\n")


def pytest_collection_modifyitems(items):
    """Servers say goodbye for seconds each; a test replaces a dozen of them."""
    for item in items:
        if HERE in Path(item.fspath).parents:
            item.add_marker(pytest.mark.timeout(1200))
