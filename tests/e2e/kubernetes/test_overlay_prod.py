"""kustomize/overlays/prod: three servers, two operators of which one leads, and everything that happens to a
cluster in its life, under the load of clients that keep count.

Core NATS promises at most once: while a subscriber goes from one server to another, what is published is not
kept for it. So messages may be lost when a server leaves; none may come twice, every request that is
repeated must be answered in the end, and the longest silence must stay short.
"""
import pytest

from lab.clusters import Cluster, Watch, nats_cluster
from lab.images import NEXT_BROKER
from lab.kube import restarts, wait
from lab.load import Load
from lab.processes import frozen, processes_of

LONGEST_SILENCE_MS = 15_000  # a client finds out after two pings of two seconds and then looks for another server


@pytest.fixture(scope="module")
def work(kube, operator):
    """A cluster beside the overlay's own, with quick goodbyes, which the tests of this file change."""
    kube.apply(nats_cluster("work", 3))
    cluster = Cluster(kube, "work")
    cluster.wait_settled(3)
    return cluster


def check(outcome, clean=False):
    assert outcome.duplicated == outcome.wrong == outcome.given_up == 0, outcome
    assert outcome.answered == outcome.requests > 0, outcome
    assert outcome.message_gap_ms < LONGEST_SILENCE_MS and outcome.answer_gap_ms < LONGEST_SILENCE_MS, outcome
    if clean:
        assert outcome.lost == 0, outcome


def test_the_overlay_as_delivered(kube, operator, remember):
    cluster = Cluster(kube)
    cluster.wait_settled(3)
    cluster.wait_meshed()
    load = Load(kube, "overlay prod, nothing happens")
    load.wait_flowing()
    check(remember(load.finish()), clean=True)
    shown = kube.run("get", "natscluster", "nats", "-n", kube.ns)
    assert f"nats://nats.{kube.ns}.svc:4222" in shown and "AllServersReady" in shown, shown
    # As the API server keeps it; this cluster's network does not enforce policies.
    rules = [(rule.get("from"), port["port"], port.get("endPort", port["port"]))
             for rule in kube.get("networkpolicy", "nats")["spec"]["ingress"] for port in rule["ports"]]
    assert [who for who, first, last in rules if first <= 4222 <= last] == [[{"namespaceSelector": {}}]]
    (servers,) = [who for who, first, last in rules if first <= 6222 <= last]
    assert [peer["podSelector"]["matchLabels"]["natrix.dev/cluster"] for peer in servers] == ["nats"]
    kube.run("delete", "natscluster", "nats", "-n", kube.ns)  # room for the others


def test_scale_up_and_down(kube, work, remember):
    load = Load(kube, "scale 3 to 5 to 3", service="work")
    before = work.identities()
    with Watch(work) as watch:
        kube.run("scale", "natscluster", "work", "-n", kube.ns, "--replicas=5")
        work.wait_settled(5)
        work.wait_meshed()
        load.wait_flowing()
        kube.run("scale", "natscluster", "work", "-n", kube.ns, "--replicas=3")
        work.wait_settled(3)
        load.wait_flowing()
    check(remember(load.finish()))
    assert watch.fewest >= 3
    assert work.identities() == before, "those who stay are not restarted"
    assert {r for _, r, _ in kube.events("NatsCluster", "work")} >= {"ScalingUp", "ScalingDown"}


def test_rolling_image_change(kube, work, remember):
    load = Load(kube, "rolling image change of 3", service="work")
    before = work.identities()
    repository, tag = NEXT_BROKER.split(":")
    with Watch(work) as watch:
        kube.patch("natscluster", "work", {"spec": {"image": {"repository": repository, "tag": tag}}})
        wait("the change begins", lambda: work.identities() != before, 60, work.describe)
        work.wait_settled(3)
    load.wait_flowing()
    check(remember(load.finish()))
    assert watch.fewest >= 2, "one server at a time"
    assert all(p["spec"]["containers"][0]["image"] == NEXT_BROKER for p in work.pods())
    assert not set(before.values()) & set(work.identities().values())
    work.wait_meshed()


def test_configuration_change(kube, work, remember):
    load = Load(kube, "configuration change of 3", service="work")
    before = {n: work.varz(n) for n in work.names()}
    with Watch(work) as watch:
        kube.patch("natscluster", "work", {"spec": {"config": {"nats": {"maxPayload": "2MB"}}}})
        wait("all servers say so", lambda: all(work.varz(n)["max_payload"] == 2 << 20 for n in work.names()), 240,
             work.describe)
        work.wait_settled(3)
    load.wait_flowing()
    check(remember(load.finish()))
    status = work.read()["status"]["config"]
    assert status["appliedServers"] == 3
    for name in work.names():
        now = work.varz(name)
        assert now["config_load_time"] != before[name]["config_load_time"]
        restarted = now["start"] != before[name]["start"]
        assert restarted == (status["method"] == "Restart"), (name, status)
    assert watch.fewest >= (2 if status["method"] == "Restart" else 3)


def test_pods_deleted(kube, work, remember):
    load = Load(kube, "pods deleted one after the other", service="work")
    for name in work.names():
        old = work.identities()[name]
        kube.run("delete", "pod", name, "-n", kube.ns, "--wait=false")
        wait(f"{name} is replaced", lambda: work.identities().get(name, old) != old, 120, work.describe)
        work.wait_settled(3)
    load.wait_flowing()
    check(remember(load.finish()))


def test_pods_killed_without_goodbye(kube, work, remember):
    load = Load(kube, "pods killed without a goodbye", service="work")
    for name in work.names()[:2]:
        old = work.identities()[name]
        kube.run("delete", "pod", name, "-n", kube.ns, "--grace-period=0", "--force")
        wait(f"{name} is replaced", lambda: work.identities().get(name, old) != old, 120, work.describe)
        work.wait_settled(3)
    load.wait_flowing()
    outcome = remember(load.finish())
    check(outcome)


def test_process_frozen(kube, cloud, work, remember):
    """A server that stands still with all its connections open: clients leave it, the others go on, and when it
    wakes up it is a member again."""
    if not cloud.local:
        pytest.skip("containers are not processes of this machine")
    load = Load(kube, "server frozen and woken", service="work")
    victim = load.ask("sub")["server"]
    pod = kube.get("pod", victim)
    with frozen(pod):
        wait("the subscriber went elsewhere", lambda: load.ask("sub")["server"] not in ("", victim), 60,
             lambda: str(load.ask("sub")))
        load.wait_flowing()
        wait("the operator says so", lambda: work.condition("Degraded")["status"] == "True", 90, work.describe)
        assert victim in work.condition("Degraded")["message"] and work.condition("Ready")["status"] == "False"
    work.wait_settled(3)
    work.wait_meshed()
    load.wait_flowing()
    check(remember(load.finish()))


def test_process_killed(kube, cloud, work, remember):
    """kill -9 of a server: the kubelet starts it again in the same pod."""
    if not cloud.local:
        pytest.skip("containers are not processes of this machine")
    import os
    import signal
    load = Load(kube, "server killed with -9", service="work")
    name = work.names()[0]
    pod = kube.get("pod", name)
    count = restarts(pod)
    for process in processes_of(pod):
        os.kill(process, signal.SIGKILL)
    wait(f"{name} is started again", lambda: restarts(kube.get("pod", name)) == count + 1, 120, work.describe)
    work.wait_settled(3)
    work.wait_meshed()
    load.wait_flowing()
    check(remember(load.finish()))


def test_deletion_leaves_claims(kube, operator):
    stored = Cluster(kube, "stored")
    kube.apply(nats_cluster("stored", 2, storage={"size": "1Gi"}))
    stored.wait_settled(2)
    claims = {c["metadata"]["name"]: c["metadata"]["uid"] for c in kube.items("persistentvolumeclaims")}
    assert set(claims) == {"data-stored-0", "data-stored-1"}
    kube.run("exec", "stored-0", "-n", kube.ns, "--", "sh", "-c", "echo kept > /data/proof")
    kube.run("delete", "natscluster", "stored", "-n", kube.ns)
    wait("the servers are gone", lambda: not kube.items("pods,statefulsets", stored.selector), 120)
    kube.apply(nats_cluster("stored", 1, storage={"size": "1Gi"}))
    stored.wait_settled(1)
    kube.run("scale", "natscluster", "stored", "-n", kube.ns, "--replicas=1")
    assert {c["metadata"]["name"]: c["metadata"]["uid"] for c in kube.items("persistentvolumeclaims")} == claims
    assert kube.run("exec", "stored-0", "-n", kube.ns, "--", "cat", "/data/proof") == "kept\n"
    kube.run("delete", "natscluster", "stored", "-n", kube.ns)
