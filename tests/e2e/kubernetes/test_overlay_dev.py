"""kustomize/overlays/dev: one small server, and clients that find it by its Service's names."""
import pytest

from lab.clusters import Cluster
from lab.kube import wait
from lab.load import Load, client_pod
from lab.operator import NS, Operator


@pytest.fixture(scope="module")
def dev(kube):
    operator = Operator(kube)
    operator.install("dev")
    operator.wait_ready()
    cluster = Cluster(kube)
    cluster.wait_settled(1)
    yield cluster
    operator.uninstall("dev")


def test_clients_of_the_namespace(kube, dev, remember):
    load = Load(kube, "overlay dev, nothing happens", service="nats")
    load.wait_flowing()
    outcome = remember(load.finish())
    assert outcome.lost == outcome.duplicated == outcome.wrong == outcome.given_up == 0, outcome
    assert outcome.answered == outcome.requests > 0


def test_clients_of_another_namespace(kube, dev):
    """The long name, from the namespace default."""
    kube.apply(client_pod("far", "-role", "sub", "-url", f"nats://nats.{kube.ns}.svc.cluster.local:4222"), ns="default")
    try:
        wait("client of another namespace connected",
             lambda: kube.json_page("far", 8080, "/report", ns="default")["server"] == "nats-0", 90,
             lambda: kube.tries("logs", "far", "-n", "default") or "")
    finally:
        kube.tries("delete", "pod", "far", "-n", "default", "--grace-period=1")


def test_the_pod_can_be_looked_into(kube, dev):
    def inside(*words):
        return kube.run("exec", "nats-0", "-c", "nats", "-n", kube.ns, "--", *words)

    assert kube.pods("app=nats")[0]["metadata"]["name"] == "nats-0"
    assert inside("wget", "-qO-", "http://localhost:8222/healthz").strip() == '{"status":"ok"}'
    address = kube.get("pod", "nats-0")["status"]["podIP"]
    assert address in inside("nslookup", f"nats-0.nats-headless.{kube.ns}.svc.cluster.local")
    assert "nats-server: v" in inside("nats-server", "--version")
    assert "[DBG]" in kube.run("logs", "nats-0", "-n", kube.ns)  # the overlay asks for it


def test_pods_are_restricted(kube, dev):
    pod = kube.get("pod", "nats-0")
    assert not any("token" in str(v) for v in pod["spec"]["volumes"]), "no service account token"
    identity = kube.run("exec", "nats-0", "-n", kube.ns, "--", "cat", "/proc/1/status")
    fields = dict(line.split(":", 1) for line in identity.splitlines())
    assert fields["Uid"].split() == ["1000"] * 4 and fields["NoNewPrivs"].strip() == "1"
    assert int(fields["CapEff"], 16) == 0
    mounts = kube.run("exec", "nats-0", "-n", kube.ns, "--", "cat", "/proc/mounts").splitlines()
    root = next(line.split() for line in mounts if line.split()[1] == "/")
    assert "ro" in root[3].split(",")


def test_reload_is_seen_in_varz(kube, dev):
    before = dev.varz("nats-0")["config_load_time"]
    kube.run("exec", "nats-0", "-n", kube.ns, "--", "nats-server", "--signal", "reload=/var/run/nats/nats.pid")
    wait("the configuration loaded anew", lambda: dev.varz("nats-0")["config_load_time"] != before, 30)


def test_nothing_is_written_when_nothing_changed(kube, dev):
    """A pass over a settled cluster may read; the objects keep their versions."""
    def versions():
        kinds = "statefulset,service,configmap,secret,poddisruptionbudget,serviceaccount,natscluster"
        return {f"{o['kind']}/{o['metadata']['name']}": o["metadata"]["resourceVersion"]
                for o in kube.items(kinds) if o["metadata"]["name"].startswith("nats")}

    before = versions()
    assert len(before) >= 8, before
    # A change that asks for a pass and for nothing else.
    kube.run("annotate", "natscluster", "nats", "-n", kube.ns, "example.org/note=read", "--overwrite")
    kube.run("annotate", "statefulset", "nats", "-n", kube.ns, "example.org/note=read", "--overwrite")
    wait("a pass", lambda: "pass done" in Operator(kube).log(), 30)
    import time
    time.sleep(5)
    after = versions()
    for touched in ("NatsCluster/nats", "StatefulSet/nats"):
        assert before.pop(touched) != after.pop(touched)
    assert after == before


def test_deletion_takes_everything(kube, dev):
    kube.run("delete", "natscluster", "nats", "-n", kube.ns)
    wait("its objects are gone", lambda: not kube.items("statefulset,service,poddisruptionbudget,pods",
                                                        "natrix.dev/cluster=nats"), 120)
    wait("its Secrets are gone", lambda: not [s for s in kube.items("secrets,configmaps")
                                              if s["metadata"]["name"].startswith("nats")], 60)
    assert not [e for e in Operator(kube).log().splitlines() if "level=error" in e]
    assert all(count == 0 for count in Operator(kube, NS).restarts().values())
