"""Where the cluster comes from.

NATRIX_E2E_CONTEXT=NAME uses that context of the user's kubeconfig (`current` the current one); the images are
loaded into its nodes with the command in NATRIX_E2E_LOAD, to which the archive's name is added, or must be
there already. Without it `kind` is used if it is there with a container engine, else scripts/kube-cluster.
"""
import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from harness.server import ROOT

SCRIPT = ROOT / "scripts/kube-cluster"
KIND_NAME = "natrix-e2e"
UNAVAILABLE = 3  # exit code of scripts/kube-cluster


def _output(command, **options):
    done = subprocess.run([str(c) for c in command], stdin=subprocess.DEVNULL, capture_output=True, text=True, **options)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


class Provider:
    """kubectl: a program new enough for the manifests. local: containers are processes of this machine."""

    kubectl = "kubectl"
    local = False

    def start(self):
        pass

    def stop(self):
        pass

    def load(self, archive):
        raise NotImplementedError

    def kubeconfig(self):
        raise NotImplementedError


class Context(Provider):
    def __init__(self, name):
        self.name = name

    def kubeconfig(self):
        words = [] if self.name == "current" else [f"--context={self.name}"]
        return _output(["kubectl", "config", "view", "--raw", "--minify", "--flatten", *words])

    def load(self, archive):
        command = os.environ.get("NATRIX_E2E_LOAD")
        if command:
            _output([*shlex.split(command), archive])


class Kind(Provider):
    local = True

    @staticmethod
    def usable():
        if shutil.which("kind") is None:
            return False
        return any(shutil.which(engine) and subprocess.run([engine, "info"], capture_output=True).returncode == 0
                   for engine in ("docker", "podman"))

    def start(self):
        self.stop()
        _output(["kind", "create", "cluster", "--name", KIND_NAME, "--wait", "300s"])

    def stop(self):
        subprocess.run(["kind", "delete", "cluster", "--name", KIND_NAME], capture_output=True)

    def kubeconfig(self):
        return _output(["kind", "get", "kubeconfig", "--name", KIND_NAME])

    def load(self, archive):
        _output(["kind", "load", "image-archive", "--name", KIND_NAME, archive])


class OwnCluster(Provider):
    """One that runs already is used and left as it is; one of ours ends with this process at the latest."""

    local = True

    def __init__(self):
        self.ours = False

    def start(self):
        if subprocess.run([SCRIPT, "status"], capture_output=True).returncode:
            done = subprocess.run([SCRIPT, "up", "--owner", str(os.getpid())], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            if done.returncode == UNAVAILABLE:
                pytest.skip("no Kubernetes here: " + done.stderr.strip().splitlines()[-1].removeprefix("kube-cluster: "))
            assert done.returncode == 0, done.stderr
            self.ours = True
        said = _output([SCRIPT, "status"])
        settings = dict(line.removeprefix("export ").split("=", 1) for line in said.splitlines())
        self._kubeconfig = Path(settings["KUBECONFIG"])
        self.kubectl = Path(settings["PATH"].split(":")[0]) / "kubectl"

    def stop(self):
        if self.ours:
            _output([SCRIPT, "down"])

    def kubeconfig(self):
        return self._kubeconfig.read_text()

    def load(self, archive):
        _output([SCRIPT, "load", archive])


def choose():
    if os.environ.get("NATRIX_E2E_CONTEXT"):
        return Context(os.environ["NATRIX_E2E_CONTEXT"])
    return Kind() if Kind.usable() else OwnCluster()
