"""TLS for clients and routes from Secrets as cert-manager makes them, and their renewal without a restart."""
import base64

import pytest

from harness.certs import Authority
from lab.clusters import Cluster, nats_cluster
from lab.kube import wait
from lab.load import Load, client_pod

NAME = "secure"


class Certificates:
    """Secrets of type kubernetes.io/tls with ca.crt."""

    def __init__(self, kube, folder):
        self.kube = kube
        self.authority = Authority(folder)

    def put(self, secret, *alt_names):
        pair = self.authority.issue(secret, alt_names=alt_names)
        files = {"tls.crt": pair.cert, "tls.key": pair.key, "ca.crt": self.authority.ca}
        self.kube.apply({
            "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls", "metadata": {"name": secret},
            "data": {key: base64.b64encode(path.read_bytes()).decode() for key, path in files.items()}})
        return pair.serial()

    def put_servers(self):
        ns = self.kube.ns
        names = [f"DNS:{NAME}", f"DNS:{NAME}.{ns}", f"DNS:{NAME}.{ns}.svc", f"DNS:{NAME}.{ns}.svc.cluster.local"]
        return self.put("server-tls", *names)

    def put_routes(self):
        return self.put("route-tls", f"DNS:*.{NAME}-headless.{self.kube.ns}.svc.cluster.local")


@pytest.fixture(scope="module")
def certificates(kube, operator, tmp_path_factory):
    kube.run("delete", "natscluster", "nats", "-n", kube.ns)  # the overlay's own is not needed here
    return Certificates(kube, tmp_path_factory.mktemp("certs"))


@pytest.fixture(scope="module")
def serials(certificates):
    certificates.put("client-tls", "DNS:client")
    return {"client": certificates.put_servers(), "cluster": certificates.put_routes()}


@pytest.fixture(scope="module")
def secure(kube, serials):
    kube.apply(nats_cluster(NAME, 3, config={
        "nats": {"tls": {"enabled": True, "secretName": "server-tls", "verify": True}},
        "cluster": {"tls": {"enabled": True, "secretName": "route-tls"}}}))
    cluster = Cluster(kube, NAME)
    cluster.wait_settled(3)
    return cluster


def served(cluster, name):
    page = cluster.varz(name)
    return {"client": page.get("tls_cert_serial"), "cluster": page["cluster"].get("tls_cert_serial")}


def test_clients_and_routes(kube, secure, serials, remember):
    secure.wait_meshed()
    assert all(served(secure, name) == serials for name in secure.names())
    status = secure.read()["status"]
    assert {c["listener"]: (c["serial"], c["servers"]) for c in status["certificates"]} == {
        listener: (serial, 3) for listener, serial in serials.items()}
    assert status["endpoints"]["client"].startswith("tls://")
    assert secure.condition("CertificatesValid")["status"] == "True"
    load = Load(kube, "TLS, nothing happens", service=NAME, tls="client-tls")
    load.wait_flowing()
    outcome = remember(load.finish())
    assert outcome.lost == outcome.duplicated == outcome.given_up == 0, outcome


def test_clients_without_certificate_stay_outside(kube, secure):
    def turned_away(address):
        closed = [c for n in secure.names() for c in kube.json_page(n, 8222, "/connz?state=closed&limit=4096")["connections"]]
        return any(c["ip"] == address and "TLS" in c["reason"] for c in closed)

    kube.apply(client_pod("plain", "-role", "sub", "-url", f"nats://{NAME}:4222"))
    try:
        address = wait("it has an address", lambda: kube.get("pod", "plain")["status"].get("podIP"), 60)
        wait("it is turned away", lambda: turned_away(address), 60)
        assert kube.json_page("plain", 8080, "/report")["server"] == ""
    finally:
        kube.run("delete", "pod", "plain", "-n", kube.ns, "--grace-period=1")


def test_renewal_without_a_restart(kube, secure, certificates, remember):
    load = Load(kube, "certificates of clients and routes renewed", service=NAME, tls="client-tls")
    before = secure.identities()
    new = {"client": certificates.put_servers(), "cluster": certificates.put_routes()}
    wait("all servers show the new certificates", lambda: all(served(secure, n) == new for n in secure.names()), 240,
         secure.describe)
    wait("and the operator has seen it", lambda: {
        c["listener"]: (c["serial"], c["servers"]) for c in secure.read()["status"]["certificates"]} == {
            listener: (serial, 3) for listener, serial in new.items()}, 120, secure.describe)
    assert secure.condition("CertificatesValid")["reason"] == "AsExpected"
    assert secure.read()["status"]["config"]["method"] == "Reload"
    assert secure.identities() == before
    assert "CertificateRenewed" in {reason for _, reason, _ in kube.events("NatsCluster", NAME)}
    load.wait_flowing()
    outcome = remember(load.finish())
    assert outcome.lost == outcome.duplicated == outcome.given_up == 0, outcome
    # New handshakes, of clients and between servers, with the new ones.
    name = secure.names()[0]
    kube.run("delete", "pod", name, "-n", kube.ns, "--wait=false")
    wait("it is replaced", lambda: secure.identities().get(name, before[name]) != before[name], 120, secure.describe)
    secure.wait_settled(3)
    secure.wait_meshed()


def test_a_certificate_nobody_can_use(kube, secure, certificates):
    before = secure.identities()
    other = certificates.authority.issue("other")
    kube.patch("secret", "server-tls", {"data": {"tls.key": base64.b64encode(other.key.read_bytes()).decode()}})
    wait("the condition says so", lambda: secure.condition("CertificatesValid")["reason"] == "CertificateInvalid", 120,
         secure.describe)
    assert "server-tls" in secure.condition("CertificatesValid")["message"]
    assert ("Warning", "CertificateInvalid") in {(kind, reason) for kind, reason, _ in kube.events("NatsCluster", NAME)}
    load = Load(kube, "an unusable certificate in the Secret", service=NAME, tls="client-tls")
    load.wait_flowing()
    load.finish()
    assert secure.identities() == before
    serial = certificates.put_servers()
    wait("all is well again", lambda: all(served(secure, n)["client"] == serial for n in secure.names())
         and secure.condition("CertificatesValid")["status"] == "True", 240, secure.describe)
    assert secure.identities() == before
