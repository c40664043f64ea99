"""The operator killed at random moments, and without its permissions."""
import json
import random
import time

import pytest

from lab.clusters import Cluster, Watch, nats_cluster
from lab.images import BROKER, NEXT_BROKER
from lab.kube import condition, is_ready, wait

ROLE = "natrix-operator"


@pytest.fixture(scope="module")
def work(kube, operator):
    kube.run("delete", "natscluster", "nats", "-n", kube.ns)  # the overlay's own is not needed here
    kube.apply(nats_cluster("work", 3))
    cluster = Cluster(kube, "work")
    cluster.wait_settled(3)
    return cluster


def image(name):
    repository, tag = name.split(":")
    return {"spec": {"image": {"repository": repository, "tag": tag}}}


def test_the_one_that_waits_takes_over(kube, operator, work):
    """The leader disappears without giving its Lease back."""
    leader = operator.leader()
    assert leader in operator.ready_pods()
    began = time.monotonic()
    kube.run("delete", "pod", leader, "-n", operator.ns, "--grace-period=0", "--force")
    wait("another one leads", lambda: operator.leader() not in ("", leader), 60, operator.log)
    kube.run("scale", "natscluster", "work", "-n", kube.ns, "--replicas=4")
    work.wait_settled(4)
    print(f"led again and scaled after {time.monotonic() - began:.1f} s")
    kube.run("scale", "natscluster", "work", "-n", kube.ns, "--replicas=3")
    work.wait_settled(3)


def test_killed_at_random_moments(kube, operator, work):
    """Both operators, again and again, while the cluster is changed: it always ends as asked for, and never
    are two servers down by our hand."""
    seed = int(time.time())
    print(f"seed {seed}")
    dice = random.Random(seed)
    changes = [
        (3, lambda: kube.patch("natscluster", "work", image(NEXT_BROKER))),
        (5, lambda: kube.run("scale", "natscluster", "work", "-n", kube.ns, "--replicas=5")),
        (5, lambda: kube.patch("natscluster", "work", {"spec": {"config": {"nats": {"maxPayload": "3MB"}}}})),
        (3, lambda: kube.run("scale", "natscluster", "work", "-n", kube.ns, "--replicas=3")),
        (3, lambda: kube.patch("natscluster", "work", image(BROKER))),
    ]
    for number, (replicas, change) in enumerate(changes):
        with Watch(work) as watch:
            change()
            for _ in range(2):
                time.sleep(dice.uniform(0, 4))
                operator.kill()
            wait(f"change {number} seen", lambda: work.read()["status"]["observedGeneration"]
                 == work.read()["metadata"]["generation"], 120, work.describe)
            work.wait_settled(replicas)
        assert watch.fewest >= 2, f"change {number}, seed {seed}"
    operator.wait_ready()
    assert all(p["spec"]["containers"][0]["image"] == BROKER for p in work.pods())
    assert {work.varz(n)["max_payload"] for n in work.names()} == {3 << 20}


@pytest.fixture
def role(kube):
    """The operator's ClusterRole as it is; put back afterwards whatever happens."""
    whole = json.loads(kube.run("get", "clusterrole", ROLE, "-o", "json"))
    rules = whole["rules"]
    yield rules
    kube.patch("clusterrole", ROLE, {"rules": rules}, ns="default")


def without(rules, resource, *verbs):
    left = [{**r, "verbs": [v for v in r["verbs"] if v not in verbs]} if resource in r.get("resources", []) else r
            for r in rules]
    return [rule for rule in left if rule["verbs"]]


def forbidden(log, resource):
    return any(resource in line and "orbidden" in line for line in log.splitlines())


def wait_given_back(kube, rules, work, replicas):
    kube.patch("clusterrole", ROLE, {"rules": rules}, ns="default")
    work.wait_settled(replicas)
    assert condition(work.read(), "Reconciled")["status"] == "True"


def test_a_right_taken_away_and_given_back(kube, operator, work, role):
    """The condition names what is forbidden; servers and operator go on."""
    before, identities = operator.restarts(), work.identities()
    kube.patch("clusterrole", ROLE, {"rules": without(role, "statefulsets", "patch", "create")}, ns="default")
    kube.run("scale", "natscluster", "work", "-n", kube.ns, "--replicas=4")
    wait("the condition says so", lambda: work.condition("Reconciled")["reason"] == "Forbidden", 90, work.describe)
    told = work.condition("Reconciled")
    assert told["status"] == "False" and "statefulsets" in told["message"] and "runbook" in told["message"], told
    assert "Forbidden" in {reason for _, reason, _ in kube.events("NatsCluster", "work")} or any(
        "statefulsets" in note for kind, _, note in kube.events("NatsCluster", "work") if kind == "Warning")
    assert work.identities() == identities
    wait_given_back(kube, role, work, 4)
    assert operator.restarts() == before, "no crash loop"


@pytest.mark.parametrize("resource, verbs", [("pods", ["list", "watch"]), ("natsclusters", ["get", "list", "watch"]),
                                             ("secrets", ["get"])])
def test_sight_taken_away_and_given_back(kube, operator, work, role, resource, verbs):
    before = operator.restarts()
    replicas = len(work.names())
    wanted = 3 if replicas == 4 else 4
    kube.patch("clusterrole", ROLE, {"rules": without(role, resource, *verbs)}, ns="default")
    kube.run("scale", "natscluster", "work", "-n", kube.ns, f"--replicas={wanted}")
    wait("the operator says so", lambda: forbidden(operator.log(), resource), 90, operator.log)
    if resource != "natsclusters":  # whose status cannot be written without reading it
        told = work.condition("Reconciled")
        assert told["reason"] == "Forbidden" and resource in told["message"], told
    wait_given_back(kube, role, work, wanted)
    assert operator.restarts() == before, "no crash loop"


def test_everything_taken_away_and_given_back(kube, operator, work):
    """Without its ClusterRoleBinding the operator can do nothing, and nothing happens to the servers."""
    before, identities = operator.restarts(), work.identities()
    replicas = len(identities)
    binding = json.loads(kube.run("get", "clusterrolebinding", ROLE, "-o", "json"))
    kube.run("delete", "clusterrolebinding", ROLE)
    try:
        kube.run("scale", "natscluster", "work", "-n", kube.ns, "--replicas=2")
        wait("the operator says so", lambda: "orbidden" in operator.log(), 60, operator.log)
        time.sleep(15)
        assert work.identities() == identities and all(map(is_ready, work.pods())) and len(work.pods()) == replicas
    finally:
        binding["metadata"] = {"name": ROLE, "labels": binding["metadata"].get("labels", {})}
        kube.apply(binding, ns="default")
    work.wait_settled(2)
    assert operator.restarts() == before, "no crash loop"
