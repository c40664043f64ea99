"""What people get: the file system of the images, the manifests, the chart."""
import json
import os
import re
import shutil
import subprocess

import pytest
import yaml

from harness import toolchains
from harness.server import ROOT, wait_until

DOCKERFILE = (ROOT / "Dockerfile").read_text()


def output(command, **options):
    done = subprocess.run([str(c) for c in command], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=120, **options)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


# --- images


def rootfs(part, tmp_path_factory):
    if not (ROOT / f"build/bin/natrix-{part}").exists():
        pytest.fail(f"build/bin/natrix-{part} is not built")
    if shutil.which("busybox") is None:
        pytest.skip("the image's file system needs busybox (scripts/install-deps rootfs)")
    folder = tmp_path_factory.mktemp(part)
    output([ROOT / "scripts/image/make-rootfs", part, folder])
    return folder


@pytest.fixture(scope="module")
def broker_image(tmp_path_factory):
    return rootfs("broker", tmp_path_factory)


@pytest.fixture(scope="module")
def operator_image(tmp_path_factory):
    return rootfs("operator", tmp_path_factory)


def inside(folder, *command):
    """As in a container: nothing of this machine but what the image holds."""
    enter = ["chroot"] if os.geteuid() == 0 else ["unshare", "-r", "chroot"]
    if os.geteuid() != 0 and subprocess.run(["unshare", "-r", "true"], capture_output=True).returncode:
        pytest.skip("chroot needs root or user namespaces")
    return [*enter, str(folder), "/usr/bin/env" if (folder / "usr/bin/env").exists() else "/bin/env", "-i",
            "PATH=/usr/local/bin:/bin", *command]


def test_the_broker_image_answers_to_the_official_names(broker_image):
    for command in (["nats-server", "-v"], ["/nats-server", "-v"], ["docker-entrypoint.sh", "-v"],
                    ["docker-entrypoint.sh", "nats-server", "-v"]):
        assert re.fullmatch(r"nats-server: v\d+\.\d+\.\d+\S*\n", output(inside(broker_image, *command)))
    output(inside(broker_image, "nats-server", "-t", "-c", "/etc/nats/nats-server.conf"))
    output(inside(broker_image, "nats-server", "-t", "-c", "/nats-server.conf"))


def test_the_broker_image_can_be_asked_from_inside(broker_image, start):
    server = start()
    answer = output(inside(broker_image, "wget", "-qO-", server.url("monitoring") + "/healthz"))
    assert json.loads(answer) == {"status": "ok"}
    assert (broker_image / "bin/nslookup").exists()


def test_the_operator_image_runs(operator_image):
    assert output(inside(operator_image, "natrix-operator", "--version")).strip()


@pytest.mark.parametrize("part, limit_mb", [("broker", 40), ("operator", 60)])
def test_images_are_small(part, limit_mb, tmp_path_factory):
    folder = rootfs(part, tmp_path_factory)
    size = sum(p.lstat().st_size for p in folder.rglob("*") if p.is_file() and not p.is_symlink())
    assert size < limit_mb << 20, f"{size >> 20} MB"


def test_images_do_not_run_as_root():
    stages = re.split(r"^FROM ", DOCKERFILE, flags=re.M)[1:]
    for name in ("broker", "operator"):
        stage = next(s for s in stages if re.match(rf"\S+ AS {name}$", s.splitlines()[0]))
        assert re.search(r"^USER 1000:1000$", stage, re.M), name


# --- manifests


CRD = yaml.safe_load((ROOT / "kustomize/base/crd/natsclusters.yaml").read_text())


def unknown_or_wrong(value, schema, path="spec"):
    """What the API server would prune or refuse by the structural schema."""
    if schema.get("x-kubernetes-preserve-unknown-fields"):
        return
    kinds = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool}
    if schema.get("x-kubernetes-int-or-string"):
        if not isinstance(value, (int, str)):
            yield f"{path} is {value!r}"
        return
    if not isinstance(value, kinds[schema["type"]]):
        yield f"{path} is {value!r}, not {schema['type']}"
    elif isinstance(value, dict):
        for key, inner in value.items():
            known = schema.get("properties", {}).get(key, schema.get("additionalProperties"))
            if not known:
                yield f"{path}.{key} does not exist"
            else:
                yield from unknown_or_wrong(inner, known, f"{path}.{key}")
        for key in schema.get("required", []):
            if key not in value:
                yield f"{path}.{key} is missing"
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from unknown_or_wrong(inner, schema["items"], f"{path}[{index}]")
    elif "enum" in schema and value not in schema["enum"]:
        yield f"{path} is {value!r}, not one of {schema['enum']}"
    elif "pattern" in schema and not re.search(schema["pattern"], value):
        yield f"{path} is {value!r}, not like {schema['pattern']}"


def check_objects(objects):
    """Every object is whole, and what refers to another one in the set finds it."""
    by_kind = {}
    for item in objects:
        assert item["apiVersion"] and item["metadata"]["name"], item
        by_kind.setdefault(item["kind"], {})[item["metadata"]["name"]] = item
    for cluster in by_kind.get("NatsCluster", {}).values():
        schema = CRD["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
        assert list(unknown_or_wrong(cluster["spec"], schema)) == []
    for kind in ("RoleBinding", "ClusterRoleBinding"):
        for binding in by_kind.get(kind, {}).values():
            role = by_kind[binding["roleRef"]["kind"]][binding["roleRef"]["name"]]
            assert role["metadata"].get("namespace") == binding["metadata"].get("namespace")
            for subject in binding["subjects"]:
                account = by_kind["ServiceAccount"][subject["name"]]
                assert account["metadata"]["namespace"] == subject["namespace"]
    for deployment in by_kind.get("Deployment", {}).values():
        pod = deployment["spec"]["template"]["spec"]
        assert pod["serviceAccountName"] in by_kind["ServiceAccount"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        labels = deployment["spec"]["template"]["metadata"]["labels"]
        assert deployment["spec"]["selector"]["matchLabels"].items() <= labels.items()
    return by_kind


def operator_flags_are_known(deployment):
    help_text = output([ROOT / "build/bin/natrix-operator", "run", "--help"])
    for argument in deployment["spec"]["template"]["spec"]["containers"][0].get("args", []):
        if argument.startswith("-"):
            assert argument.split("=")[0] in help_text, argument


@pytest.fixture(scope="module")
def kustomize():
    """kubectl's own where it is new enough, else the program of that name."""
    if shutil.which("kubectl"):
        version = subprocess.run(["kubectl", "version", "--client"], capture_output=True, text=True).stdout
        found = re.search(r"Kustomize Version: v(\d+)", version)
        if found and int(found[1]) >= 5:
            return lambda folder: list(yaml.safe_load_all(output(["kubectl", "kustomize", folder])))
    tool = toolchains.go_tool("kustomize")
    return lambda folder: list(yaml.safe_load_all(output([tool, "build", folder])))


@pytest.mark.parametrize("overlay", ["base", "overlays/dev", "overlays/prod"])
def test_kustomize(kustomize, overlay):
    kinds = check_objects(kustomize(ROOT / "kustomize" / overlay))
    operator = kinds["Deployment"]["natrix-operator"]
    operator_flags_are_known(operator)
    image = operator["spec"]["template"]["spec"]["containers"][0]["image"]
    version = re.search(r"project\(natrix VERSION ([\d.]+)", (ROOT / "CMakeLists.txt").read_text())[1]
    assert image == f"natrix-operator:{version}"
    for name, item in kinds.items():
        for one in item.values():
            if name in ("Deployment", "ServiceAccount", "Role", "RoleBinding"):
                assert one["metadata"]["namespace"] == "natrix-system"


def test_the_prod_overlay_is_a_cluster_behind_a_network_policy(kustomize):
    kinds = check_objects(kustomize(ROOT / "kustomize/overlays/prod"))
    cluster = kinds["NatsCluster"]["nats"]
    assert cluster["spec"]["replicas"] == 3
    policy = cluster["spec"]["networkPolicy"]
    assert policy["clients"] == [{"namespaceSelector": {}}]
    # The operator has to reach the servers it looks after.
    namespace = {"matchLabels": {"kubernetes.io/metadata.name": kinds["Deployment"]["natrix-operator"]["metadata"]["namespace"]}}
    assert {"namespaceSelector": namespace} in policy["monitoring"]
    assert kinds["Deployment"]["natrix-operator"]["spec"]["replicas"] == 2


# --- chart


CHART = ROOT / "charts/natrix"


@pytest.fixture(scope="module")
def helm():
    tool = toolchains.go_tool("helm")

    def template(*flags, release="nats", values=None):
        command = [tool, "template", release, CHART, "--namespace", "demo", "--kube-version", "1.30.0", *flags]
        if values is not None:
            command += ["-f", "-"]
        return subprocess.run([str(c) for c in command], input=yaml.safe_dump(values) if values is not None else "",
                              capture_output=True, text=True, timeout=60)

    template.tool = tool
    return template


def rendered(done):
    assert done.returncode == 0, done.stderr
    return check_objects([o for o in yaml.safe_load_all(done.stdout) if o])


def test_chart_lint(helm):
    assert "0 chart(s) failed" in output([helm.tool, "lint", "--strict", CHART])


def test_generated_files_of_the_chart_are_up_to_date():
    import sys
    done = subprocess.run([sys.executable, str(ROOT / "scripts/chart-files"), "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_chart_defaults(helm):
    kinds = rendered(helm())
    assert set(kinds) == {"ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding", "Deployment",
                          "NatsCluster"}
    assert kinds["NatsCluster"]["nats"]["spec"]["replicas"] == 3
    operator_flags_are_known(kinds["Deployment"]["nats-operator"])


def test_chart_says_the_same_as_kustomize(helm, kustomize):
    """The operator's container and rights are written twice; they must not drift apart."""
    chart, base = rendered(helm()), check_objects(kustomize(ROOT / "kustomize/base"))
    container = lambda kinds: next(iter(kinds["Deployment"].values()))["spec"]["template"]["spec"]["containers"][0]
    ours, theirs = container(chart), container(base)
    for field in ("env", "ports", "startupProbe", "livenessProbe", "readinessProbe", "resources", "securityContext", "image"):
        assert ours[field] == theirs[field], field
    for kind in ("ClusterRole", "Role"):
        assert [r["rules"] for r in chart[kind].values()] == [r["rules"] for r in base[kind].values()]


def test_chart_takes_the_official_names(helm):
    """Values as people have them for the official chart, and what becomes of each."""
    values = {
        "fullnameOverride": "events",
        "global": {"image": {"registry": "registry.example.org", "pullSecretNames": ["pull"]}, "labels": {"team": "a"}},
        "config": {
            "cluster": {"enabled": True, "replicas": 5, "port": 6333, "noAdvertise": False},
            "nats": {"port": 4333, "maxPayload": "8MB"},
            "monitor": {"enabled": True, "port": 8333},
            "merge": {"max_subscriptions": 100},
        },
        "container": {"image": {"repository": "nats", "tag": "2.12-alpine"},
                      "env": {"PLAIN": "x", "SECRET": {"valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}}},
        "podTemplate": {"topologySpreadConstraints":
                        {"kubernetes.io/hostname": {"maxSkew": 1, "whenUnsatisfiable": "DoNotSchedule"}}},
        "service": {"enabled": True, "ports": {"monitor": {"enabled": False}}},
        "podDisruptionBudget": {"enabled": False},
    }
    kinds = rendered(helm(values=values))
    cluster = kinds["NatsCluster"]["events"]
    spec = cluster["spec"]
    assert cluster["metadata"]["labels"]["team"] == "a"
    assert spec["replicas"] == 5
    assert spec["image"] == {"registry": "registry.example.org", "repository": "nats", "tag": "2.12-alpine",
                             "pullSecrets": [{"name": "pull"}]}
    assert spec["config"]["cluster"]["port"] == 6333 and spec["config"]["cluster"]["noAdvertise"] is False
    assert spec["config"]["nats"] == {"port": 4333, "maxPayload": "8MB", "tls": {"enabled": False}}
    assert spec["config"]["merge"] == {"max_subscriptions": 100}
    assert {e["name"]: e.get("value") or "from" for e in spec["container"]["env"]} == {"PLAIN": "x", "SECRET": "from"}
    constraint = spec["podTemplate"]["topologySpreadConstraints"][0]
    assert constraint["topologyKey"] == "kubernetes.io/hostname" and constraint["maxSkew"] == 1
    assert constraint["labelSelector"]["matchLabels"] == {"natrix.dev/cluster": "events"}
    assert spec["service"]["ports"]["monitor"]["enabled"] is False
    assert spec["podDisruptionBudget"]["enabled"] is False
    assert kinds["Deployment"]["nats-operator"]["spec"]["template"]["spec"]["containers"][0]["image"].startswith(
        "registry.example.org/natrix-operator:")


def test_chart_monitoring_is_that_of_kustomize(helm):
    """Off by default; switched on, the same alerts, dashboard and endpoints as the component's."""
    flags = [f for name in ("promExporter.podMonitor", "operator.serviceMonitor", "prometheusRule", "grafanaDashboard")
             for f in ("--set", f"{name}.enabled=true")]
    done = helm(*flags)
    assert done.returncode == 0, done.stderr
    objects = {(o["kind"], o["metadata"]["name"]): o for o in yaml.safe_load_all(done.stdout) if o}
    component = ROOT / "kustomize/components/monitoring"
    source = lambda name: yaml.safe_load((component / name).read_text())["spec"]
    assert objects["PrometheusRule", "nats"]["spec"] == source("prometheus-rule.yaml")
    dashboard = objects["ConfigMap", "nats-dashboard"]["data"]["natrix.json"]
    assert json.loads(dashboard) == json.loads((component / "natrix.json").read_text())
    pods = objects["PodMonitor", "nats"]["spec"]
    assert pods["podMetricsEndpoints"] == source("pod-monitor.yaml")["podMetricsEndpoints"]
    assert objects["ServiceMonitor", "nats-operator"]["spec"]["endpoints"] == source("service-monitor.yaml")["endpoints"]
    service = objects["Service", "nats-operator-metrics"]
    selector = objects["ServiceMonitor", "nats-operator"]["spec"]["selector"]["matchLabels"]
    assert selector.items() <= service["metadata"]["labels"].items()


def test_chart_readme_names_every_value():
    text = (CHART / "README.md").read_text()
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    for name in values:
        assert f"`{name}" in text or f"{name}." in text, name


def test_chart_without_clustering_is_one_server(helm):
    kinds = rendered(helm("--set", "config.cluster.enabled=false"))
    assert kinds["NatsCluster"]["nats"]["spec"]["replicas"] == 1


def test_chart_for_one_namespace_needs_no_cluster_wide_rights(helm):
    kinds = rendered(helm("--set", "operator.watchNamespace=demo"))
    assert "ClusterRole" not in kinds and "ClusterRoleBinding" not in kinds
    args = kinds["Deployment"]["nats-operator"]["spec"]["template"]["spec"]["containers"][0]["args"]
    assert "--namespace=demo" in args


def test_chart_parts_can_be_left_out(helm):
    assert set(rendered(helm("--set", "operator.enabled=false"))) == {"NatsCluster"}
    assert "NatsCluster" not in rendered(helm("--set", "natsCluster.enabled=false"))


@pytest.mark.parametrize("value", ["config.jetstream.enabled=true", "config.nats.maxPayloads=1", "natsBox.enabled=true",
                                   "service.merge.x=1", "operator.logLevel=loud", "config.cluster.replicas=0"])
def test_chart_refuses_what_it_does_not_know(helm, value):
    done = helm("--set", value)
    assert done.returncode != 0
    assert value.split("=")[0].split(".")[0] in done.stderr and "schema" in done.stderr, done.stderr
