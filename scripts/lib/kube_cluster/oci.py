"""Container images as one file that every runtime can import (an OCI image layout in a tar), made
without a container builder: one layer, given as a directory."""
import hashlib
import io
import json
import platform
import shutil
import tarfile
import tempfile
from pathlib import Path

EPOCH = "1970-01-01T00:00:00Z"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def _layer(root):
    """The directory as an uncompressed tar; equal contents give equal bytes. Owners are kept, because
    a volume's directory may belong to the user that the image runs as."""
    def normal(entry):
        entry.mtime = 0
        entry.uname = entry.gname = ""
        return entry

    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for path in sorted(Path(root).rglob("*")):
            tar.add(path, arcname=str(path.relative_to(root)), recursive=False, filter=normal)
    return out.getvalue()


class Layout:
    """The files of an image layout, in memory: these images are small."""

    def __init__(self):
        self.blobs = {}
        self.manifests = []

    def blob(self, media_type, data):
        digest = hashlib.sha256(data).hexdigest()
        self.blobs[digest] = data
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(data)}

    def json(self, media_type, value):
        return self.blob(media_type, json.dumps(value, sort_keys=True).encode())

    def write(self, path):
        index = {"schemaVersion": 2, "manifests": self.manifests}
        files = {"oci-layout": b'{"imageLayoutVersion": "1.0.0"}', "index.json": json.dumps(index).encode()}
        files.update({f"blobs/sha256/{digest}": data for digest, data in self.blobs.items()})
        with tarfile.open(path, "w") as tar:
            for name, data in files.items():
                entry = tarfile.TarInfo(name)
                entry.size = len(data)
                tar.addfile(entry, io.BytesIO(data))


def write(path, root, config, names):
    """`config` is the image configuration's part of that name (User, Entrypoint, ...). Every name gets an
    image of its own, with the name as a label: who changes from one to the other changes something."""
    layout = Layout()
    architecture = ARCHITECTURES.get(platform.machine(), platform.machine())
    data = _layer(root)
    layer = layout.blob("application/vnd.oci.image.layer.v1.tar", data)
    for name in names:
        labels = {**config.get("Labels", {}), "org.opencontainers.image.ref.name": name}
        image = layout.json("application/vnd.oci.image.config.v1+json", {
            "architecture": architecture, "os": "linux", "created": EPOCH,
            "config": {**config, "Labels": labels},
            "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]},
            "history": [{"created": EPOCH, "created_by": "natrix"}],
        })
        manifest = layout.json(MANIFEST, {"schemaVersion": 2, "mediaType": MANIFEST, "config": image,
                                          "layers": [layer]})
        # The first annotation is containerd's name for the image, the second everybody's.
        layout.manifests.append({**manifest, "annotations": {
            "io.containerd.image.name": name,
            "org.opencontainers.image.ref.name": name.rsplit(":", 1)[-1]}})
    layout.write(path)


def single_program(path, program, name):
    """An image of nothing but one static program, run as user 1000."""
    with tempfile.TemporaryDirectory() as root:
        target = Path(root) / "program"
        shutil.copy(program, target)
        target.chmod(0o755)
        write(path, root, {"Entrypoint": ["/program"], "User": "1000:1000"}, [name])
