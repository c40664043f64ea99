"""A one-node Kubernetes on this machine: real control plane, kubelet and container runtime.

`programs` builds or finds the binaries, `pki` makes certificates, `keeper` runs outside and cleans up,
`node` is process 1 inside, `components` says how each program is started. scripts/kube-cluster is the
way in.
"""
