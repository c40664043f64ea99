"""natrix-operator local as a child process, and kubectl against it."""
import json
import os
import re
import shutil
import signal
import subprocess
import time
import urllib.request
from pathlib import Path

from harness.kube import operator_binary
from harness.server import ROOT, wait_until

# Not the usual ones: a program that listens on 0.0.0.0:4222 would take them on every address.
CLIENT_PORT, CLUSTER_PORT, MONITOR_PORT = 14222, 16222, 18222
READY_TIMEOUT_S = 60


def broker_binary():
    return os.environ.get("NATRIX_LOCAL_BROKER") or str(ROOT / "build/bin/natrix-broker")


def cluster(name="nats", replicas=3, config=None, **spec):
    """A NatsCluster as a document."""
    ports = {"nats": {"port": CLIENT_PORT}, "cluster": {"port": CLUSTER_PORT},
             "monitor": {"port": MONITOR_PORT}}
    for part, values in (config or {}).items():
        ports[part] = {**ports.get(part, {}), **values} if isinstance(values, dict) else values
    return {"apiVersion": "natrix.dev/v1alpha1", "kind": "NatsCluster", "metadata": {"name": name},
            "spec": {"replicas": replicas, "config": ports, **spec}}


def children_of(pid):
    """Process ids, of all threads of `pid`."""
    out = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            out += [int(child) for child in path.read_text().split()]
        except OSError:
            pass
    return out


def alive(pid):
    """Running: neither gone nor a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def get(url, timeout=5.0):
    with urllib.request.urlopen(url, timeout=timeout) as answer:
        return answer.read().decode()


class Local:
    """Started with `documents` as its manifest; ended by discard() for certain."""

    def __init__(self, folder, *documents, args=(), data=None):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.data = Path(data or self.folder / "data")
        self.out_path, self.log_path = self.folder / "out", self.folder / "log"
        files = []
        if documents:
            manifest = self.folder / "manifest.json"
            manifest.write_text("\n---\n".join(json.dumps(d) for d in documents))
            files = ["-f", str(manifest)]
        with open(self.out_path, "wb") as out, open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                [operator_binary(), "local", "--data-dir", str(self.data), "--broker", broker_binary(),
                 *files, *args], stdin=subprocess.DEVNULL, stdout=out, stderr=log)

    # --- life

    def out(self):
        return self.out_path.read_text()

    def log(self):
        return self.log_path.read_text(errors="replace")

    def url(self):
        """Of the API server."""
        def find():
            assert self.process.poll() is None, f"it ended: {self.out()}\n{self.log()}"
            return re.search(r"Kubernetes API +(\S+)", self.out())
        return wait_until(find, 10, lambda: f"the API listens:\n{self.log()}")[1]

    def end(self, number=signal.SIGTERM, timeout=20):
        """Sends the signal; returns (exit code, seconds it took)."""
        begin = time.monotonic()
        self.process.send_signal(number)
        return self.process.wait(timeout), time.monotonic() - begin

    def discard(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def brokers(self):
        return children_of(self.process.pid)

    # --- the API

    def kubectl(self, *args, stdin=None, check=True, timeout=60):
        """The output of a command that must succeed."""
        done = subprocess.run(self.kubectl_command(*args), input=stdin, capture_output=True, text=True,
                              timeout=timeout, env=self.kubectl_env())
        assert not check or done.returncode == 0, f"kubectl {args}: {done.stdout}{done.stderr}"
        return done.stdout if check else done

    def kubectl_command(self, *args):
        return ["kubectl", "--server", self.url(), *args]

    def kubectl_env(self):
        return {**os.environ, "KUBECONFIG": "/dev/null", "HOME": str(self.folder)}

    def apply(self, *documents):
        everything = {"apiVersion": "v1", "kind": "List", "items": documents}
        return self.kubectl("apply", "-f", "-", stdin=json.dumps(everything))

    def path(self, kind, name="", ns="default"):
        groups = {"natsclusters": "/apis/natrix.dev/v1alpha1", "statefulsets": "/apis/apps/v1"}
        return f"{groups.get(kind, '/api/v1')}/namespaces/{ns}/{kind}{'/' if name else ''}{name}"

    def get(self, kind, name):
        """The object, None when there is none. Cheaper than kubectl."""
        try:
            return json.loads(get(self.url() + self.path(kind, name)))
        except urllib.error.HTTPError as error:
            assert error.code == 404, error
            return None

    def list(self, kind):
        return json.loads(get(self.url() + self.path(kind)))["items"]

    def pods(self, name="nats"):
        """Those of a cluster by name."""
        return {pod["metadata"]["name"]: pod for pod in self.list("pods")
                if pod["metadata"]["labels"].get("natrix.dev/cluster") == name}

    # --- clusters

    def is_ready(self, name, replicas):
        found = self.get("natsclusters", name)
        status = (found or {}).get("status", {})
        conditions = {c["type"]: c["status"] for c in status.get("conditions", [])}
        return (found and status.get("observedGeneration") == found["metadata"]["generation"]
                and conditions.get("Ready") == "True" and conditions.get("Progressing") != "True"
                and len(self.pods(name)) == replicas
                and all(pod_ready(pod) for pod in self.pods(name).values()))

    def wait_ready(self, name="nats", replicas=3, timeout=READY_TIMEOUT_S):
        wait_until(lambda: self.is_ready(name, replicas), timeout,
                   lambda: f"{name} is ready: {json.dumps(self.get('natsclusters', name), indent=1)}\n"
                           f"{self.log()[-4000:]}", interval=0.05)

    def address(self, pod):
        return self.get("pods", pod)["status"]["podIP"]

    def service(self, name="nats"):
        """Where clients connect."""
        return self.get("services", name)["spec"]["clusterIP"]

    def monitor(self, pod, page):
        return json.loads(get(f"http://{self.address(pod)}:{MONITOR_PORT}{page}"))


def pod_ready(pod):
    return any(c["type"] == "Ready" and c["status"] == "True"
               for c in pod.get("status", {}).get("conditions", []))


def has_kubectl():
    return shutil.which("kubectl") is not None
