"""The operator as its users install it."""
import json

from harness.server import ROOT
from lab.kube import is_ready, restarts, wait

NS = "natrix-system"
SELECTOR = "app.kubernetes.io/name=natrix-operator"
KUSTOMIZE = ROOT / "kustomize"
CRD = "natsclusters.natrix.dev"


class Operator:
    def __init__(self, kube, ns=NS, deployment="natrix-operator", selector=SELECTOR):
        self.kube, self.ns, self.deployment, self.selector = kube, ns, deployment, selector

    def install(self, overlay):
        """As kustomize/README.md says."""
        self.kube.run("apply", "-k", KUSTOMIZE / "base")
        self.kube.run("wait", "--for=condition=Established", f"crd/{CRD}", "--timeout=120s")
        # kubectl may have read the kinds of the server before the new one was there.
        wait(f"{overlay} is accepted", lambda: self.kube.run("apply", "-k", KUSTOMIZE / "overlays" / overlay), 60)

    def uninstall(self, overlay):
        self.kube.run("delete", "-k", KUSTOMIZE / "overlays" / overlay, "--ignore-not-found", "--timeout=180s", timeout=240)

    def wait_ready(self):
        self.kube.run("rollout", "status", f"deployment/{self.deployment}", "-n", self.ns, "--timeout=180s", timeout=240)

    def pods(self):
        return self.kube.pods(self.selector, self.ns)

    def restarts(self):
        return {p["metadata"]["name"]: restarts(p) for p in self.pods()}

    def kill(self):
        """At once, without a chance to clean up; the Deployment makes new ones."""
        names = [p["metadata"]["name"] for p in self.pods()]
        if names:
            self.kube.run("delete", "pods", "-n", self.ns, "--grace-period=0", "--force", *names)
        return names

    def ready_pods(self):
        return [p["metadata"]["name"] for p in self.pods() if is_ready(p)]

    def leader(self):
        lease = json.loads(self.kube.run("get", "lease", "natrix-operator", "-n", self.ns, "-o", "json"))
        return (lease["spec"].get("holderIdentity") or "").split("_")[0]

    def log(self):
        return self.kube.tries("logs", "-n", self.ns, "-l", self.selector, "--tail=200", "--prefix") or ""
