"""nats.js: its tests run in Deno, which comes as a Python package. What they import by the names of a registry that
is not reached everywhere comes from npm, or from tests/conformance/nats.js."""
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from . import sandbox
from .suite import FAILED, SKIPPED, Suite, junit_results

DENO = "deno==2.9.8"
AT_ONCE = 3
DENO_ENV = {"DENO_NO_PACKAGE_JSON": "1", "DENO_NO_UPDATE_CHECK": "1", "NO_COLOR": "1"}
FROM_NPM = {"@nats-io/nkeys": "2.0.3", "@nats-io/nuid": "3.0.0", "@nats-io/jwt": "0.0.11", "ajv": "8.17.1",
            "js-sha256": "0.11.1"}
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
        for package in self.packages:
            self.imports_file(package).write_text(json.dumps(self.import_map(package), indent=1))
            # Now, as the tests run where there is no network.
            subprocess.run([self.deno, "cache", "--quiet", "--no-lock", "--no-config", "--import-map",
                            self.imports_file(package),
                            *self.test_files(package)], check=True, cwd=self.source, env={**os.environ, **DENO_ENV})

    def imports_file(self, package):
        return self.work / f"imports-{package}.json"

    def folder(self, package):
        return self.source / self.folders.get(package, f"{package}/tests")

    def test_files(self, package):
        return sorted(self.folder(package).glob("*_test.ts"))

    def import_map(self, package):
        shims = self.root / "tests/conformance/nats.js"
        imports = {f"@std/{name}": f"file://{shims}/{name}.ts" for name in ("assert", "bytes", "io")}
        imports["@std/path"] = "node:path"
        imports |= {name: f"npm:{name}@{version}" for name, version in FROM_NPM.items()}
        for folder, name in LOCAL.items():
            imports[f"@nats-io/{name}"] = f"file://{self.source}/{folder}/src/mod.ts"
            imports[f"@nats-io/{name}/internal"] = f"file://{self.source}/{folder}/src/internal_mod.ts"
        home = package.split("-")[0]
        imports["nst"] = f"file://{self.source}/{home}/tests/nst.ts"
        return {"imports": imports}

    def run(self, job):
        """File by file: one that hangs or does not load costs its own tests only."""
        files = self.test_files(job.package)
        env = sandbox.environment(self.work, job.label, job.server, **DENO_ENV)
        with ThreadPoolExecutor(AT_ONCE if sandbox.isolated() else 1) as pool:
            results = dict(zip(files, pool.map(lambda file: self.run_file(job, file, env), files)))
        for file, mine in results.items():
            if FAILED in mine.values():  # once more and alone: some depend on time
                mine |= {test: result for test, result in self.run_file(job, file, env).items() if result != FAILED}
        # Tests for other server versions end at once and say so in the log only.
        return {test: result for mine in results.values() for test, result in mine.items() if result != SKIPPED}

    def run_file(self, job, file, env):
        report = self.work / f"{job.name}-{file.stem}.xml"
        report.unlink(missing_ok=True)
        command = [self.deno, "test", "-A", "--no-check", "--no-lock", "--cached-only", "--no-config", "--import-map",
                   self.imports_file(job.package), f"--junit-path={report}"]
        if job.package == "core-unsafe":
            command.append("--unsafely-ignore-certificate-errors")
        if job.expression:
            command.append(f"--filter=/{job.expression}/")
        log = self.work / f"{job.name}-{file.stem}.log"
        sandbox.run([*command, file], self.source, log, env, timeout=900)
        if not report.exists():
            return {f"{file.stem}.(whole file)": FAILED}
        return {f"{file.stem}.{test.split('.ts.')[-1]}": result for test, result in junit_results(report).items()}
