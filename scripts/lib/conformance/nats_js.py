"""nats.js: its tests run in Deno, which comes as a Python package. What they import by the names of a registry that
is not reached everywhere comes from npm, or from tests/conformance/nats.js."""
import json
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from . import sandbox
from .suite import FAILED, PASSED, SKIPPED, Suite, junit_results

DENO = "deno==2.9.8"
AT_ONCE = 3
TIMEOUT_S = 300  # of a file, or of a test by itself
DENO_ENV = {"DENO_NO_PACKAGE_JSON": "1", "DENO_NO_UPDATE_CHECK": "1", "NO_COLOR": "1"}
FROM_NPM = {"@nats-io/nkeys": "2.0.3", "@nats-io/nuid": "3.0.0", "@nats-io/jwt": "0.0.11", "ajv": "8.17.1",
            "js-sha256": "0.11.1"}
# The suite's launcher gives every server these blocks, whatever the test is about. Ours refuses a block that it does not
# know; so that its other tests say something they are left out of the launcher's defaults for it.
ABSENT = {
    "leafnodes": 'conf.leafnodes = conf.leafnodes || {};\n    conf.leafnodes.listen = conf.leafnodes.listen || "127.0.0.1:-1";\n',
    "reload": "conf.websocket = this.config.websocket;\n    conf.leafnodes = this.config.leafnodes;\n",
    "websocket": "conf.websocket = Object.assign(\n      {},\n      { port: -1, no_tls: true },\n      conf.websocket || {},\n    );\n",
}
LAUNCHER = "nst/src/launcher.ts"
LOCAL = {"core": "nats-core", "jetstream": "jetstream", "kv": "kv", "obj": "obj", "services": "services", "nst": "nst",
         "transport-deno": "transport-deno"}


class NatsJs(Suite):
    name = "nats.js"
    repository = "https://github.com/nats-io/nats.js"
    commit = "3a7b736b175d9a387130210c88f851d71e1b014f"
    packages = ["core", "core-unsafe", "services", "jetstream", "kv", "obj"]
    folders = {"core-unsafe": "core/unsafe_tests"}

    def prepare(self):
        venv = self.work / "venv"
        self.deno = venv / "bin/deno"
        if not self.deno.exists():
            subprocess.run([sys.executable, "-m", "venv", venv], check=True)
            subprocess.run([venv / "bin/pip", "install", "--quiet", DENO], check=True)
        self.sources = {"reference": self.source, "natrix": self.without_absent_features()}
        for package in self.packages:
            for label, source in self.sources.items():
                self.imports_file(package, label).write_text(json.dumps(self.import_map(package, source), indent=1))
                # Now, as the tests run where there is no network.
                subprocess.run([self.deno, "cache", "--quiet", "--no-lock", "--no-config", "--import-map",
                                self.imports_file(package, label), *self.test_files(package, source)], check=True,
                               cwd=source, env={**os.environ, **DENO_ENV})

    def without_absent_features(self):
        copy = self.work / "source"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(self.source, copy, ignore=shutil.ignore_patterns(".git", "docs"))
        text = (copy / LAUNCHER).read_text()
        for name, default in ABSENT.items():
            if default not in text:
                sys.exit(f"conformance: the launcher of nats.js has other defaults for {name} now")
            text = text.replace(default, "")
        (copy / LAUNCHER).write_text(text)
        return copy

    def imports_file(self, package, label):
        return self.work / f"imports-{package}-{label}.json"

    def test_files(self, package, source):
        return sorted((source / self.folders.get(package, f"{package}/tests")).glob("*_test.ts"))

    def import_map(self, package, source):
        shims = self.root / "tests/conformance/nats.js"
        imports = {f"@std/{name}": f"file://{shims}/{name}.ts" for name in ("assert", "bytes", "io")}
        imports["@std/path"] = "node:path"
        imports |= {name: f"npm:{name}@{version}" for name, version in FROM_NPM.items()}
        for folder, name in LOCAL.items():
            imports[f"@nats-io/{name}"] = f"file://{source}/{folder}/src/mod.ts"
            imports[f"@nats-io/{name}/internal"] = f"file://{source}/{folder}/src/internal_mod.ts"
        home = package.split("-")[0]
        imports["nst"] = f"file://{source}/{home}/tests/nst.ts"
        return {"imports": imports}

    def run(self, job):
        """File by file: one that hangs or does not load costs its own tests only."""
        files = self.test_files(job.package, self.sources[job.label])
        env = sandbox.environment(self.work, job.label, job.server, **DENO_ENV)
        with ThreadPoolExecutor(AT_ONCE if sandbox.isolated() else 1) as pool:
            results = dict(zip(files, pool.map(lambda file: self.run_file(job, file, env), files)))
            for file, mine in results.items():
                # Once more and alone: some depend on time, and an error that nobody caught ends the whole file.
                mine |= {test: FAILED for test in self.tests_in(file, job) if test not in mine}
                failed = [test for test, result in mine.items() if result == FAILED]
                again = pool.map(lambda test: self.run_file(job, file, env, test), failed)
                mine |= dict(zip(failed, again))
        # Tests for other server versions end at once and say so in the log only.
        return {test: result for mine in results.values() for test, result in mine.items() if result != SKIPPED}

    def tests_in(self, file, job):
        """Their names where they are plain text; a run that was cut short knows of some only."""
        names = re.findall(r'^Deno\.test\(\s*"([^"]+)"', file.read_text(), re.M)
        return [f"{file.stem}.{name}" for name in names if not job.expression or re.search(job.expression, name)]

    def run_file(self, job, file, env, test=None):
        """{test: result}, or with `test` its result."""
        name = file.stem if test is None else f"{file.stem}-{abs(hash(test)):x}"
        report, log = self.work / f"{job.name}-{name}.xml", self.work / f"{job.name}-{name}.log"
        report.unlink(missing_ok=True)
        command = [self.deno, "test", "-A", "--no-check", "--no-lock", "--cached-only", "--no-config", "--import-map",
                   self.imports_file(job.package, job.label), f"--junit-path={report}"]
        if job.package == "core-unsafe":
            command.append("--unsafely-ignore-certificate-errors")
        pattern = job.expression if test is None else f"^{re.escape(test.split('.', 1)[1])}$"
        if pattern:
            command.append(f"--filter=/{pattern.replace('/', chr(92) + '/')}/")
        sandbox.run([*command, file], self.sources[job.label], log, env, TIMEOUT_S)
        results = junit_results(report) if report.exists() else {}
        named = {f"{file.stem}.{one.split('.ts.')[-1]}": result for one, result in results.items()}
        if test is None:
            return named
        if named.get(test) == PASSED:
            log.unlink()
        report.unlink(missing_ok=True)
        return named.get(test, FAILED)
