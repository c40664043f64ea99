"""kubectl, and what is said with it all the time."""
import json
import subprocess
import time

POLL_S = 0.3


class KubectlError(Exception):
    pass


class Kube:
    """One cluster as its administrator sees it. Commands go to namespace `ns` unless they name another."""

    def __init__(self, kubectl, kubeconfig, ns="default"):
        self.kubectl = str(kubectl)
        self.kubeconfig = str(kubeconfig)
        self.ns = ns

    def command(self, *words):
        return [self.kubectl, f"--kubeconfig={self.kubeconfig}", *[str(w) for w in words]]

    def run(self, *words, given=None, timeout=180):
        """What it prints. KubectlError if it does not succeed."""
        try:
            done = subprocess.run(self.command(*words), input=given, stdin=None if given else subprocess.DEVNULL,
                                  capture_output=True, text=True, timeout=timeout)
        except subprocess.TimeoutExpired as late:
            raise KubectlError(f"{words}: no end after {timeout} s: {late.output}") from late
        if done.returncode:
            raise KubectlError(f"kubectl {' '.join(map(str, words))}: {done.stderr or done.stdout}")
        return done.stdout

    def tries(self, *words, **options):
        """As run(), but None for what does not succeed."""
        try:
            return self.run(*words, **options)
        except KubectlError:
            return None

    def get(self, *words):
        return json.loads(self.run("get", *words, "-n", self.ns, "-o", "json"))

    def items(self, kind, selector=None, ns=None):
        words = ["get", kind, "-n", ns or self.ns, "-o", "json"] + (["-l", selector] if selector else [])
        return json.loads(self.run(*words))["items"]

    def apply(self, *objects, ns=None):
        listing = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        self.run("apply", "-n", ns or self.ns, "-f", "-", given=json.dumps(listing))

    def patch(self, kind, name, change, kind_of_patch="merge", ns=None):
        self.run("patch", kind, name, "-n", ns or self.ns, "--type", kind_of_patch, "-p", json.dumps(change))

    def page(self, pod, port, path="/", ns=None):
        """What a pod serves, fetched by the API server: needs no way from here to the pods."""
        return self.run("get", "--raw", f"/api/v1/namespaces/{ns or self.ns}/pods/{pod}:{port}/proxy{path}", timeout=60)

    def json_page(self, pod, port, path, ns=None):
        return json.loads(self.page(pod, port, path, ns))

    # --- namespaces

    def use_namespace(self, name, labels=None):
        """Makes it, and makes it the one kubectl is set to."""
        self.run("create", "-f", "-", given=json.dumps(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels or {}}}))
        self.run("config", "set-context", "--current", f"--namespace={name}")
        self.ns = name
        wait(f"service account of {name}", lambda: self.tries("get", "serviceaccount", "default", "-n", name))

    def drop_namespace(self, name):
        self.run("config", "set-context", "--current", "--namespace=default")
        self.ns = "default"
        self.run("delete", "namespace", name, "--ignore-not-found", "--wait=false")

    # --- what is the case

    def pods(self, selector, ns=None):
        """Those that are not being deleted."""
        return [p for p in self.items("pods", selector, ns) if not p["metadata"].get("deletionTimestamp")]

    def events(self, kind, name):
        """(type, reason, note) of everything said about an object."""
        selector = f"involvedObject.kind={kind},involvedObject.name={name}"
        listed = json.loads(self.run("get", "events", "-n", self.ns, "--field-selector", selector, "-o", "json"))
        return [(e["type"], e["reason"], e.get("message", "")) for e in listed["items"]]


def is_ready(pod):
    conditions = pod.get("status", {}).get("conditions", [])
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def restarts(pod):
    return sum(c["restartCount"] for c in pod["status"].get("containerStatuses", []))


def condition(thing, kind):
    return next((c for c in thing.get("status", {}).get("conditions", []) if c["type"] == kind), None)


def wait(what, holds, timeout=180, detail=lambda: ""):
    """What holds() returns as soon as that is true. Machines may be slow: deadlines are for what never comes."""
    deadline = time.monotonic() + timeout
    last = None
    while True:
        try:
            found = holds()
            if found:
                return found
            last = None
        except (KubectlError, AssertionError, KeyError, ValueError) as error:
            last = error
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {timeout} s. {last or ''} {detail()}")
        time.sleep(POLL_S)
