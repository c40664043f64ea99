"""Programs the tests need and build themselves, once, below .cache/. A missing tool chain or an
unreachable package source skips what needs it, by name and with the reason."""
import fcntl
import hashlib
import os
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.server import ROOT

CACHE = ROOT / ".cache/tools"


@contextmanager
def _locked(name):
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _run(command, cwd=None, env=None):
    done = subprocess.run([str(c) for c in command], cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, env={**os.environ, **(env or {})})
    return done.returncode, done.stdout


def _cached(name, key, make):
    """The path CACHE/name-<hash of key>, made by `make(path)` when it is not there yet. A failure is
    remembered for the run (by pid of the session leader) so that many tests do not repeat it."""
    digest = hashlib.sha256(key.encode()).hexdigest()[:12]
    path = CACHE / f"{name}-{digest}"
    failure = CACHE / f"{name}-{digest}.failed-{os.getsid(0)}"
    with _locked(name):
        if failure.exists():
            pytest.skip(failure.read_text())
        if not path.exists():
            for old in CACHE.glob(f"{name}-*.failed-*"):
                old.unlink()
            problem = make(path)
            if problem:
                shutil.rmtree(path, ignore_errors=True)
                failure.write_text(f"{name}: {problem}")
                pytest.skip(f"{name}: {problem}")
    return path


def _last_lines(text, count=4):
    return " | ".join(text.strip().splitlines()[-count:])


def go_program(name, source, static=False):
    """Builds the Go module in `source`. Code of ours that does not compile fails; missing tools skip.
    `static`: needs no library, for an image with nothing else in it."""
    source = Path(source)
    if shutil.which("go") is None:
        pytest.skip(f"{name}: no go on this machine (package golang-go)")
    key = "".join(p.read_text() for p in sorted(source.glob("*")) if p.is_file())

    def make(path):
        code, text = _run([ROOT / "scripts/go", "mod", "download"], cwd=source)
        if code:
            return f"modules cannot be had: {_last_lines(text)}"
        code, text = _run([ROOT / "scripts/go", "build", "-o", path, "."], cwd=source,
                          env={"CGO_ENABLED": "0"} if static else None)
        assert code == 0, f"{name} does not build:\n{text}"
        return None

    return _cached(name, key, make)


def go_tool(name):
    """A public program in Go, pinned with all it needs in tests/support/tools/<name>/go.mod."""
    if shutil.which("go") is None:
        pytest.skip(f"{name}: no go on this machine (package golang-go)")
    folder = ROOT / "tests/support/tools" / name
    text = (folder / "go.mod").read_text()
    package = next(line.split()[1] for line in text.splitlines() if line.startswith("tool "))

    def make(path):
        code, output = _run([ROOT / "scripts/go", "build", "-mod=readonly", "-o", path, package], cwd=folder)
        return f"cannot be built: {_last_lines(output)}" if code else None

    return _cached(name, text, make)


def c_program(name, source, *libraries):
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip(f"{name}: no C compiler")
    if not Path("/usr/include/nats/nats.h").exists():
        pytest.skip(f"{name}: libnats is not installed (package libnats-dev)")

    def make(path):
        code, text = _run([compiler, "-Wall", "-Wextra", "-Werror", "-O1", "-o", path, source, *libraries])
        assert code == 0, f"{name} does not build:\n{text}"
        return None

    return _cached(name, Path(source).read_text(), make)


def node_modules(name, source):
    """A folder with the sources of `source` and its dependencies installed."""
    for tool, package in (("node", "nodejs"), ("npm", "npm")):
        if shutil.which(tool) is None:
            pytest.skip(f"{name}: no {tool} on this machine (package {package})")
    files = [p for p in sorted(Path(source).iterdir()) if p.is_file()]

    def make(path):
        path.mkdir()
        for file in files:
            shutil.copy(file, path)
        code, text = _run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=path)
        return f"packages cannot be had: {_last_lines(text)}" if code else None

    return _cached(name, "".join(p.read_text() for p in files), make)
