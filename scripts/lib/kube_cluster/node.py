"""Process 1 of the node: runs in mount, network and process namespaces of its own, so that the kernel removes
every process, mount, address and packet filter rule of the cluster when this process ends, however it ends.

    node.py STATE PROGRAMS ADDRESS GATEWAY        (started by keeper.py)

Standard input is the keeper's hand: a line "go" says that the network is there; its end means that the
keeper is gone, and so are we.
"""
import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from kube_cluster import components  # noqa: E402

START_TIMEOUT_S = 240


def run(*command, **options):
    return subprocess.run([str(c) for c in command], check=True, **options)


def own_folders(state, programs):
    """/run, /var and /tmp become the node's own; what it needs of the machine's is bound in first."""
    root = state / "run"
    root.mkdir(exist_ok=True)
    run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", root)
    for name, source in (("bin", programs), ("etc", state / "etc")):
        target = root / "kube" / name
        target.mkdir(parents=True)
        run("mount", "--bind", source, target)
    var = state / "var"
    for folder in ("lib", "log", "tmp", "cache", "lib/cni"):
        (var / folder).mkdir(parents=True, exist_ok=True)
    (var / "run").symlink_to("/run")
    (state / "tmp").mkdir(exist_ok=True)
    (state / "tmp").chmod(0o1777)
    run("mount", "--bind", state / "log", var / "log")
    # Last the one that may hide the state itself.
    for source, target in [(os.open(s, os.O_PATH), t) for s, t in ((state / "tmp", "/tmp"), (root, "/run"), (var, "/var"))]:
        run("mount", "--no-canonicalize", "--rbind", f"/proc/{os.getpid()}/fd/{source}", target)
    # Kubelet hands volumes to containers through shared mounts.
    run("mount", "--make-rshared", "/")


def own_network(address, gateway):
    run("ip", "link", "set", "lo", "up")
    run("ip", "addr", "add", f"{address}/30", "dev", "eth0")
    run("ip", "link", "set", "eth0", "up")
    run("ip", "route", "add", "default", "via", gateway)
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")


class Node:
    def __init__(self, address):
        self.address = address
        self.children = {}  # process id -> name

    def start(self, name, command):
        with open(f"/var/log/{name}.log", "ab") as log:
            child = subprocess.Popen([str(c) for c in command], stdin=subprocess.DEVNULL, stdout=log,
                                     stderr=subprocess.STDOUT, start_new_session=True)
        self.children[child.pid] = (name, child)

    def bury(self):
        """Orphans come to process 1. A program of ours that ends takes the cluster with it."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid in self.children:
                sys.exit(f"{self.children[pid][0]} ended with {status}; see its log")

    def wait_for(self, what, holds):
        deadline = time.monotonic() + START_TIMEOUT_S
        while not holds():
            for pid, (name, _) in self.children.items():
                if Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
                    sys.exit(f"{name} ended; see its log")
            if time.monotonic() > deadline:
                sys.exit(f"{what}: not within {START_TIMEOUT_S} s")
            time.sleep(0.2)

    def kubectl(self, *arguments, text=None):
        return subprocess.run([components.BIN / "kubectl", f"--kubeconfig={components.ETC}/kubeconfig", *arguments],
                              input=text, stdin=None if text else subprocess.DEVNULL, capture_output=True, text=True)

    def bring_up(self):
        self.start("etcd", components.etcd())
        self.start("containerd", components.containerd())
        self.start("kube-apiserver", components.apiserver(self.address))
        self.wait_for("container runtime", lambda: Path(components.CONTAINERD).exists())
        run("ctr", "--address", components.CONTAINERD, "--namespace", "k8s.io", "images", "import",
            components.ETC / "pause.tar", stdout=subprocess.DEVNULL)
        self.wait_for("API server", lambda: self.kubectl("get", "--raw", "/readyz").returncode == 0)
        self.start("kube-controller-manager", components.controller_manager())
        self.start("kube-scheduler", components.scheduler())
        self.start("kubelet", components.kubelet(self.address))
        self.start("kube-proxy", components.proxy())
        self.start("coredns", components.coredns())
        created = self.kubectl("create", "-f", "-", text=json.dumps(components.STORAGE_CLASS))
        if created.returncode:
            sys.exit(f"storage class: {created.stderr}")
        self.wait_for("node", lambda: "True" in self.kubectl(
            "get", "nodes", "-o", "jsonpath={.items[*].status.conditions[?(@.type=='Ready')].status}").stdout)
        # Pods of every namespace need it, and so does whoever creates one.
        self.wait_for("service account", lambda: self.kubectl("get", "serviceaccount", "default").returncode == 0)

    def serve(self):
        """Until somebody ends us or a program fails."""
        volumes = Path("/tmp/hostpath_pv")
        while True:
            self.bury()
            # The provisioner makes folders for root alone, but fsGroup does not reach host paths.
            for folder in volumes.glob("*") if volumes.exists() else ():
                if folder.stat().st_mode & 0o777 != 0o777:
                    folder.chmod(0o777)
            if select.select([sys.stdin], [], [], 0.3)[0] and not sys.stdin.buffer.raw.read(1):
                sys.exit("the keeper is gone")


def main():
    state, programs, address, gateway = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended on request"))
    ready = os.open(state / "ready.new", os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o644)
    folder = os.open(state, os.O_PATH)  # the name may be covered by the node's own /var soon
    if sys.stdin.readline() != "go\n":
        sys.exit("the keeper is gone")
    own_network(address, gateway)
    own_folders(state, programs)
    node = Node(address)
    node.bring_up()
    os.write(ready, b"ready\n")
    os.rename("ready.new", "ready", src_dir_fd=folder, dst_dir_fd=folder)
    node.serve()


if __name__ == "__main__":
    main()
