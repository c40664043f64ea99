"""The binaries of the cluster: Kubernetes, etcd and CoreDNS built from pinned Go modules into a cache keyed
by version, container runtime and network plugins from Debian's packages."""
import fcntl
import hashlib
import os
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
SOURCES = ROOT / "tests/e2e/kubernetes/node"
CNI = Path("/usr/lib/cni")
FROM_DEBIAN = ["containerd", "containerd-shim-runc-v2", "ctr", "runc", "iptables", "conntrack", "ip", "openssl", "unshare",
               "nsenter", "mount"]


class Unavailable(Exception):
    """This machine cannot run the cluster; the text says what is missing."""


def kubernetes_version():
    for line in (SOURCES / "kubernetes/go.mod").read_text().splitlines():
        if line.split()[:1] == ["k8s.io/kubernetes"]:
            return line.split()[1]
    raise AssertionError("go.mod does not name k8s.io/kubernetes")


def _cache():
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "natrix/kubernetes"


def _key():
    digest = hashlib.sha256()
    for path in sorted(SOURCES.rglob("*")):
        if path.is_file():
            digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return f"{kubernetes_version()}-{digest.hexdigest()[:12]}"


@contextmanager
def _locked(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _go(folder, *arguments):
    """Politely: somebody may be working on this machine while it builds."""
    env = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-modcacherw -buildvcs=false -trimpath -p=2"}
    done = subprocess.run(["nice", "-n", "10", ROOT / "scripts/go", *map(str, arguments)], cwd=folder, env=env,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        last = " | ".join(done.stdout.strip().splitlines()[-4:])
        raise Unavailable(f"{folder.name} cannot be built: {last}")


def _build(target):
    version = kubernetes_version()
    minor = version.split(".")[1]
    stamp = " ".join(f"-X {package}.{name}={value}"
                     for package in ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
                     for name, value in (("gitVersion", version), ("gitMajor", "1"), ("gitMinor", minor)))
    _go(SOURCES / "kubernetes", "build", "-mod=readonly", "-ldflags", f"-s -w {stamp}", "-o", f"{target}/", "tool")
    (target / "server").rename(target / "etcd")
    _go(SOURCES / "coredns", "build", "-mod=readonly", "-ldflags", "-s -w", "-o", target / "coredns", ".")
    subprocess.run(["cc", "-static", "-Os", "-Wall", "-o", target / "pause", SOURCES / "pause.c"], check=True)


def check_machine():
    if os.geteuid() != 0:
        raise Unavailable("needs root, for namespaces, mounts and cgroups")
    missing = [tool for tool in FROM_DEBIAN if shutil.which(tool) is None]
    if not (CNI / "ptp").exists():
        missing.append(str(CNI / "ptp"))
    if missing:
        raise Unavailable(f"not installed: {', '.join(missing)} (scripts/install-deps kube)")


def cached():
    """Where the programs are when they have been built, else None."""
    folder = _cache() / _key()
    return folder if folder.exists() else None


def programs(say=lambda text: None):
    """The folder with all programs, built when it is not there yet (10 to 20 minutes on two cores)."""
    folder = _cache() / _key()
    with _locked(_cache() / "lock"):
        if folder.exists():
            return folder
        if shutil.which("go") is None:
            raise Unavailable("no go on this machine (package golang-go)")
        say(f"building Kubernetes {kubernetes_version()} into {folder}; this happens once and takes 10 to 20 minutes")
        building = folder.with_name(folder.name + ".building")
        shutil.rmtree(building, ignore_errors=True)
        building.mkdir(parents=True)
        _build(building)
        building.rename(folder)
    return folder
