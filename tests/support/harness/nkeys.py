"""Nkeys: Ed25519 keys in the text form of NATS, and signatures with them."""
import base64

from nacl.signing import SigningKey

KINDS = {"user": 20 << 3, "account": 0, "server": 13 << 3}


def crc16(data):
    crc = 0
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xFFFF
    return crc


def text(prefix, key):
    raw = bytes(prefix) + key
    return base64.b32encode(raw + crc16(raw).to_bytes(2, "little")).decode().rstrip("=")


class Nkey:
    """A fresh key pair of a user, or of another kind."""

    def __init__(self, kind="user"):
        self.key = SigningKey.generate()
        self.public = text([KINDS[kind]], bytes(self.key.verify_key))
        first = 18 << 3 | KINDS[kind] >> 5
        self.seed = text([first, (KINDS[kind] & 31) << 3], bytes(self.key))

    def sign(self, nonce, encode=base64.urlsafe_b64encode):
        signature = encode(self.key.sign(nonce.encode()).signature).decode()
        return signature if encode is base64.b64encode else signature.rstrip("=")

    def credentials(self, info, **more):
        """What CONNECT says to the challenge in INFO."""
        return {"nkey": self.public, "sig": self.sign(info["nonce"]), **more}
