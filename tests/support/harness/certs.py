"""Certificates for tests, made on the spot with the openssl tool: an authority and what it signs."""
import ssl
import subprocess
from pathlib import Path


def _openssl(*args):
    done = subprocess.run(["openssl", *map(str, args)], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 0, f"openssl {args}: {done.stderr}"
    return done.stdout


class Pair:
    """A certificate with its key, as files."""

    def __init__(self, cert, key):
        self.cert, self.key = cert, key

    def serial(self):
        return _openssl("x509", "-in", self.cert, "-noout", "-serial").strip().split("=")[1].lower()

    def block(self, ca=None, more=""):
        """The inside of a tls block."""
        authority = f'ca_file: "{ca}"' if ca else ""
        return f'cert_file: "{self.cert}"\nkey_file: "{self.key}"\n{authority}\n{more}\n'


class Authority:
    def __init__(self, folder, name="test authority"):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.ca = self.folder / "ca.pem"
        self._key = self.folder / "ca.key"
        _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", 2,
                 "-subj", f"/CN={name}", "-keyout", self._key, "-out", self.ca)

    def issue(self, name, subject=None, alt_names=("DNS:localhost", "IP:127.0.0.1"), days=1):
        """`name` names the files; issuing again replaces them, as a rotation does."""
        cert, key, request, extensions = (self.folder / f"{name}.{end}" for end in ("pem", "key", "csr", "ext"))
        _openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-multivalue-rdn",
                 "-subj", subject or f"/CN={name}", "-keyout", key, "-out", request)
        extensions.write_text(f"subjectAltName={','.join(alt_names)}" if alt_names else "")
        _openssl("x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", self._key, "-CAcreateserial",
                 "-days", days, "-extfile", extensions, "-out", cert)
        return Pair(cert, key)

    def context(self, pair=None, versions=None):
        """What a client of Python's ssl needs."""
        context = ssl.create_default_context(cafile=self.ca)
        if pair:
            context.load_cert_chain(pair.cert, pair.key)
        if versions:
            context.minimum_version = context.maximum_version = versions
        return context
