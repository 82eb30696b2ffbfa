"""seeds.py DIR: what the fuzzers begin with when their corpora are made anew (`make fuzz-corpus`): for each
that reads text or frames a folder of small inputs that are mostly right, so that what is a step away from
right is soon found."""
import base64
import json
import pathlib
import re
import struct
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests/fuzz")]
sys.dont_write_bytecode = True

import api_seeds
from harness import frame

VECTORS = ROOT / "tests/vectors"
AS_TOKEN, AS_HEADER, AS_CLAIMS = b"\0", b"\1", b"\2"

SID = "01a20404-3ca7-7d16-a733-92198d5747bc"
CONFIG = """[daemon]
uncounted_keys = SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
[token]
issuer = https://a.example
audience = https://api.example
refresh_grace = 30s
key_lifetime = 30d
[services]
counted = sshd gdm-*
[policy staff]
groups = staff
users = alice b*
max_devices = 3
on_limit = deny
roles = wheel=admin staff=manager
role_default =
[realm shop]
issuer = https://shop.example
[policy default]
enforce = no
session_ttl = 12h
exempt = root @wheel
"""
CALLS = [
    {"method": "org.sessjwt.ListSessions", "parameters": {"user": "alice", "all": False}, "more": True},
    {"method": "org.sessjwt.Introspect", "parameters": {"token": "a.b.c", "roles": ["admin", "user"]}},
    {"method": "a.b", "parameters": {"text": "\u00e9\n", "number": -7, "flag": True, "list": ["x", ""]},
     "oneway": True},
    {"error": "org.sessjwt.SessionNotFound", "parameters": {"sessionId": SID}},
    {"parameters": {"a": {"b": [1, 2.5e3, None, [], {}]}}, "continues": True},
]


def configs():
    """The shipped file, each section with its defaults; the examples; some mistakes."""
    yield CONFIG.encode()
    shipped = re.sub(r"^#(?=\w+ =)", "", (ROOT / "daemon/sessjwtd.conf").read_text("utf-8"), flags=re.M)
    shipped = re.sub(r"^#.*\n", "", shipped, flags=re.M)
    for section in re.split(r"^(?=\[)", shipped, flags=re.M):
        yield section.encode()
    for example in sorted((ROOT / "doc/examples").glob("*.conf")):
        text = re.sub(r"^#.*\n|^\n", "", example.read_text("utf-8"), flags=re.M)
        for section in re.split(r"^(?=\[)", text, flags=re.M):
            yield section.encode()
    for line in ("roles = a=", "roles = =b", "roles = @x=y", "groups = a* @b", "exempt = @", "services = *x",
                 "users = " + "a" * 300, "users = " + " ".join(f"u{i}" for i in range(200)),
                 "roles = " + " ".join(f"g{i}=r{i}" for i in range(17)), "max_devices = -1",
                 "session_ttl = 1", "access_ttl = 0", "on_limit = perhaps", "enforce = 2", "realm = none",
                 "terminate = all"):
        yield f"[policy p]\n{line}\n".encode()


def decoded(part):
    """base64url, also where it is wrong."""
    try:
        return base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4))
    except ValueError:
        return part


def tokens():
    """The vectors, as tokens and as headers and claims that the fuzzer signs."""
    for path in sorted(VECTORS.glob("*.jwt")):
        token = path.read_bytes().strip()
        if len(token) > 4096:
            continue
        parts = token.split(b".")
        if "bad-signature" in path.name or path.name.startswith("accept"):
            yield AS_TOKEN + token
        if len(parts) == 3:
            yield AS_HEADER + decoded(parts[0])
            yield AS_CLAIMS + decoded(parts[1])


def frames():
    """One of each phase, and replies."""
    for phase in range(1, 10):
        yield frame.request(phase, session_id=SID, groups=(1, 2), tty="pts/1", ruser="bob",
                            auth_info="password\n", ssh_connection="192.0.2.1 1 192.0.2.2 22")
        yield b"SJWR" + struct.pack("<HHI", 1, phase, 12 + 39 + 5) + frame.text(SID) + frame.text("no")


def texts(values):
    """As JSON."""
    return [json.dumps(value, separators=(",", ":")).encode() for value in values]


def main():
    """A folder for each fuzzer."""
    jwks = json.loads((VECTORS / "jwks.json").read_text("utf-8"))
    seeds = {
        "api": api_seeds.seeds(),
        "config": configs(),
        "frame": frames(),
        "json": [b"\0" + text for text in texts(CALLS)] + texts(CALLS),
        "jwks": texts([jwks, {"keys": jwks["keys"][:1]}]),
        "message": texts(CALLS),
        "options": [b"realm=shop\ntimeout=1s\non_error=deny\nquiet", b"socket=/x\nbreak_glass=g\ndebug"],
        "token": tokens(),
    }
    for name, inputs in seeds.items():
        folder = pathlib.Path(sys.argv[1]) / name
        folder.mkdir(parents=True, exist_ok=True)
        for i, content in enumerate(inputs):
            (folder / f"seed-{i}").write_bytes(content)


if __name__ == "__main__":
    main()
