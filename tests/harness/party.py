"""party: libraries that we did not write, which judge our tokens and make some for us to judge. Each is asked
by a small program, tests/interop/party_NAME, that takes a JSON array of jobs and answers with one of answers:

    {"do": "verify", token, jwks, issuer, audience, typ, now?}   {"claims": {…}}
    {"do": "sign", header, claims, key?, embed?}                 {"token": "…"}
    {"do": "open", token, jwks}    (jose alone)                  {"text": "…"}

or {"refused": "why"}. now: seconds, instead of the party's clock. key: a private JWK, or {"secret":
base64url}, or none: the party makes one for the header's alg, and with embed puts its public side into the
header."""
import contextlib
import ctypes
import functools
import json
import pathlib
import shutil
import subprocess
import tempfile

from .paths import BUILD, ROOT
from .skip import Skip

SOURCES = ROOT / "tests" / "interop"
INSTALLED = BUILD / "interop"
_SYSTEM_PYTHON = "/usr/bin/python3"  # the one that Debian's packages are for


@contextlib.contextmanager
def node_folder():
    """A folder of programs as they stand in tests/interop, in which node finds what npm has installed."""
    with tempfile.TemporaryDirectory(prefix="party-") as folder:
        for program in SOURCES.glob("*.mjs"):
            shutil.copy(program, folder)
        pathlib.Path(folder, "node_modules").symlink_to(INSTALLED / "node_modules")
        yield folder


@functools.cache
def why_no_node():
    """Why there are no parties of npm's; None if there are."""
    if not shutil.which("node"):
        return "node is missing"
    if not (INSTALLED / "installed").exists():
        log = INSTALLED / "npm.log"
        lines = log.read_text("utf-8", "replace").splitlines() if log.exists() else ["make test-build does"]
        return f"npm did not install jose and jsonwebtoken: {next(filter(None, lines), 'no answer')}"
    return None


@functools.cache
def why_no_python():
    """Why there is no PyJWT; None if there is."""
    command = [_SYSTEM_PYTHON, "-c", "import jwt, cryptography"]
    if not pathlib.Path(_SYSTEM_PYTHON).exists() or subprocess.run(command, capture_output=True).returncode:
        return "python3-jwt or python3-cryptography is missing"
    return None


class Party:
    """One library."""

    def __init__(self, name, program, why_not):
        self.name = name
        self._program = program
        self.why_not = why_not

    def __repr__(self):
        return self.name

    def need(self):
        """Skips where the machine does not have it."""
        if reason := self.why_not():
            raise Skip(reason)

    def ask(self, jobs):
        """The answers to some jobs."""
        self.need()
        if self._program.endswith(".py"):
            return self._run([_SYSTEM_PYTHON, "-I", str(SOURCES / self._program)], jobs)
        with node_folder() as folder:
            return self._run(["node", f"{folder}/{self._program}"], jobs)

    @staticmethod
    def _run(command, jobs):
        done = subprocess.run(command, input=json.dumps(jobs).encode(), capture_output=True, timeout=60,
                              check=False)
        assert done.returncode == 0, done.stderr.decode(errors="replace")
        answers = json.loads(done.stdout)
        assert len(answers) == len(jobs)
        return answers

    def verify(self, *tokens, **rules):
        """The answers to tokens, judged by these rules; or, in a dict with a token, by some of its own."""
        return self.ask([{"do": "verify", **rules, **(token if isinstance(token, dict) else {"token": token})}
                         for token in tokens])

    def sign(self, *wishes):
        """The answers to wishes for tokens: dicts of header, claims, key and embed."""
        return self.ask([{"do": "sign", **wish} for wish in wishes])


JOSE = Party("jose", "party_jose.mjs", why_no_node)
JSONWEBTOKEN = Party("jsonwebtoken", "party_jsonwebtoken.mjs", why_no_node)
PYJWT = Party("PyJWT", "party_pyjwt.py", why_no_python)
ALL = (JOSE, JSONWEBTOKEN, PYJWT)


def present():
    """Those that are here; skips if none is."""
    found = [party for party in ALL if not party.why_not()]
    if not found:
        raise Skip("; ".join(sorted({party.why_not() for party in ALL})))
    return found


class Libjwt:
    """Debian's libjwt as applications link it: signature, alg and typ are all that it judges."""

    def __init__(self):
        try:
            self._library = ctypes.CDLL("libjwt.so.0")
        except OSError as error:
            raise Skip("libjwt.so.0 is missing") from error
        self._library.jwt_get_grants_json.restype = ctypes.c_void_p

    def claims(self, token, pem):
        """The claims by jwt_decode, None if that refuses it."""
        jwt = ctypes.c_void_p()
        if self._library.jwt_decode(ctypes.byref(jwt), token.encode(), pem.encode(), len(pem)):
            return None
        text = self._library.jwt_get_grants_json(jwt, None)
        claims = json.loads(ctypes.string_at(text))
        ctypes.CDLL(None).free(ctypes.c_void_p(text))
        self._library.jwt_free(jwt)
        return claims
