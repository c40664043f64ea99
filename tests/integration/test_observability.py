"""Alerts, dashboard and scrape objects, held against what brokers and operator really serve."""
import json
import re
import shutil
import subprocess

import pytest
import yaml

from harness.kube import FakeApiServer, Operator
from harness.server import ROOT, wait_until

MONITORING = ROOT / "kustomize/components/monitoring"
RULES = yaml.safe_load((MONITORING / "prometheus-rule.yaml").read_text())["spec"]
ALERTS = [rule for group in RULES["groups"] for rule in group["rules"]]
DASHBOARD = json.loads((MONITORING / "natrix.json").read_text())
# What Prometheus and the language bring along.
FUNCTIONS = {"rate", "increase", "sum", "count", "changes", "absent", "histogram_quantile", "by", "on", "group_left",
             "label_values", "le", "job", "namespace", "pod", "cluster", "code", "result", "verb", "natrix_dev_cluster"}
FROM_PROMETHEUS = {"up"}


@pytest.fixture
def promtool():
    tool = shutil.which("promtool")
    if tool is None:
        pytest.skip("promtool is not installed (Debian package prometheus)")
    return tool


def test_alerts_fire_when_they_should_and_only_then(promtool, tmp_path):
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(RULES))
    (tmp_path / "alerts.test.yaml").write_text((ROOT / "tests/observability/alerts.test.yaml").read_text())
    for command in (["check", "rules", "rules.yaml"], ["test", "rules", "alerts.test.yaml"]):
        done = subprocess.run([promtool, *command], cwd=tmp_path, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_a_test():
    tested = (ROOT / "tests/observability/alerts.test.yaml").read_text()
    for rule in ALERTS:
        assert rule["alert"] in tested, rule["alert"]


def test_every_alert_has_its_runbook():
    text = (ROOT / "docs/runbooks/alerts.md").read_text()
    sections = re.findall(r"^## (\w+)$", text, re.M)
    assert sections == [rule["alert"] for rule in ALERTS]
    for rule in ALERTS:
        assert rule["annotations"]["runbook"] == "docs/runbooks/alerts.md#" + rule["alert"].lower()


def names_in(expression):
    """The metrics an expression asks for."""
    plain = re.sub(r"\{[^}]*\}|\"[^\"]*\"|\[[^\]]*\]", " ", expression)
    plain = re.sub(r"\b(by|on)\s*\([^)]*\)", " ", plain)
    return {name for name in re.findall(r"[a-zA-Z_][a-zA-Z0-9_]*", plain)} - FUNCTIONS - FROM_PROMETHEUS


def asked_for(job):
    found = {}
    panels = [(panel["title"], target["expr"]) for panel in DASHBOARD["panels"] for target in panel["targets"]]
    variables = [(v["name"], v["query"]) for v in DASHBOARD["templating"]["list"] if v["type"] == "query"]
    for title, expression in panels + variables + [(rule["alert"], rule["expr"]) for rule in ALERTS]:
        if f'job="{job}"' not in expression:
            continue
        for name in names_in(expression):
            found.setdefault(name, title)
    return found


def samples(page):
    return set(re.findall(r"^([a-zA-Z_:][a-zA-Z0-9_:]*)[ {]", page, re.M))


def missing(job, page):
    served = samples(page)
    return {name: where for name, where in asked_for(job).items() if name not in served}


def test_brokers_serve_what_alerts_and_dashboard_ask_for(server):
    status, _, body = server.http("/metrics")
    page = body.decode() if isinstance(body, bytes) else body
    assert status == 200
    assert asked_for("natrix-servers")
    assert missing("natrix-servers", page) == {}


def test_the_operator_serves_what_alerts_and_dashboard_ask_for(tmp_path):
    api = FakeApiServer()
    operator = Operator(tmp_path / "operator", api.url, [], None)
    try:
        # Counters are there from the first request and the first pass on.
        def complete():
            return missing("natrix-operator", operator.page("/metrics")[1]).keys() <= {"natrix_operator_reconcile_total"}
        wait_until(complete, 20, "the operator's metrics")
        assert asked_for("natrix-operator")
    finally:
        operator.discard()
        api.close()


def test_scrape_objects_find_servers_and_operator():
    pods = yaml.safe_load((MONITORING / "pod-monitor.yaml").read_text())["spec"]
    service = yaml.safe_load((MONITORING / "operator-service.yaml").read_text())
    monitor = yaml.safe_load((MONITORING / "service-monitor.yaml").read_text())["spec"]
    golden = json.loads((ROOT / "tests/unit/operator_resource/golden/smallest.json").read_text())
    template = next(o for o in golden if o["kind"] == "StatefulSet")["spec"]["template"]
    assert pods["selector"]["matchExpressions"][0]["key"] in template["metadata"]["labels"]
    ports = [port["name"] for port in template["spec"]["containers"][0]["ports"]]
    assert pods["podMetricsEndpoints"][0]["port"] in ports
    assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    deployment = yaml.safe_load((ROOT / "kustomize/base/deployment.yaml").read_text())["spec"]["template"]
    assert service["spec"]["selector"].items() <= deployment["metadata"]["labels"].items()
    assert service["spec"]["ports"][0]["targetPort"] in [p["name"] for p in deployment["spec"]["containers"][0]["ports"]]
