"""The images of the tests: ours from build/bin, and the client that keeps count."""
import re
import subprocess
import sys

from harness import toolchains
from harness.server import ROOT

sys.path.insert(0, str(ROOT / "scripts/lib"))
from kube_cluster import oci  # noqa: E402

VERSION = re.search(r"project\(natrix VERSION ([\d.]+)", (ROOT / "CMakeLists.txt").read_text())[1]
LIBRARY = "docker.io/library/"  # what a runtime puts before a bare name
BROKER = f"natrix-broker:{VERSION}"
# The same programs, yet another image: to change to.
NEXT_BROKER = f"natrix-broker:{VERSION}-next"
OPERATOR = f"natrix-operator:{VERSION}"
CHECKER = "natrix-checker:e2e"


def load_all(provider, folder):
    for part, names in (("broker", [BROKER, NEXT_BROKER]), ("operator", [OPERATOR])):
        archive = folder / f"{part}.tar"
        subprocess.run([ROOT / "scripts/image/make-archive", part, archive, *[LIBRARY + n for n in names]], check=True)
        provider.load(archive)
    checker = toolchains.go_program("kubernetes-checker", ROOT / "tests/e2e/kubernetes/checker", static=True)
    oci.single_program(folder / "checker.tar", checker, LIBRARY + CHECKER)
    provider.load(folder / "checker.tar")
