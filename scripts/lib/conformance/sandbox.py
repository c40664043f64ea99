"""Where a suite runs: a folder with the server first in PATH and, where the machine lets us, namespaces of its own for
network and processes. Suites use fixed ports: in a namespace they disturb nobody, and several runs can go on at once.
Servers that a failed test leaves running end with it."""
import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

UNSHARE = ["unshare", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
LOOPBACK_UP = 'ip link set lo up && exec "$@"'


@cache
def isolated():
    """Whether this machine gives us namespaces."""
    if not shutil.which("unshare") or not shutil.which("ip"):
        return False
    return subprocess.run([*UNSHARE, "true"], capture_output=True).returncode == 0


def in_sandbox(command):
    """The command as it has to be started."""
    command = [str(part) for part in command]
    return [*UNSHARE, "sh", "-c", LOOPBACK_UP, "sh", *command] if isolated() else command


def environment(work, label, server, **more):
    """The environment in which `nats-server` is this server. The suites look at its name, so it is a link."""
    folder = Path(work) / f"bin-{label}"
    folder.mkdir(parents=True, exist_ok=True)
    link = folder / "nats-server"
    link.unlink(missing_ok=True)
    link.symlink_to(Path(server).resolve())
    return {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", **more}


def run(command, cwd, log, env, timeout=None):
    """Runs to the end with everything it prints in `log`; the exit code, or None when time was up. Temporary files are
    its own: process ids, by which servers name theirs, begin anew in every namespace."""
    with open(log, "w") as out, tempfile.TemporaryDirectory(prefix="conformance-", ignore_cleanup_errors=True) as folder:
        try:
            return subprocess.run(in_sandbox(command), cwd=cwd, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                  env={**env, "TMPDIR": folder}, timeout=timeout).returncode
        except subprocess.TimeoutExpired:
            return None
