"""NatsClusters: what is said of them, and what must hold while they change."""
import threading
import time

from lab.kube import KubectlError, condition, is_ready, wait


def nats_cluster(name, replicas, **spec):
    """Leaves quickly, so that a test of many restarts takes minutes only: a server with few clients is done long
    before the duration, which cannot be shorter."""
    config = {"lameDuck": {"duration": "30s", "gracePeriod": "1s"}, **spec.pop("config", {})}
    return {"apiVersion": "natrix.dev/v1alpha1", "kind": "NatsCluster", "metadata": {"name": name},
            "spec": {"replicas": replicas, "config": config, **spec}}


class Cluster:
    def __init__(self, kube, name="nats"):
        self.kube, self.name = kube, name
        self.selector = f"natrix.dev/cluster={name}"

    def read(self):
        return self.kube.get("natscluster", self.name)

    def pods(self):
        return sorted(self.kube.pods(self.selector), key=lambda p: p["metadata"]["name"])

    def names(self):
        return [p["metadata"]["name"] for p in self.pods()]

    def identities(self):
        return {p["metadata"]["name"]: p["metadata"]["uid"] for p in self.pods()}

    def settled(self, replicas):
        """Ready for the newest spec, and the pods are as many as asked for and ready, none on its way out."""
        now = self.read()
        ready = condition(now, "Ready")
        if not ready or ready["status"] != "True":
            return False
        if now["status"].get("observedGeneration") != now["metadata"]["generation"]:
            return False
        found = self.kube.items("pods", self.selector)
        return len(found) == replicas == now["status"]["readyReplicas"] and all(map(is_ready, found))

    def wait_settled(self, replicas, timeout=300):
        wait(f"{self.name} settled with {replicas} servers", lambda: self.settled(replicas), timeout, self.describe)

    def condition(self, kind):
        return condition(self.read(), kind)

    def describe(self):
        parts = [self.kube.tries("get", "natscluster,statefulset,pods,endpointslices", "-n", self.kube.ns, "-o", "wide"),
                 self.kube.tries("describe", "natscluster", self.name, "-n", self.kube.ns),
                 self.kube.tries("logs", "-n", "natrix-system", "-l", "app.kubernetes.io/name=natrix-operator", "--tail=30")]
        return "\n" + "\n".join(p for p in parts if p)

    def varz(self, pod):
        return self.kube.json_page(pod, 8222, "/varz")

    def routes(self, pod):
        """Names of the servers it has routes to."""
        return {r["remote_name"] for r in self.kube.json_page(pod, 8222, "/routez")["routes"]}

    def wait_meshed(self):
        names = set(self.names())
        for name in names:
            wait(f"{name} connected to {names}", lambda: self.routes(name) == names - {name}, 60,
                 lambda: str(self.routes(name)))


class Watch(threading.Thread):
    """Counts the ready servers all the time. `fewest` is what must not fall too low while our hand moves."""

    def __init__(self, cluster):
        super().__init__(daemon=True)
        self.cluster = cluster
        self.fewest = 1 << 30
        self.samples = 0
        self.ending = threading.Event()
        self.start()

    def run(self):
        while not self.ending.wait(0.2):
            try:
                ready = len([p for p in self.cluster.kube.items("pods", self.cluster.selector) if is_ready(p)])
            except KubectlError:
                continue  # a loaded API server
            self.fewest = min(self.fewest, ready)
            self.samples += 1

    def __enter__(self):
        deadline = time.monotonic() + 30
        while not self.samples and time.monotonic() < deadline:
            time.sleep(0.05)
        assert self.samples, "the API server does not answer"
        return self

    def __exit__(self, *_):
        self.ending.set()
        self.join()
