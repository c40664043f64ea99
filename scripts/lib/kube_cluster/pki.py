"""Certificates and the kubeconfig of one cluster's life. All of the control plane shares one identity,
the administrator: what its parts may do to each other is not what is tested here."""
import base64
import json
import subprocess

CONFIG = """
[req]
distinguished_name = name
prompt = no
[name]
CN = unused
[ca]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign,digitalSignature
[leaf]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature,keyEncipherment
extendedKeyUsage = serverAuth,clientAuth
"""


def _openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                   stderr=subprocess.PIPE)


def _key(path):
    _openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", path)
    path.chmod(0o600)


def _certificate(folder, name, subject, section, *more):
    _key(folder / f"{name}.key")
    _openssl("req", "-x509", "-new", "-config", folder / "openssl.cnf", "-extensions", section, "-days", "365",
             "-key", folder / f"{name}.key", "-out", folder / f"{name}.crt", "-subj", subject, *more)


def make(folder, addresses):
    """ca, apiserver (for `addresses`), admin, and the key that signs the tokens of service accounts."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "openssl.cnf").write_text(CONFIG)
    _certificate(folder, "ca", "/CN=natrix-kube", "ca")
    signed = ["-CA", folder / "ca.crt", "-CAkey", folder / "ca.key"]
    service = "kubernetes.default.svc"
    names = [f"IP:{a}" for a in addresses]
    names += [f"DNS:{n}" for n in ("localhost", "kubernetes", "kubernetes.default", service, service + ".cluster.local")]
    _certificate(folder, "apiserver", "/CN=kube-apiserver", "leaf", *signed, "-addext", "subjectAltName=" + ",".join(names))
    _certificate(folder, "admin", "/O=system:masters/CN=admin", "leaf", *signed)
    _key(folder / "tokens.key")
    _openssl("pkey", "-in", folder / "tokens.key", "-pubout", "-out", folder / "tokens.pub")


def kubeconfig(folder, server):
    data = {name: base64.b64encode((folder / name).read_bytes()).decode() for name in ("ca.crt", "admin.crt", "admin.key")}
    return json.dumps({
        "apiVersion": "v1", "kind": "Config", "current-context": "natrix-kube",
        "clusters": [{"name": "natrix-kube",
                      "cluster": {"server": server, "certificate-authority-data": data["ca.crt"]}}],
        "users": [{"name": "admin", "user": {"client-certificate-data": data["admin.crt"],
                                             "client-key-data": data["admin.key"]}}],
        "contexts": [{"name": "natrix-kube", "context": {"cluster": "natrix-kube", "user": "admin"}}],
    }, indent=1)
