"""jose: tokens and keys in plain Python and by the openssl command: independent of all that the project
links."""
import base64
import json
import subprocess
import tempfile

_SPKI_P256 = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200")


def encode(data):
    """base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text):
    """The bytes of base64url without padding."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def split(token):
    """(header, payload, signature) as a dict, a dict and bytes."""
    header, payload, signature = token.split(".")
    return json.loads(decode(header)), json.loads(decode(payload)), decode(signature)


def openssl(*arguments, stdin=b""):
    """Runs openssl, returns its output; raises CalledProcessError."""
    return subprocess.run(["openssl", *map(str, arguments)], input=stdin, capture_output=True,
                          check=True).stdout


def public_pem(key):
    """The PEM of a JWK of P-256."""
    der = _SPKI_P256 + b"\x04" + decode(key["x"]) + decode(key["y"])
    text = base64.encodebytes(der).decode()
    return f"-----BEGIN PUBLIC KEY-----\n{text}-----END PUBLIC KEY-----\n"


def _integer(raw):
    raw = raw.lstrip(b"\0") or b"\0"
    raw = b"\0" + raw if raw[0] & 0x80 else raw
    return b"\x02" + bytes([len(raw)]) + raw


def verify(token, key):
    """Whether openssl accepts the ES256 signature with this JWK."""
    signed, _dot, signature = token.rpartition(".")
    raw = decode(signature)
    numbers = _integer(raw[:32]) + _integer(raw[32:])
    with tempfile.NamedTemporaryFile() as pem, tempfile.NamedTemporaryFile() as sig:
        pem.write(public_pem(key).encode())
        pem.flush()
        sig.write(b"\x30" + bytes([len(numbers)]) + numbers)
        sig.flush()
        done = subprocess.run(["openssl", "dgst", "-sha256", "-verify", pem.name, "-signature", sig.name],
                              input=signed.encode(), capture_output=True, check=False)
    return done.returncode == 0 and done.stdout == b"Verified OK\n"


class Signer:
    """A private key of openssl's: curve prime256v1 or secp521r1."""

    def __init__(self, curve="prime256v1"):
        self.size, self.digest = (32, "-sha256") if curve == "prime256v1" else (66, "-sha512")
        self.pem = openssl("ecparam", "-name", curve, "-genkey", "-noout")

    def sign(self, signed):
        """R || S over the text."""
        with tempfile.NamedTemporaryFile() as file:
            file.write(self.pem)
            file.flush()
            der = openssl("dgst", self.digest, "-sign", file.name, stdin=signed.encode())
        at, numbers = (3 if der[1] & 0x80 else 2), []
        while at < len(der):
            length = der[at + 1]
            numbers.append(int.from_bytes(der[at + 2:at + 2 + length], "big"))
            at += 2 + length
        return b"".join(number.to_bytes(self.size, "big") for number in numbers)

    def token(self, header, payload):
        """A compact JWS of two objects (or bytes, taken as they are)."""
        parts = [part if isinstance(part, bytes) else json.dumps(part, separators=(",", ":")).encode()
                 for part in (header, payload)]
        signed = ".".join(map(encode, parts))
        return f"{signed}.{encode(self.sign(signed))}"
