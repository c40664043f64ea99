"""Clients as pods, with a rate, and what they say at the end."""
import time
from dataclasses import dataclass

from lab.images import CHECKER
from lab.kube import is_ready, wait

PORT = 8080
# What the namespaces of careful people ask of every pod.
RESTRICTED = {"allowPrivilegeEscalation": False, "runAsNonRoot": True, "capabilities": {"drop": ["ALL"]},
              "seccompProfile": {"type": "RuntimeDefault"}}


def client_pod(name, *arguments, image=CHECKER, tls=None):
    """tls: the Secret with the certificates that the client shows and trusts."""
    pod = {
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": "checker"}},
        "spec": {
            "restartPolicy": "Never", "terminationGracePeriodSeconds": 1, "automountServiceAccountToken": False,
            "containers": [{
                "name": "checker", "image": image, "imagePullPolicy": "IfNotPresent", "args": [str(a) for a in arguments],
                "readinessProbe": {"httpGet": {"path": "/ready", "port": PORT}, "periodSeconds": 1},
                "securityContext": RESTRICTED}],
        },
    }
    if tls:
        pod["spec"]["volumes"] = [{"name": "tls", "secret": {"secretName": tls}}]
        container = pod["spec"]["containers"][0]
        container["volumeMounts"] = [{"name": "tls", "mountPath": "/tls", "readOnly": True}]
        container["args"] += ["-tls", "/tls"]
    return pod


@dataclass
class Outcome:
    """lost: published and never received. gaps: the longest time without a message, or an answer."""

    what: str
    published: int
    lost: int
    duplicated: int
    message_gap_ms: int
    requests: int
    answered: int
    given_up: int
    wrong: int
    repeated: int
    answer_gap_ms: int
    seconds: float

    def __str__(self):
        return (f"{self.what}: {self.seconds:.0f} s; published {self.published}, lost {self.lost}, duplicated "
                f"{self.duplicated}, longest gap {self.message_gap_ms} ms; requests {self.requests}, answered "
                f"{self.answered} after {self.repeated} repetitions, given up {self.given_up}, longest gap "
                f"{self.answer_gap_ms} ms")


class Load:
    """A publisher, a subscriber, a requester and two repliers in pods of their own, connected through the
    Service of the cluster. The rates are small: what is asked is what gets lost, not how fast it is."""

    def __init__(self, kube, what, service="nats", rate=200, requests=50, tls=None):
        self.kube, self.what, self.tls = kube, what, tls
        self.url = f"nats://{service}:4222"
        self.names = {role: f"load-{role}" for role in ("sub", "rep", "rep2", "pub", "req")}
        self.start(["sub", "rep", "rep2"], {})
        self.began = time.monotonic()
        self.start(["pub", "req"], {"pub": rate, "req": requests})

    def start(self, roles, rates):
        for role in roles:
            subject = "load.messages" if role in ("pub", "sub") else "load.requests"
            arguments = ["-role", role.rstrip("2"), "-url", self.url, "-subject", subject]
            if role in rates:
                arguments += ["-rate", rates[role]]
            self.kube.apply(client_pod(self.names[role], *arguments, tls=self.tls))
        wait(f"{roles} connected", lambda: all(self.ready(r) for r in roles), detail=self.describe)

    def ready(self, role):
        return is_ready(self.kube.get("pod", self.names[role]))

    def describe(self):
        return self.kube.tries("get", "pods", "-n", self.kube.ns, "-o", "wide") or ""

    def ask(self, role, path="/report"):
        return self.kube.json_page(self.names[role], PORT, path)

    def progress(self):
        """Messages received and requests answered so far."""
        return self.ask("sub")["received"], self.ask("req")["answered"]

    def wait_flowing(self, timeout=60):
        """Both still move, from now on."""
        received, answered = self.progress()

        def moved():
            now = self.progress()
            return now[0] > received and now[1] > answered
        wait(f"{self.what}: messages and answers arrive", moved, timeout)

    def finish(self):
        asked = self.ask("req", "/stop")
        sent = self.ask("pub", "/stop")
        seconds = time.monotonic() - self.began
        heard, quiet_since = self.ask("sub"), time.monotonic()
        while heard["received"] < sent["sent"] and time.monotonic() < quiet_since + 3:
            time.sleep(0.3)
            before, heard = heard, self.ask("sub")
            if heard["received"] != before["received"]:
                quiet_since = time.monotonic()
        assert heard["malformed"] == 0, heard
        self.remove()
        return Outcome(self.what, sent["sent"], sent["sent"] - heard["received"], heard["duplicates"],
                       heard["longest_gap_ms"], asked["sent"], asked["answered"], asked["given_up"], asked["wrong"],
                       asked["errors"], asked["longest_gap_ms"], seconds)

    def remove(self):
        self.kube.tries("delete", "pods", "-n", self.kube.ns, "--ignore-not-found", "--grace-period=1", *self.names.values())
