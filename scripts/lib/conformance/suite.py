"""What every suite offers, and what several of them need."""
import subprocess
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"


@dataclass
class Job:
    """One package with one server."""
    package: str
    label: str  # "reference" or "natrix"
    server: Path
    expression: str | None  # only tests that match

    @property
    def name(self):
        return f"{self.package}-{self.label}".replace("/", "_")


class Suite:
    """A suite at a pinned commit. `prepare` makes what it needs to run, once; `run` gives {test: result}."""
    name: str
    repository: str
    commit: str
    packages: list[str]

    def __init__(self, root, work, source):
        self.root, self.work = Path(root), Path(work) / self.name
        self.work.mkdir(parents=True, exist_ok=True)
        self.source = Path(source).resolve() if source else self.fetch()

    def fetch(self):
        folder = self.root / ".cache" / self.name
        if not folder.exists():
            subprocess.run(["git", "clone", "--quiet", self.repository, folder], check=True)
        subprocess.run(["git", "-C", folder, "checkout", "--quiet", self.commit], check=True)
        return folder

    def prepare(self):
        raise NotImplementedError

    def run(self, job):
        raise NotImplementedError


def junit_results(report):
    """{test: result} of a JUnit report."""
    results = {}
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        tags = {element.tag for element in case}
        result = FAILED if tags & {"failure", "error"} else SKIPPED if "skipped" in tags else PASSED
        results[f"{case.get('classname')}.{case.get('name')}"] = result
    return results
