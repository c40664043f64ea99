"""natrix-operator as a process: start, probes, metrics, leadership, signals and exit codes."""
import json
import signal
import subprocess

import pytest

from harness.kube import FakeApiServer, Operator, operator_binary
from harness.server import wait_until

WATCHED = ["natsclusters", "statefulsets", "pods", "services", "configmaps",
           "poddisruptionbudgets", "networkpolicies", "serviceaccounts"]


@pytest.fixture
def api():
    server = FakeApiServer()
    yield server
    server.close()


@pytest.fixture
def operate(tmp_path, api):
    """operate(*args) → Operator; ended with the test."""
    started = []

    def start(*args, url=None, env=None, **options):
        folder = tmp_path / f"operator{len(started)}"
        started.append(Operator(folder, url or api.url, args, env, **options))
        return started[-1]

    yield start
    for one in started:
        one.discard()


def run_to_end(*args, env=None):
    return subprocess.run([operator_binary(), *args], capture_output=True, text=True, timeout=20,
                          env={"PATH": "/usr/bin:/bin", **(env or {})})


# --- programs that end by themselves


def test_version_and_help():
    assert run_to_end("version").stdout == run_to_end("--version").stdout
    assert run_to_end("version").stdout.startswith("natrix-operator ")
    ended = run_to_end("--help")
    assert ended.returncode == 0
    for flag in ("--kubeconfig", "--namespace", "--leader-elect", "--metrics-addr", "crd"):
        assert flag in ended.stdout


def test_crd_is_what_is_delivered():
    ended = run_to_end("crd")
    assert ended.returncode == 0
    assert "name: natsclusters.natrix.dev" in ended.stdout


@pytest.mark.parametrize("args", [["--no-such-flag"], ["frobnicate"], ["--workers", "0"],
                                  ["--log-level", "loud"], ["run", "--workers", "x"]])
def test_wrong_arguments_exit_2(args):
    ended = run_to_end(*args)
    assert ended.returncode == 2
    assert ended.stderr


def test_nothing_to_talk_to_names_the_remedy():
    ended = run_to_end("run")
    assert ended.returncode == 2
    assert "--kubeconfig" in ended.stderr


def test_broken_kubeconfig_is_named(tmp_path):
    path = tmp_path / "config"
    path.write_text(json.dumps({
        "current-context": "m", "clusters": [{"name": "c", "cluster": {"server": "https://x"}}],
        "users": [{"name": "u", "user": {"exec": {"command": "aws"}}}],
        "contexts": [{"name": "m", "context": {"cluster": "c", "user": "u"}}]}))
    ended = run_to_end("run", env={"KUBECONFIG": str(path)})
    assert ended.returncode == 2
    assert str(path) in ended.stderr and "exec is not supported" in ended.stderr


def test_taken_port_is_named(operate):
    port = operate().port()
    second = operate(metrics=f"127.0.0.1:{port}")
    assert second.process.wait(10) == 2
    assert f"127.0.0.1:{port}" in second.log() and "--metrics-addr" in second.log()


# --- running


def test_watches_what_it_has_to_and_nothing_else(api, operate):
    operator = operate()
    operator.wait_ready()
    wait_until(lambda: all(len(api.seen("GET", plural)) >= 2 for plural in WATCHED), 10,
               "every type is listed and watched")
    for method, path, query, headers in list(api.calls):
        assert method == "GET" and path.rsplit("/", 1)[-1] in WATCHED
        assert headers["User-Agent"].startswith("natrix-operator/")
        assert headers["Authorization"] == "Bearer sesame"
        if "natsclusters" not in path:
            assert query["labelSelector"] == "app.kubernetes.io/managed-by=natrix-operator"
        if query.get("watch"):
            assert query["allowWatchBookmarks"] == "true"
            assert 200 <= int(query["timeoutSeconds"]) <= 400
            assert query["resourceVersion"]


def test_one_namespace_only(api, operate):
    operate("--namespace", "shop").wait_ready()
    assert api.calls
    assert all("/namespaces/shop/" in path for _, path, _, _ in api.calls)


def test_not_ready_while_a_type_cannot_be_listed(api, operate):
    api.refuse["pods"] = 403
    operator = operate()
    wait_until(lambda: operator.page("/readyz") == (503, "watches: waiting for pods\n"), 10,
               lambda: operator.page("/readyz"))
    assert operator.page("/healthz")[0] == 200
    assert "list pods" in operator.log() and "the fake server says Forbidden" in operator.log()
    api.refuse.clear()
    operator.wait_ready()


def test_metrics(operate):
    operator = operate()
    operator.wait_ready()
    page = operator.page("/metrics")[1]
    for name in ("natrix_operator_build_info{", "natrix_operator_reconcile_total{",
                 'natrix_operator_api_requests_total{code="200",verb="list"}',
                 "natrix_operator_queue_depth 0", "natrix_operator_leader 1",
                 'natrix_operator_watch_synced{type="pods"} 1', "process_resident_memory_bytes"):
        assert name in page, name


def test_api_server_that_comes_later_and_goes_away(tmp_path, operate):
    absent = FakeApiServer()
    url = absent.url
    absent.close()
    operator = operate(url=url)
    assert operator.page("/healthz")[0] == 200
    assert operator.page("/readyz")[0] == 503
    code, took = operator.end(signal.SIGTERM)
    assert code == 0 and took < 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_it_quickly_with_0(operate, number):
    operator = operate()
    operator.wait_ready()
    code, took = operator.end(number)
    assert code == 0, operator.log()
    assert took < 2
    assert "level=error" not in operator.log()


# --- leadership


def test_leader_acquires_and_releases_the_lease(api, operate):
    operator = operate("--leader-elect", env={"POD_NAME": "pod-a"})
    wait_until(lambda: operator.metric("natrix_operator_leader") == 1, 10, "it leads")
    lease = api.lease()
    assert lease["metadata"]["namespace"] == "natrix-system"
    assert lease["spec"]["holderIdentity"].startswith("pod-a_")
    code, took = operator.end(signal.SIGTERM)
    assert code == 0 and took < 2
    assert api.lease()["spec"]["holderIdentity"] == ""


def test_standby_takes_over_within_seconds_of_a_clean_stop(api, operate):
    first = operate("--leader-elect", env={"POD_NAME": "pod-a"})
    wait_until(lambda: first.metric("natrix_operator_leader") == 1, 10, "the first leads")
    second = operate("--leader-elect", env={"POD_NAME": "pod-b"})
    second.wait_ready()
    assert second.metric("natrix_operator_leader") == 0
    first.end(signal.SIGTERM)
    wait_until(lambda: second.metric("natrix_operator_leader") == 1, 10, "the second leads")
    assert api.lease()["spec"]["holderIdentity"].startswith("pod-b_")
    assert api.lease()["spec"]["leaseTransitions"] == 1


def test_stolen_lease_ends_the_process_with_1(api, operate):
    operator = operate("--leader-elect")
    wait_until(lambda: operator.metric("natrix_operator_leader") == 1, 10, "it leads")
    with api.lock:
        path, lease = next((p, o) for p, o in api.objects.items() if "/leases/" in p)
        stolen = json.loads(json.dumps(lease))
        stolen["spec"]["holderIdentity"] = "thief"
        api.store(path, stolen)
    assert operator.process.wait(10) == 1
    assert "leadership lost" in operator.log()
    assert api.lease()["spec"]["holderIdentity"] == "thief"
