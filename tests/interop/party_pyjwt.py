"""PyJWT, with cryptography, verifies and signs: a JSON array of jobs on standard input, one of answers on
standard output (tests/harness/party.py says what they are). It knows no typ, so that falls to its caller."""
import base64
import datetime
import json
import sys

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

_CURVES = {"ES256": ec.SECP256R1, "ES384": ec.SECP384R1, "ES512": ec.SECP521R1}
_REQUIRED = ["iss", "sub", "aud", "exp", "iat", "jti"]


def _set_clock(now):
    """PyJWT asks datetime for the time and can be told none."""
    class Clock(datetime.datetime):
        """A clock that stands, or goes if now is None."""
        @classmethod
        def now(cls, tz=None):
            return datetime.datetime.now(tz) if now is None else datetime.datetime.fromtimestamp(now, tz)
    jwt.api_jwt.datetime = Clock


def verify(token, jwks, issuer, audience, typ, now=None):
    """Its claims."""
    header = jwt.get_unverified_header(token)
    if header.get("typ") not in (typ, f"application/{typ}"):
        return {"refused": f"typ is {header.get('typ')}"}
    key = jwt.PyJWKSet.from_dict(jwks)[header.get("kid")].key
    _set_clock(now)
    return {"claims": jwt.decode(token, key, algorithms=["ES256"], issuer=issuer, audience=audience,
                                 options={"require": _REQUIRED})}


def sign(header, claims, key=None, embed=False):
    """A token."""
    algorithm = header["alg"]
    if key and "secret" in key:
        key = base64.urlsafe_b64decode(key["secret"] + "=" * (-len(key["secret"]) % 4))
    elif key:
        key = jwt.PyJWK(key, algorithm).key
    elif algorithm != "none":
        key = ec.generate_private_key(_CURVES[algorithm]())
        if embed:
            header["jwk"] = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(key.public_key()))
    return {"token": jwt.encode(claims, key, algorithm, headers=header)}


def answer(job):
    """One job's."""
    try:
        return {"verify": verify, "sign": sign}[job.pop("do")](**job)
    except Exception as error:  # a TypeError, say, at a claim of another type: whatever it is, it is no yes
        return {"refused": f"{type(error).__name__}: {error}"}


json.dump([answer(job) for job in json.load(sys.stdin)], sys.stdout)
