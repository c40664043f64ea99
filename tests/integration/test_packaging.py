"""What people get: the file system of the images, the manifests, the chart."""
import json
import os
import re
import shutil
import subprocess

import pytest
import yaml

from harness import toolchains
from harness.server import ROOT, wait_until

DOCKERFILE = (ROOT / "Dockerfile").read_text()


def output(command, **options):
    done = subprocess.run([str(c) for c in command], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=120, **options)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


# --- images


def rootfs(part, tmp_path_factory):
    if not (ROOT / f"build/bin/natrix-{part}").exists():
        pytest.fail(f"build/bin/natrix-{part} is not built")
    if shutil.which("busybox") is None:
        pytest.skip("the image's file system needs busybox (scripts/install-deps rootfs)")
    folder = tmp_path_factory.mktemp(part)
    output([ROOT / "scripts/image/make-rootfs", part, folder])
    return folder


@pytest.fixture(scope="module")
def broker_image(tmp_path_factory):
    return rootfs("broker", tmp_path_factory)


@pytest.fixture(scope="module")
def operator_image(tmp_path_factory):
    return rootfs("operator", tmp_path_factory)


def inside(folder, *command):
    """As in a container: nothing of this machine but what the image holds."""
    enter = ["chroot"] if os.geteuid() == 0 else ["unshare", "-r", "chroot"]
    if os.geteuid() != 0 and subprocess.run(["unshare", "-r", "true"], capture_output=True).returncode:
        pytest.skip("chroot needs root or user namespaces")
    return [*enter, str(folder), "/usr/bin/env" if (folder / "usr/bin/env").exists() else "/bin/env", "-i",
            "PATH=/usr/local/bin:/bin", *command]


def test_the_broker_image_answers_to_the_official_names(broker_image):
    for command in (["nats-server", "-v"], ["/nats-server", "-v"], ["docker-entrypoint.sh", "-v"],
                    ["docker-entrypoint.sh", "nats-server", "-v"]):
        assert re.fullmatch(r"nats-server: v\d+\.\d+\.\d+\S*\n", output(inside(broker_image, *command)))
    output(inside(broker_image, "nats-server", "-t", "-c", "/etc/nats/nats-server.conf"))
    output(inside(broker_image, "nats-server", "-t", "-c", "/nats-server.conf"))


def test_the_broker_image_can_be_asked_from_inside(broker_image, start):
    server = start()
    answer = output(inside(broker_image, "wget", "-qO-", server.url("monitoring") + "/healthz"))
    assert json.loads(answer) == {"status": "ok"}
    output(inside(broker_image, "sh", "-c", "nslookup --help 2>&1 | grep -q Usage"))


def test_the_operator_image_runs(operator_image):
    assert output(inside(operator_image, "natrix-operator", "--version")).strip()


@pytest.mark.parametrize("part, limit_mb", [("broker", 40), ("operator", 60)])
def test_images_are_small(part, limit_mb, tmp_path_factory):
    folder = rootfs(part, tmp_path_factory)
    size = sum(p.lstat().st_size for p in folder.rglob("*") if p.is_file() and not p.is_symlink())
    assert size < limit_mb << 20, f"{size >> 20} MB"


def test_images_do_not_run_as_root():
    stages = re.split(r"^FROM ", DOCKERFILE, flags=re.M)[1:]
    for name in ("broker", "operator"):
        stage = next(s for s in stages if re.match(rf"\S+ AS {name}$", s.splitlines()[0]))
        assert re.search(r"^USER 1000:1000$", stage, re.M), name
