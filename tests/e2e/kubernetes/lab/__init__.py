"""What the tests on a real Kubernetes share: the cluster, what is installed in it, clients that keep count."""
