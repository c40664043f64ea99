"""nats.c: one program with a few hundred tests, each started by itself."""
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor

from . import sandbox
from .suite import FAILED, PASSED, SKIPPED, Suite

JETSTREAM = re.compile(r"JetStream|KeyValue|ObjectStore|^OS|KV")
SKIP = re.compile(r"Skipp(ed when|ing since|ing test)")
AT_ONCE = 4  # they mostly wait; each has ports and files of its own
TIMEOUT_S = 300


class NatsC(Suite):
    name = "nats.c"
    repository = "https://github.com/nats-io/nats.c"
    commit = "2d4db4a36ecf5cbdf04c836fb823696dd5c2a7fb"
    packages = ["core", "jetstream"]

    def prepare(self):
        build = self.work / "build"
        subprocess.run(["cmake", "-G", "Ninja", "-S", self.source, "-B", build, "-DCMAKE_BUILD_TYPE=Release",
                        "-DNATS_BUILD_STREAMING=OFF", "-DNATS_BUILD_EXAMPLES=OFF"], check=True,
                       stdout=subprocess.DEVNULL)
        subprocess.run(["ninja", "-C", build], check=True, stdout=subprocess.DEVNULL)
        self.program = build / "bin/testsuite"

    def tests(self, package):
        names = re.findall(r"_test\((\w+)\)", (self.source / "test/list_test.txt").read_text())
        return [name for name in names if bool(JETSTREAM.search(name)) == (package == "jetstream")]

    def run(self, job):
        names = [n for n in self.tests(job.package) if not job.expression or re.search(job.expression, n)]
        version = subprocess.run([job.server, "-v"], capture_output=True, text=True, check=True).stdout.strip()
        env = sandbox.environment(self.work, job.label, job.server, NATS_TEST_SERVER_VERSION=version)
        at_once = AT_ONCE if sandbox.isolated() else 1
        with ThreadPoolExecutor(at_once) as pool:
            results = dict(zip(names, pool.map(lambda name: self.run_one(job, name, env), names)))
        for name in [name for name, result in results.items() if result == FAILED]:
            results[name] = self.run_one(job, name, env)  # once more and alone: some depend on time
        return results

    def run_one(self, job, name, env):
        """In a copy of the test folder: the tests leave files with fixed names in it."""
        folder = self.work / job.label / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for entry in (self.source / "test").iterdir():
            if entry.name == "certs" or entry.suffix == ".conf":
                (folder / entry.name).symlink_to(entry)
        log = folder / "log"
        code = sandbox.run([self.program, name], folder, log, env, TIMEOUT_S)
        text = log.read_text(errors="replace")
        if code != 0 or "ALL PASSED" not in text:
            return FAILED
        return SKIPPED if SKIP.search(text) else PASSED
