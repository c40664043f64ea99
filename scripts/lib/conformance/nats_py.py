"""nats.py: its runner of server processes, the new client, the old one, and the packages above JetStream."""
import shutil
import subprocess
import sys

from . import sandbox
from .suite import Suite, junit_results


class NatsPy(Suite):
    name = "nats.py"
    repository = "https://github.com/nats-io/nats.py"
    commit = "06b677808029274b64e06af9eee7170d3b80a09b"
    packages = ["nats-server", "nats-core", "nats", "nats-jetstream", "nats-key-value"]
    parallel = {"nats-core": ["-n", "2"]}  # the others use fixed ports or wait for no one

    def prepare(self):
        """An environment with the packages installed from the checkout."""
        wanted = next((p for p in ("python3.14", "python3.13", "python3") if shutil.which(p)), None)
        self.python = self.work / "venv/bin/python"
        if not self.python.exists():
            subprocess.run([wanted, "-m", "venv", self.work / "venv"], check=True)
        version = subprocess.run([self.python, "-c", "import sys; print(sys.version_info >= (3, 13))"],
                                 capture_output=True, text=True, check=True).stdout.strip()
        if version != "True":
            sys.exit("conformance: nats.py's tests need Python 3.13 or newer (python3.13 in PATH)")
        subprocess.run([self.python, "-m", "pip", "install", "--quiet", "pytest", "pytest-asyncio", "pytest-timeout",
                        "pytest-xdist", "pytest-rerunfailures", "nkeys", "aiohttp", "websockets",
                        *[str(self.source / package) for package in self.packages]], check=True)

    def run(self, job):
        report = self.work / f"{job.name}.xml"
        report.unlink(missing_ok=True)
        # Those that fail run once more: some depend on time.
        command = [self.python, "-m", "pytest", "tests", "-q", "--timeout", "120", "--reruns", "1", "-o", "asyncio_mode=auto",
                   f"--junitxml={report}", *self.parallel.get(job.package, [])]
        if job.expression:
            command += ["-k", job.expression]
        log = self.work / f"{job.name}.log"
        sandbox.run(command, self.source / job.package, log, sandbox.environment(self.work, job.label, job.server))
        if not report.exists():
            sys.exit(f"conformance: {job.package} with {job.label} left no report, see {log}")
        return junit_results(report)
