"""Runs outside the node for as long as it lives: makes its state, network and cgroups, and removes all of it
when the node ends, when it is told to end, or when the process that wanted the cluster (the owner) is gone.

Killed itself, it leaves what needs no process: a folder and empty cgroups, which `down` and the next `up`
remove.
"""
import hashlib
import ipaddress
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from kube_cluster import components, oci, pki

NODE = Path(__file__).with_name("node.py")
CGROUPS = Path("/sys/fs/cgroup")
# Kubelet sets these for the whole machine.
TUNABLES = ["vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops",
            "kernel/keys/root_maxkeys", "kernel/keys/root_maxbytes"]


def tag(state):
    """What tells the parts of this cluster from those of another one on the machine."""
    return "nk" + hashlib.sha256(str(state).encode()).hexdigest()[:8]


def read_tunables():
    return {name: (Path("/proc/sys") / name).read_text().strip() for name in TUNABLES}


def write_tunables(values):
    for name, value in values.items():
        path = Path("/proc/sys") / name
        if path.read_text().strip() != value:
            path.write_text(value)


# --- cgroups


def hierarchies():
    """Every mounted one: a folder per controller (version 1), `unified` of the hybrid, or all in one (2)."""
    found = []
    for line in Path("/proc/mounts").read_text().splitlines():
        _, target, kind, *_ = line.split()
        if kind in ("cgroup", "cgroup2") and Path(target).is_relative_to(CGROUPS):
            found.append(Path(target))
    return found


def make_cgroups(name):
    for hierarchy in hierarchies():
        folder = hierarchy / name
        folder.mkdir(exist_ok=True)
        for setting in ("cpuset.cpus", "cpuset.mems"):  # version 1 starts with none
            if (folder / setting).exists() and (hierarchy / setting).exists():
                (folder / setting).write_text((hierarchy / setting).read_text())


def remove_cgroups(name):
    deadline = time.monotonic() + 20
    for hierarchy in hierarchies():
        while (hierarchy / name).exists():
            for folder, _, _ in os.walk(hierarchy / name, topdown=False):
                try:
                    os.rmdir(folder)
                except OSError:
                    pass  # its processes are still dying
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
    return True


# --- network


def free_network():
    """A network of two addresses that the machine does not use."""
    used = subprocess.run(["ip", "-o", "-4", "addr"], capture_output=True, text=True, check=True).stdout
    used = [ipaddress.ip_interface(a).network for a in re.findall(r"inet (\S+)", used)]
    for network in ipaddress.ip_network("10.213.0.0/16").subnets(new_prefix=30):
        if not any(network.overlaps(other) for other in used):
            return network
    raise RuntimeError("no free address in 10.213.0.0/16")


def connect(name, pid, gateway):
    """A wire from this machine to the namespace of `pid`. It goes with that namespace."""
    ip = lambda *words: subprocess.run(["ip", *words], check=True)
    ip("link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", str(pid))
    ip("addr", "add", f"{gateway}/30", "dev", name)
    ip("link", "set", name, "up")


# --- state


def snapshotter(state):
    """overlayfs where the file system below allows it, else copies."""
    probe = state / "probe"
    for part in ("lower", "upper", "work", "merged"):
        (probe / part).mkdir(parents=True, exist_ok=True)
    options = f"lowerdir={probe}/lower,upperdir={probe}/upper,workdir={probe}/work"
    done = subprocess.run(["unshare", "--mount", "mount", "-t", "overlay", "overlay", "-o", options, probe / "merged"],
                          capture_output=True)
    shutil.rmtree(probe, ignore_errors=True)
    return "overlayfs" if done.returncode == 0 else "native"


def make_state(state, programs, address):
    etc = state / "etc"
    (state / "log").mkdir(parents=True, exist_ok=True)
    pki.make(etc, [address, "127.0.0.1", components.KUBERNETES_SERVICE])
    for name in ("kubeconfig", "../kubeconfig.new"):
        (etc / name).touch(mode=0o600)
        (etc / name).write_text(pki.kubeconfig(etc, f"https://{address}:6443"))
    components.write_files(etc, address, tag(state), snapshotter(state))
    oci.single_program(etc / "pause.tar", programs / "pause", components.PAUSE_IMAGE)


def remove_state(state):
    """All but the logs."""
    for path in state.glob("*"):
        if path.name == "log":
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def node_pid(unshare):
    """The node's process 1 as seen from here."""
    for _ in range(100):
        children = Path(f"/proc/{unshare.pid}/task/{unshare.pid}/children").read_text().split()
        if children:
            return int(children[0])
        time.sleep(0.05)
    raise RuntimeError("unshare started nothing")


class Keeper:
    def __init__(self, state, programs, owner):
        self.state, self.programs, self.owner = state, programs, owner
        self.name = tag(state)
        self.tunables = read_tunables()
        self.node = None

    def start(self):
        network = free_network()
        gateway, address = [str(host) for host in network.hosts()]
        make_state(self.state, self.programs, address)
        make_cgroups(self.name)
        self.node = subprocess.Popen(
            ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc",
             sys.executable, NODE, self.state, self.programs, address, gateway], stdin=subprocess.PIPE)
        pid = node_pid(self.node)
        (self.state / "node.pid").write_text(str(pid))
        connect(self.name, pid, gateway)
        self.node.stdin.write(b"go\n")
        self.node.stdin.flush()

    def wait(self):
        watched = {os.pidfd_open(self.node.pid): "the node ended"}
        if self.owner:
            try:
                watched[os.pidfd_open(self.owner)] = "the owner is gone"
            except ProcessLookupError:
                return "the owner is gone"
        ready, _, _ = select.select(list(watched), [], [])
        return watched[ready[0]]

    def clean(self):
        if self.node is not None:
            self.node.kill()  # and with it, by --kill-child, process 1 and so everything
            self.node.wait()
        clean(self.state)
        write_tunables(self.tunables)


def clean(state):
    """What outlives the processes."""
    subprocess.run(["ip", "link", "del", tag(state)], capture_output=True)
    gone = remove_cgroups(tag(state))
    remove_state(state)
    return gone


def keep(state, programs, owner):
    keeper = Keeper(state, programs, owner)

    def ended(*_):
        raise SystemExit("ended on request")

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, ended)
    try:
        keeper.start()
        print(f"keeper: {keeper.wait()}", flush=True)
    finally:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        keeper.clean()
