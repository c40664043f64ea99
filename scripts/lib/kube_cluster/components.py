"""How each program of the node is started, and the files they read. Paths are those inside the node, whose
/run, /var and /tmp are its own (see node.py)."""
import json
from pathlib import Path

ETC = Path("/run/kube/etc")
BIN = Path("/run/kube/bin")
CONTAINERD = "/run/containerd/containerd.sock"
PODS = "10.244.0.0/24"
SERVICES = "10.96.0.0/16"
KUBERNETES_SERVICE = "10.96.0.1"
NODE = "natrix-node"

# What the sandbox of every pod runs (tests/e2e/kubernetes/node/pause.c).
PAUSE_IMAGE = "docker.io/library/natrix-pause:1"

CONTAINERD_CONFIG = """
version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.btrfs",
                    "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs",
                    "io.containerd.snapshotter.v1.aufs"]
[grpc]
  address = "{socket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  # Without CAP_SYS_RESOURCE, as in many build machines, no process may be made less killable.
  restrict_oom_score_adj = true
  disable_apparmor = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "{snapshotter}"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "/run/kube/etc/cni"
"""

# Routed, not bridged: every packet passes the node's connection tracking, with or without br_netfilter.
CNI_CONFIG = {
    "cniVersion": "0.4.0", "name": "pods",
    "plugins": [
        {"type": "ptp", "ipMasq": True,
         "ipam": {"type": "host-local", "ranges": [[{"subnet": PODS}]], "routes": [{"dst": "0.0.0.0/0"}]}},
        {"type": "portmap", "capabilities": {"portMappings": True}},
    ],
}

COREFILE = """
.:53 {{
  errors
  health 127.0.0.1:8079
  ready 127.0.0.1:8181
  cache 30
  loadbalance
  kubernetes cluster.local in-addr.arpa {{
    kubeconfig {etc}/kubeconfig natrix-kube
    pods insecure
  }}
}}
"""


def _kubelet_config(address, cgroup):
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
        "containerRuntimeEndpoint": f"unix://{CONTAINERD}",
        "authentication": {"anonymous": {"enabled": False}, "webhook": {"enabled": False},
                           "x509": {"clientCAFile": f"{ETC}/ca.crt"}},
        "authorization": {"mode": "AlwaysAllow"},
        "cgroupDriver": "cgroupfs", "cgroupRoot": f"/{cgroup}", "failSwapOn": False, "oomScoreAdj": 0,
        "clusterDNS": [address], "clusterDomain": "cluster.local", "resolvConf": f"{ETC}/resolv.conf",
        # The machine's disk is not ours to judge; pods are small.
        "evictionHard": {"memory.available": "50Mi", "nodefs.available": "0%", "nodefs.inodesFree": "0%",
                         "imagefs.available": "0%"},
        "imageGCHighThresholdPercent": 100,
        # Changed Secrets and ConfigMaps reach the pods that soon, give or take a half.
        "syncFrequency": "10s",
        "registerNode": True, "maxPods": 60, "nodeStatusUpdateFrequency": "5s",
        "registryPullQPS": 0, "eventRecordQPS": 50,
    }


def write_files(folder, address, cgroup, snapshotter):
    """`folder` is what the node sees as ETC; the certificates are there already."""
    (folder / "containerd.toml").write_text(
        CONTAINERD_CONFIG.format(socket=CONTAINERD, pause=PAUSE_IMAGE, snapshotter=snapshotter))
    (folder / "cni").mkdir(exist_ok=True)
    (folder / "cni/10-pods.conflist").write_text(json.dumps(CNI_CONFIG))
    (folder / "Corefile").write_text(COREFILE.format(etc=ETC))
    (folder / "kubelet.json").write_text(json.dumps(_kubelet_config(address, cgroup)))
    (folder / "resolv.conf").write_text("")


def etcd():
    # The cluster's life is the test's: no need to wait for a disk.
    return [BIN / "etcd", "--data-dir=/var/lib/etcd", "--listen-client-urls=http://127.0.0.1:2379",
            "--advertise-client-urls=http://127.0.0.1:2379", "--listen-peer-urls=http://127.0.0.1:2380",
            "--unsafe-no-fsync", "--log-level=warn"]


def containerd():
    return ["containerd", "--config", ETC / "containerd.toml", "--log-level=warn"]


def apiserver(address):
    return [BIN / "kube-apiserver", "--etcd-servers=http://127.0.0.1:2379", f"--advertise-address={address}",
            "--secure-port=6443", f"--service-cluster-ip-range={SERVICES}", "--authorization-mode=RBAC",
            "--allow-privileged=true", f"--client-ca-file={ETC}/ca.crt",
            f"--tls-cert-file={ETC}/apiserver.crt", f"--tls-private-key-file={ETC}/apiserver.key",
            f"--kubelet-client-certificate={ETC}/admin.crt", f"--kubelet-client-key={ETC}/admin.key",
            "--kubelet-preferred-address-types=InternalIP",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={ETC}/tokens.pub", f"--service-account-signing-key-file={ETC}/tokens.key"]


def controller_manager():
    # Volumes are folders below the node's own /tmp/hostpath_pv.
    return [BIN / "kube-controller-manager", f"--kubeconfig={ETC}/kubeconfig", "--leader-elect=false",
            f"--service-account-private-key-file={ETC}/tokens.key", f"--root-ca-file={ETC}/ca.crt",
            f"--cluster-signing-cert-file={ETC}/ca.crt", f"--cluster-signing-key-file={ETC}/ca.key",
            "--enable-hostpath-provisioner=true"]


def scheduler():
    return [BIN / "kube-scheduler", f"--kubeconfig={ETC}/kubeconfig", "--leader-elect=false"]


def kubelet(address):
    return [BIN / "kubelet", f"--kubeconfig={ETC}/kubeconfig", f"--config={ETC}/kubelet.json",
            f"--hostname-override={NODE}", f"--node-ip={address}"]


def proxy():
    return [BIN / "kube-proxy", f"--kubeconfig={ETC}/kubeconfig", "--proxy-mode=iptables", f"--cluster-cidr={PODS}",
            f"--hostname-override={NODE}", "--oom-score-adj=0", "--conntrack-max-per-core=0"]


def coredns():
    return [BIN / "coredns", "-conf", ETC / "Corefile"]


STORAGE_CLASS = {
    "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass",
    "metadata": {"name": "standard", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
    "provisioner": "kubernetes.io/host-path", "reclaimPolicy": "Delete", "volumeBindingMode": "Immediate",
}
