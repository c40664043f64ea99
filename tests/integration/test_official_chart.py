"""A values file as people have it for the official NATS chart, unchanged: our chart and operator make pods
with the same configuration of it.

EXPECTED is what the official chart 2.14.2 makes of VALUES. To hold it against the chart itself:

    NATRIX_OFFICIAL_CHART=.../k8s/helm/charts/nats $(scripts/venv) -m pytest tests/integration/test_official_chart.py
"""
import base64
import json
import os
import re
import subprocess

import pytest
import yaml

from harness import toolchains
from harness.local import Local
from harness.server import ROOT, wait_until

CHART = ROOT / "charts/natrix"
RELEASE = ["nats", "--namespace", "default", "--kube-version", "1.30.0"]

VALUES = {
    "fullnameOverride": "events",
    "global": {"labels": {"team": "a"}, "image": {"pullSecretNames": ["pull"]}},
    "config": {
        "cluster": {"enabled": True, "replicas": 5, "port": 6333, "noAdvertise": False},
        "nats": {"port": 4333},
        "monitor": {"enabled": True, "port": 8333},
        "jetstream": {"enabled": False},
        "websocket": {"enabled": False},
        "serverNamePrefix": "eu-",
        "merge": {"max_payload": "8MB", "write_deadline": "30s", "max_connections": 10000, "debug": False},
    },
    "container": {
        "image": {"repository": "nats", "tag": "2.12-alpine", "pullPolicy": "Always"},
        "env": {"GOMEMLIMIT": "1GiB", "TOKEN": {"valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}},
        "merge": {"resources": {"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"memory": "2Gi"}}},
    },
    "reloader": {"enabled": False},
    "natsBox": {"enabled": False},
    "promExporter": {"enabled": True, "podMonitor": {"enabled": False}},
    "service": {"enabled": True, "ports": {"nats": {"enabled": True}, "monitor": {"enabled": True}},
                "merge": {"metadata": {"annotations": {"dns": "nats.example.org"}}, "spec": {"type": "LoadBalancer"}}},
    "podTemplate": {
        "topologySpreadConstraints": {"kubernetes.io/hostname": {"maxSkew": 1, "whenUnsatisfiable": "DoNotSchedule"}},
        "merge": {"metadata": {"annotations": {"scrape": "true"}},
                  "spec": {"nodeSelector": {"disk": "ssd"}, "priorityClassName": "high",
                           "terminationGracePeriodSeconds": 120,
                           "tolerations": [{"key": "nats", "operator": "Exists", "effect": "NoSchedule"}]}}},
    "podDisruptionBudget": {"merge": {"spec": {"maxUnavailable": 2}}},
}

EXPECTED = {
    "replicas": 5,
    "podManagementPolicy": "Parallel",
    "image": "nats:2.12-alpine",
    "imagePullPolicy": "Always",
    "imagePullSecrets": [{"name": "pull"}],
    "ports": {"nats": 4333, "cluster": 6333, "monitor": 8333},
    "env": {"SERVER_NAME": "eu-$(POD_NAME)", "GOMEMLIMIT": "1GiB",
            "TOKEN": {"valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
            "POD_NAME": {"valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}},
    "resources": {"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"memory": "2Gi"}},
    "preStop": ["nats-server", "-sl=ldm=/var/run/nats/nats.pid"],
    "readiness": "/healthz?js-server-only=true",
    "liveness": "/healthz?js-enabled-only=true",
    "annotation": "true",
    "nodeSelector": {"disk": "ssd"},
    "priorityClassName": "high",
    "tolerations": [{"key": "nats", "operator": "Exists", "effect": "NoSchedule"}],
    "terminationGracePeriodSeconds": 120,
    "topologySpreadConstraints": [{"topologyKey": "kubernetes.io/hostname", "maxSkew": 1,
                                   "whenUnsatisfiable": "DoNotSchedule"}],
    "configuration": {
        "server_name": "$SERVER_NAME", "port": 4333, "http_port": 8333,
        "max_payload": "8MB", "write_deadline": "30s", "max_connections": 10000, "debug": False,
        "lame_duck_duration": "30s", "lame_duck_grace_period": "10s",
        "cluster": {"name": "events", "port": 6333, "no_advertise": False}},
    "routes": [f"events-{i}.events-headless" for i in range(5)],
    "service": {"type": "LoadBalancer", "annotation": "nats.example.org", "ports": {"nats": 4333, "monitor": 8333}},
    "maxUnavailable": 2,
}


def without_defaults(source):
    """An API server says which version a field path is of."""
    return {kind: {k: v for k, v in what.items() if k != "apiVersion"} for kind, what in source.items()}


def facts(stateful_set, service, budget, configuration, routes):
    """What counts of what a chart made: not names of volumes or labels of its own."""
    template = stateful_set["spec"]["template"]
    pod, container = template["spec"], template["spec"]["containers"][0]
    path = lambda probe: container[probe]["httpGet"]["path"]
    return {
        "replicas": stateful_set["spec"]["replicas"],
        "podManagementPolicy": stateful_set["spec"]["podManagementPolicy"],
        "image": container["image"],
        "imagePullPolicy": container["imagePullPolicy"],
        "imagePullSecrets": pod["imagePullSecrets"],
        "ports": {p["name"]: p["containerPort"] for p in container["ports"]},
        "env": {e["name"]: e.get("value") or {"valueFrom": without_defaults(e["valueFrom"])} for e in container["env"]},
        "resources": container["resources"],
        "preStop": container["lifecycle"]["preStop"]["exec"]["command"],
        "readiness": path("readinessProbe"),
        "liveness": path("livenessProbe"),
        "annotation": template["metadata"]["annotations"]["scrape"],
        "nodeSelector": pod["nodeSelector"],
        "priorityClassName": pod["priorityClassName"],
        "tolerations": pod["tolerations"],
        "terminationGracePeriodSeconds": pod["terminationGracePeriodSeconds"],
        "topologySpreadConstraints": [{k: v for k, v in c.items() if k != "labelSelector"}
                                      for c in pod["topologySpreadConstraints"]],
        "configuration": configuration,
        "routes": routes,
        "service": {"type": service["spec"]["type"], "annotation": service["metadata"]["annotations"]["dns"],
                    "ports": {p["name"]: p["port"] for p in service["spec"]["ports"]}},
        "maxUnavailable": budget["spec"]["maxUnavailable"],
    }


def short_host(route):
    """nats-0.nats-headless, of any form that a route's URL can have."""
    host = re.sub(r"^.*?://|.*@", "", route).rsplit(":", 1)[0]
    return ".".join(host.split(".")[:2])


def parse(text):
    """The operator's own, regular part of the NATS configuration language."""
    root = {}
    stack = [root]
    for line in text.splitlines():
        line = line.strip()
        if not line or line.startswith(("#", "include ")):
            continue
        if line in ("}", "]"):
            stack.pop()
        elif line.endswith((" {", ": [")):
            inner = [] if line.endswith("[") else {}
            stack[-1][line.split()[0].rstrip(":")] = inner
            stack.append(inner)
        elif isinstance(stack[-1], list):
            stack[-1].append(json.loads(line))
        else:
            key, value = line.split(": ", 1)
            stack[-1][key] = value if value.startswith("$") else json.loads(value)
    return root


def render(chart, values):
    helm = toolchains.go_tool("helm")
    done = subprocess.run([str(helm), "template", RELEASE[0], str(chart), *RELEASE[1:], "-f", "-"],
                          input=yaml.safe_dump(values), capture_output=True, text=True, timeout=60)
    return done, [o for o in yaml.safe_load_all(done.stdout) if o]


def test_the_official_values_make_the_same_pods(tmp_path):
    done, objects = render(CHART, VALUES)
    assert done.returncode == 0, done.stderr
    [cluster] = [o for o in objects if o["kind"] == "NatsCluster"]
    assert cluster["metadata"]["labels"]["team"] == "a"
    local = Local(tmp_path, cluster)
    try:
        wait_until(lambda: local.get("statefulsets", "events"), 30, local.log)
        budgets = json.loads(local.kubectl("get", "poddisruptionbudget", "events", "-o", "json"))
        configuration = parse(local.get("configmaps", "events-config")["data"]["nats.conf"])
        secret = json.loads(local.kubectl("get", "secret", "events-config", "-o", "json"))
        stateful_set, service = local.get("statefulsets", "events"), local.get("services", "events")
    finally:
        local.discard()
    # The operator gives every socket its address by a variable; the official chart by the default.
    for block in (configuration, configuration["cluster"]):
        assert block.pop("host") == "$LISTEN_ADDRESS"
    routes = parse(base64.b64decode(secret["data"]["cluster.conf"]).decode())["routes"]
    found = facts(stateful_set, service, budgets, configuration, [short_host(r) for r in routes])
    assert found["env"].pop("LISTEN_ADDRESS") == "0.0.0.0"
    # The official chart has a second container that sends SIGHUP; these servers look by themselves.
    assert found["env"].pop("NATRIX_RELOAD_INTERVAL") == "2s"
    assert found == EXPECTED


@pytest.mark.skipif("NATRIX_OFFICIAL_CHART" not in os.environ, reason="NATRIX_OFFICIAL_CHART names no chart")
def test_what_is_expected_is_what_the_official_chart_makes():
    done, objects = render(os.environ["NATRIX_OFFICIAL_CHART"], VALUES)
    assert done.returncode == 0, done.stderr
    by_kind = {}
    for item in objects:
        by_kind.setdefault(item["kind"], {})[item["metadata"]["name"]] = item
    text = by_kind["ConfigMap"]["events-config"]["data"]["nats.conf"]
    configuration = json.loads(re.sub(r"(:\s*)(\$\w+)", r'\1"\2"', text))
    # The operator names the file on the command line.
    assert configuration.pop("pid_file") == "/var/run/nats/nats.pid"
    routes = configuration["cluster"].pop("routes")
    found = facts(by_kind["StatefulSet"]["events"], by_kind["Service"]["events"],
                  by_kind["PodDisruptionBudget"]["events"], configuration, [short_host(r) for r in routes])
    assert found == EXPECTED


@pytest.mark.parametrize("values, named", [
    ({"natsBox": {"enabled": True}}, "natsBox"),
    ({"config": {"jetstream": {"enabled": True}}}, "jetstream"),
    ({"config": {"leafnodes": {"enabled": True}}}, "leafnodes"),
    ({"reloader": {"enabled": True}}, "reloader"),
    ({"statefulSet": {"merge": {}}}, "statefulSet"),
    ({"podTemplate": {"merge": {"spec": {"hostNetwork": True}}}}, "hostNetwork"),
    ({"podTemplate": {"patch": []}}, "patch"),
    ({"container": {"image": {"tag": "2.12"}}}, "container.image.repository"),
])
def test_what_is_not_honoured_is_refused_by_name(values, named):
    done, _ = render(CHART, values)
    assert done.returncode != 0
    assert named in done.stderr
