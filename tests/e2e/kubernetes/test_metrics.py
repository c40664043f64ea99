"""Prometheus scrapes every server and the operator; where there is no Prometheus, its text format is read."""
import json
import shutil
import socket
import subprocess
import urllib.parse
import urllib.request

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from lab.clusters import Cluster
from lab.kube import wait
from lab.operator import NS, SELECTOR


@pytest.fixture(scope="module")
def cluster(kube, operator):
    one = Cluster(kube)
    one.wait_settled(3)
    return one


def values(text):
    return {s.name: s.value for family in text_string_to_metric_families(text) for s in family.samples}


def test_every_server_is_read(kube, cluster):
    for name in cluster.names():
        page = values(kube.page(name, 8222, "/metrics"))
        assert page["nats_varz_routes"] >= 2 and page["nats_varz_max_payload"] == 1 << 20, page


def test_every_operator_is_read(kube, operator, cluster):
    leading = 0
    for pod in operator.pods():
        page = values(kube.page(pod["metadata"]["name"], 8080, "/metrics", ns=NS))
        assert page, pod["metadata"]["name"]
        leading += page["natrix_operator_leader"]
    assert leading == 1


def job(name, kube, namespace, selector, port, server, folder):
    """The pods of a namespace, each through the API server: there may be no way from here to the pods. Debian's
    Prometheus cannot look for them itself."""
    tls = {"ca_file": str(folder / "ca"), "cert_file": str(folder / "cert"), "key_file": str(folder / "key")}
    pods = [p["metadata"]["name"] for p in kube.pods(selector, namespace)]
    return {
        "job_name": name, "scheme": "https", "tls_config": tls,
        "static_configs": [
            {"targets": [server], "labels": {
                "pod": pod, "__metrics_path__": f"/api/v1/namespaces/{namespace}/pods/{pod}:{port}/proxy/metrics"}}
            for pod in pods],
        # All come by the same address.
        "relabel_configs": [{"source_labels": ["pod"], "target_label": "instance"}],
    }


@pytest.fixture
def prometheus(kube, tmp_path):
    """ask(query) → results of a Prometheus that scrapes all."""
    if shutil.which("prometheus") is None:
        pytest.skip("no prometheus on this machine (package prometheus)")
    shown = json.loads(kube.run("config", "view", "--raw", "--minify", "--flatten", "-o", "json"))
    user, server = shown["users"][0]["user"], shown["clusters"][0]["cluster"]
    if "client-certificate-data" not in user:
        pytest.skip("the context has no client certificate for Prometheus to use")
    import base64
    for name, data in (("ca", server["certificate-authority-data"]), ("cert", user["client-certificate-data"]),
                       ("key", user["client-key-data"])):
        (tmp_path / name).write_bytes(base64.b64decode(data))
    address = urllib.parse.urlsplit(server["server"]).netloc
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump({
        "global": {"scrape_interval": "2s"},
        "scrape_configs": [job("servers", kube, kube.ns, "natrix.dev/cluster=nats", 8222, address, tmp_path),
                           job("operator", kube, NS, SELECTOR, 8080, address, tmp_path)]}))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with open(tmp_path / "log", "wb") as log:
        process = subprocess.Popen(
            ["prometheus", f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/data",
             f"--web.listen-address=127.0.0.1:{port}"], stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def ask(query):
        assert process.poll() is None, (tmp_path / "log").read_text()[-2000:]
        url = f"http://127.0.0.1:{port}/api/v1/query?" + urllib.parse.urlencode({"query": query})
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return json.load(answer)["data"]["result"]
        except OSError:
            return []

    yield ask
    process.terminate()
    process.wait(30)


def test_prometheus_scrapes_all(prometheus, cluster, operator):
    everybody = {*cluster.names(), *[p["metadata"]["name"] for p in operator.pods()]}
    wait("all are up", lambda: {r["metric"]["pod"] for r in prometheus("up == 1")} == everybody, 120,
         lambda: str(prometheus("up")))
    assert prometheus("up == 0") == []
    assert len(prometheus("nats_varz_connections")) == 3
    assert [r["value"][1] for r in prometheus("sum(natrix_operator_leader)")] == ["1"]
