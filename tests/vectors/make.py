#!/usr/bin/env python3
"""Writes the vectors beside it: jwks.json and every accept-*.jwt and reject-*.jwt (README.md has the rules).

Its ECDSA is its own, plain and slow, so that the vectors owe nothing to the code they judge; its nonces
follow RFC 6979, so that a second run writes the same bytes. The signing key is the published one of
RFC 7515 A.3.
"""
import base64, glob, hashlib, hmac, json, os, re

HERE = os.path.dirname(os.path.abspath(__file__))


class Curve:
    def __init__(self, p, b, n, g, size, digest):
        self.p, self.b, self.n, self.g, self.size, self.digest = p, b, n, g, size, digest

    def add(self, a, b):
        if a is None or b is None:
            return a or b
        if a[0] == b[0] and (a[1] + b[1]) % self.p == 0:
            return None
        if a == b:
            m = (3 * a[0] * a[0] - 3) * pow(2 * a[1], -1, self.p)
        else:
            m = (b[1] - a[1]) * pow(b[0] - a[0], -1, self.p)
        x = (m * m - a[0] - b[0]) % self.p
        return x, (m * (a[0] - x) - a[1]) % self.p

    def multiply(self, k, point):
        result = None
        while k:
            if k & 1:
                result = self.add(result, point)
            point = self.add(point, point)
            k >>= 1
        return result

    def nonces(self, d, h):
        """RFC 6979 3.2"""
        size, bits = (self.n.bit_length() + 7) // 8, self.n.bit_length()
        short = int.from_bytes(h, "big") >> max(0, len(h) * 8 - bits)
        seed = d.to_bytes(size, "big") + (short % self.n).to_bytes(size, "big")
        mac = lambda key, text: hmac.new(key, text, self.digest).digest()
        key, v = bytes(len(h)), b"\1" * len(h)
        for i in (b"\0", b"\1"):
            key = mac(key, v + i + seed)
            v = mac(key, v)
        while True:
            text = b""
            while len(text) < size:
                v = mac(key, v)
                text += v
            k = int.from_bytes(text[:size], "big") >> (size * 8 - bits)
            if 0 < k < self.n:
                yield k
            key = mac(key, v + b"\0")
            v = mac(key, v)

    def sign(self, d, text):
        h = self.digest(text).digest()
        e = int.from_bytes(h, "big") >> max(0, len(h) * 8 - self.n.bit_length())
        for k in self.nonces(d, h):
            r = self.multiply(k, self.g)[0] % self.n
            s = pow(k, -1, self.n) * (e + r * d) % self.n
            if r and s:
                return r, s

    def text(self, *numbers):
        return b"".join(number.to_bytes(self.size, "big") for number in numbers)


P256 = Curve(
    2**256 - 2**224 + 2**192 + 2**96 - 1, 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B,
    0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    (0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
     0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5), 32, hashlib.sha256)
P521 = Curve(
    2**521 - 1,
    int("0051953eb9618e1c9a1f929a21a0b68540eea2da725b99b315f3b8b489918ef109"
        "e156193951ec7e937b1652c0bd3bb1bf073573df883d2c34f1ef451fd46b503f00", 16),
    int("01ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
        "fa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409", 16),
    (int("00c6858e06b70404e9cd9e3ecb662395b4429c648139053fb521f828af606b4d3d"
        "baa14b5e77efe75928fe1dc127a2ffa8de3348b3c1856a429bf97e7e31c2e5bd66", 16),
    int("011839296a789a3bc0045c8a5fb42c7d1bd998f54449579b446817afbd17273e66"
        "2c97ee72995ef42640c550b9013fad0761353c7086a272c24088be94769fd16650", 16)), 66, hashlib.sha512)


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def compact(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def jwk(curve, name, d):
    x, y = curve.multiply(d, curve.g)
    key = {"crv": name, "kty": "EC", "x": b64(curve.text(x)), "y": b64(curve.text(y))}
    kid = b64(hashlib.sha256(compact(key).encode()).digest())  # RFC 7638 3
    return dict(key, kid=kid)


def pem(key):
    """SubjectPublicKeyInfo of a P-256 key: what a confused verifier would take as an HMAC secret."""
    prefix = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")
    der = prefix + unb64(key["x"]) + unb64(key["y"])
    text = base64.b64encode(der).decode()
    lines = ["-----BEGIN PUBLIC KEY-----", *re.findall(".{1,64}", text), "-----END PUBLIC KEY-----"]
    return "\n".join(lines) + "\n"


ACTIVE = int.from_bytes(unb64("jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"), "big")
NEXT = int.from_bytes(hashlib.sha256(b"the next key").digest(), "big")
STRANGER = int.from_bytes(hashlib.sha256(b"a stranger's key").digest(), "big")
WIDE = int.from_bytes(hashlib.sha512(b"a key of another curve").digest(), "big")
active, following, stranger = (jwk(P256, "P-256", d) for d in (ACTIVE, NEXT, STRANGER))
wide = jwk(P521, "P-521", WIDE)

NOW = 1900000000
CLAIMS = {
    "iss": "https://login.example", "sub": "alice", "aud": "https://api.example", "client_id": "pam:sshd",
    "exp": NOW + 800, "iat": NOW - 100, "jti": "AAECAwQFBgcICQoLDA0ODw",
    "sid": "01890a5d-ac96-774b-bcce-b302099a8057", "realm": "default", "uid": 1000,
}
FULL = dict(
    CLAIMS, aud=["https://other.example", "https://api.example"], auth_time=NOW - 5000,
    amr=["key", "pwd"], role="admin", roles=["admin", "user"], reset=NOW - 90000,
    dev="00112233445566778899aabbccddeeff",
    status={"status_list": {"idx": 7, "uri": "https://login.example/status"}})
HEADER = {"alg": "ES256", "kid": active["kid"], "typ": "at+jwt"}


def encode(part):
    if not isinstance(part, (bytes, str)):
        part = compact(part)
    return b64(part if isinstance(part, bytes) else part.encode())


def unsigned(header, payload):
    return encode(header) + "." + encode(payload)


def token(payload=CLAIMS, header=HEADER, d=ACTIVE, curve=P256):
    text = unsigned(header, payload)
    return text + "." + b64(curve.text(*curve.sign(d, text.encode())))


def claims(**changes):
    return {name: value for name, value in dict(CLAIMS, **changes).items() if value is not ...}


def header(**changes):
    return {name: value for name, value in dict(HEADER, **changes).items() if value is not ...}


def vectors():
    good = token()
    head, body, signature = good.split(".")
    raw = unb64(signature)
    r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
    sealed = lambda *numbers: head + "." + body + "." + b64(P256.text(*numbers))
    mac = lambda text, secret: text + "." + b64(hmac.digest(secret.encode(), text.encode(), "sha256"))

    yield "accept-required-claims", good
    yield "accept-every-claim", token(FULL)
    yield "accept-next-key", token(header=header(kid=following["kid"]), d=NEXT)
    yield "accept-other-half-of-the-malleable-pair", sealed(r, P256.n - s)
    yield "accept-application-prefix", token(header=header(typ="application/at+jwt"))
    yield ("accept-header-in-another-order",
           token(header='{"typ":"at+jwt","kid":"%s","alg":"ES256"}' % active["kid"]))
    yield ("accept-header-with-white-space",
           token(header='\t{ "typ": "at+jwt",\r\n "kid": "%s", "alg": "ES256" } ' % active["kid"]))
    yield "accept-claims-with-white-space", token(json.dumps(CLAIMS, indent=2))
    yield ("accept-claims-with-escapes",
           token(compact(CLAIMS).replace("alice", "\\u0061lice").replace('"iss"', '"\\u0069ss"')))
    yield "accept-unknown-claims", token(claims(nbf="later", cnf={"jkt": ["x", {"y": None}]}))
    yield "accept-audience-of-one", token(claims(aud=["https://api.example"]))
    yield "accept-times-with-fractions", token(claims(exp=NOW + 1.5, iat=NOW - 0.25))
    yield "accept-times-with-exponents", token(compact(claims(exp=0)).replace('"exp":0', '"exp":1.9000001e9'))
    yield "accept-issued-this-second", token(claims(iat=NOW))
    yield "accept-last-second", token(claims(exp=NOW + 1))
    yield "accept-uid-as-a-real", token(claims(uid=1000.0))
    yield "accept-root", token(claims(uid=0, sub="root"))

    yield "reject-expired-this-second", token(claims(exp=NOW))
    yield "reject-expired-within-this-second", token(claims(exp=NOW + 0.5))
    yield "reject-expired-long-ago", token(claims(exp=1))
    yield "reject-expired-before-1970", token(claims(exp=-1e300))
    yield ("reject-expired-and-for-another-issuer",
           token(claims(exp=NOW, iss="https://evil.example", aud="x", realm="x")))
    yield "reject-not-yet-valid-next-second", token(claims(iat=NOW + 1))
    yield "reject-not-yet-valid-far-off", token(claims(iat=1e300))
    yield "reject-wrong-audience", token(claims(aud="https://api.example.evil"))
    yield "reject-wrong-audience-in-array", token(claims(aud=["https://api.exampl", "https://API.example"]))
    yield "reject-wrong-issuer", token(claims(iss="https://login.example/"))
    yield "reject-wrong-issuer-in-upper-case", token(claims(iss="https://LOGIN.example"))
    yield "reject-wrong-realm", token(claims(realm="defaul"))

    yield ("reject-wrong-algorithm-hs256-with-the-public-key",
           mac(unsigned(header(alg="HS256"), CLAIMS), pem(active)))
    yield "reject-wrong-algorithm-hs256-with-an-empty-key", mac(unsigned(header(alg="HS256"), CLAIMS), "")
    yield "reject-wrong-algorithm-none", unsigned(header(alg="none"), CLAIMS) + "."
    yield "reject-wrong-algorithm-none-with-signature", unsigned(header(alg="none"), CLAIMS) + "." + signature
    yield "reject-wrong-algorithm-lower-case", token(header=header(alg="es256"))
    yield "reject-wrong-algorithm-mixed-case", token(header=header(alg="Es256"))
    yield ("reject-wrong-algorithm-es512",
           token(header=header(alg="ES512", kid=wide["kid"]), d=WIDE, curve=P521))
    yield "reject-wrong-algorithm-rs256", unsigned(header(alg="RS256"), CLAIMS) + "." + b64(bytes(range(256)))
    yield "reject-wrong-algorithm-es256k", token(header=header(alg="ES256K"))
    yield "reject-wrong-algorithm-empty", token(header=header(alg=""))
    yield "reject-wrong-type-jwt", token(header=header(typ="JWT"))
    yield "reject-wrong-type-upper-case", token(header=header(typ="AT+JWT"))
    yield "reject-wrong-type-logout", token(header=header(typ="logout+jwt"))
    yield "reject-wrong-type-status-list", token(header=header(typ="statuslist+jwt"))
    yield "reject-wrong-type-empty", token(header=header(typ=""))
    yield "reject-unknown-key-of-a-stranger", token(header=header(kid=stranger["kid"]), d=STRANGER)
    yield "reject-unknown-key-of-another-curve", token(header=header(kid=wide["kid"]))
    yield "reject-unknown-key-skipped-for-its-use", token(header=header(kid="for-encryption"))
    yield "reject-unknown-key-empty", token(header=header(kid=""))
    yield "reject-unknown-key-with-a-path", token(header=header(kid="../../../dev/null"))
    yield "reject-bad-signature-of-a-stranger", token(d=STRANGER)
    yield "reject-bad-signature-of-another-of-our-keys", token(d=NEXT)
    yield "reject-bad-signature-of-another-token", head + "." + body + "." + token(FULL).split(".")[2]
    yield ("reject-bad-signature-over-other-claims",
           head + "." + encode(claims(sub="root", uid=0)) + "." + signature)
    yield ("reject-bad-signature-over-another-header",
           encode(header(typ="application/at+jwt")) + "." + body + "." + signature)
    yield "reject-bad-signature-of-zeros", sealed(0, 0)
    yield "reject-bad-signature-r-is-0", sealed(0, s)
    yield "reject-bad-signature-s-is-0", sealed(r, 0)
    yield "reject-bad-signature-r-is-n", sealed(P256.n, s)
    yield "reject-bad-signature-s-is-n", sealed(r, P256.n)
    yield "reject-bad-signature-r-plus-n", sealed((r + P256.n) % 2**256, s)
    yield "reject-bad-signature-of-ones", sealed(2**256 - 1, 2**256 - 1)
    yield "reject-bad-signature-swapped", sealed(s, r)

    for name, suffix in {"bang": "!", "dot": ".", "two-dots": "..", "two-bangs": "!!", "equals": "=",
                         "three-equals": "===", "newline": "\n", "carriage-return": "\r\n", "space": " ",
                         "nul": "\0", "a-letter": "A"}.items():
        yield "reject-malformed-signature-then-" + name, good + suffix
    for name, prefix in {"space": " ", "newline": "\n", "bearer": "Bearer ",
                         "byte-order-mark": "\ufeff"}.items():
        yield "reject-malformed-header-after-" + name, prefix + good
    # The last of 86 characters has four bits that stand for nothing.
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    yield "reject-malformed-signature-not-canonical", good[:-1] + alphabet[alphabet.index(good[-1]) + 1]
    body_raw = compact(CLAIMS) + " " * ((1 - len(compact(CLAIMS))) % 3)
    text = head + "." + encode(body_raw)[:-1] + alphabet[alphabet.index(encode(body_raw)[-1]) + 1]
    yield ("reject-malformed-claims-not-canonical",
           text + "." + b64(P256.text(*P256.sign(ACTIVE, text.encode()))))
    text = head + "." + encode(body_raw) + "=="
    yield "reject-malformed-claims-padded", text + "." + b64(P256.text(*P256.sign(ACTIVE, text.encode())))
    yield "reject-malformed-signature-in-standard-alphabet", head + "." + body + "." + "+" * 84 + "AA"
    yield "reject-malformed-signature-short", head + "." + body + "." + b64(raw[:63])
    yield "reject-malformed-signature-long", head + "." + body + "." + b64(raw + b"\0")
    yield ("reject-malformed-signature-in-der",
           head + "." + body + "." + b64(b"\x30\x44\x02\x20" + raw[:32] + b"\x02\x20" + raw[32:]))
    yield "reject-malformed-signature-of-p521", token(header=HEADER, d=WIDE, curve=P521)
    yield "reject-malformed-signature-empty", head + "." + body + "."
    yield "reject-malformed-no-signature", head + "." + body
    yield "reject-malformed-header-alone", head
    yield "reject-malformed-empty", ""
    yield "reject-malformed-one-dot", "."
    yield "reject-malformed-two-dots", ".."
    yield "reject-malformed-four-dots", "...."
    yield "reject-malformed-five-parts-like-jwe", head + ".." + body + "." + body + "." + signature
    yield "reject-malformed-no-header", "." + body + "." + signature
    yield "reject-malformed-no-claims", head + ".." + signature
    yield "reject-malformed-too-large", token(claims(pad="x" * 6200))

    stranger_jwk = {member: stranger[member] for member in ("kty", "crv", "x", "y")}
    for name, extra in {"crit": ["exp"], "jwk": stranger_jwk, "jku": "https://evil.example/jwks.json",
                        "x5u": "https://evil.example/cert", "x5c": ["MIIB"], "b64": False, "cty": "JWT",
                        "zip": "DEF", "enc": "A128GCM"}.items():
        yield "reject-malformed-header-with-" + name, token(header=header(**{name: extra}))
    yield "reject-malformed-header-with-empty-crit", token(header=header(crit=[]))
    yield "reject-malformed-header-with-its-own-key", token(
        header=header(jwk=stranger_jwk, kid=stranger["kid"]), d=STRANGER)
    for name in HEADER:
        yield "reject-malformed-header-without-" + name, token(header=header(**{name: ...}))
        yield "reject-malformed-header-with-a-number-as-" + name, token(header=header(**{name: 1}))
        yield "reject-malformed-header-with-null-as-" + name, token(header=header(**{name: None}))
        yield ("reject-malformed-header-with-an-array-as-" + name,
               token(header=header(**{name: [HEADER[name]]})))
        yield ("reject-malformed-header-with-two-of-" + name,
               token(header=compact(HEADER)[:-1] + ',"%s":"%s"}' % (name, HEADER[name])))
    yield ("reject-malformed-header-with-a-disguised-second-alg",
           token(header=compact(HEADER)[:-1] + ',"\\u0061lg":"none"}'))
    yield "reject-malformed-header-an-array", token(header=compact([HEADER]))
    yield "reject-malformed-header-a-string", token(header='"ES256"')
    yield "reject-malformed-header-not-json", token(header="alg=ES256")
    yield "reject-malformed-header-then-more", token(header=compact(HEADER) + "{}")
    yield "reject-malformed-header-then-nul", token(header=compact(HEADER) + "\0{}")
    yield ("reject-malformed-header-not-utf8",
           token(header=compact(header(kid="@")).encode().replace(b"@", b"\xff")))
    yield "reject-malformed-header-kid-too-long", token(header=header(kid="k" * 65))
    yield "reject-malformed-header-kid-with-nul", token(header=header(kid=active["kid"] + "\0"))
    yield "reject-malformed-header-typ-too-long", token(header=header(typ="t" * 33))
    yield "reject-malformed-header-too-long", token(header=compact(HEADER) + " " * 500)

    for name in CLAIMS:
        yield "reject-malformed-claims-without-" + name, token(claims(**{name: ...}))
        yield "reject-malformed-claims-with-null-as-" + name, token(claims(**{name: None}))
        yield ("reject-malformed-claims-with-two-of-" + name,
               token(compact(CLAIMS)[:-1] + ',"%s":%s}' % (name, compact(CLAIMS[name]))))
        wrong = str(CLAIMS[name]) if isinstance(CLAIMS[name], int) else 1
        if name == "aud":
            wrong = {"x": CLAIMS[name]}
        yield "reject-malformed-claims-with-another-type-as-" + name, token(claims(**{name: wrong}))
        if isinstance(CLAIMS[name], str):
            yield "reject-malformed-claims-with-an-empty-" + name, token(claims(**{name: ""}))
            yield ("reject-malformed-claims-with-a-nul-in-" + name,
                   token(claims(**{name: CLAIMS[name] + "\0"})))
    for name, size in {"iss": 256, "sub": 256, "aud": 256, "client_id": 68, "jti": 63, "sid": 36,
                       "realm": 64, "dev": 32, "role": 64}.items():
        yield "reject-malformed-claims-with-a-long-" + name, token(claims(**{name: "x" * (size + 1)}))
    for name, wrong in {"auth_time": "1", "amr": "pwd", "role": ["user"], "roles": "user", "reset": True,
                        "dev": 1, "status": 0}.items():
        yield "reject-malformed-claims-with-another-type-as-" + name, token(claims(**{name: wrong}))
        yield "reject-malformed-claims-with-null-as-" + name, token(claims(**{name: None}))
    yield "reject-malformed-claims-with-no-audience", token(claims(aud=[]))
    yield "reject-malformed-claims-with-a-number-as-audience", token(claims(aud=["https://api.example", 1]))
    yield "reject-malformed-claims-with-nine-audiences", token(claims(aud=["https://api.example"] * 9))
    yield "reject-malformed-claims-with-seventeen-roles", token(claims(roles=["r"] * 17))
    yield "reject-malformed-claims-with-a-number-as-role", token(claims(roles=["user", 1]))
    yield "reject-malformed-claims-with-a-long-method", token(claims(amr=["password"]))
    yield "reject-malformed-claims-with-nine-methods", token(claims(amr=["pwd"] * 9))
    yield "reject-malformed-claims-with-uid-below-0", token(claims(uid=-1))
    yield "reject-malformed-claims-with-uid-of-nobody-at-all", token(claims(uid=2**32 - 1))
    yield "reject-malformed-claims-with-uid-beyond-32-bits", token(claims(uid=2**32))
    yield "reject-malformed-claims-with-uid-of-a-fraction", token(claims(uid=0.5))
    yield ("reject-malformed-claims-with-a-disguised-second-sub",
           token(compact(CLAIMS)[:-1] + ',"\\u0073ub":"root"}'))
    yield "reject-malformed-claims-an-array", token(compact([CLAIMS]))
    yield "reject-malformed-claims-an-empty-array", token("[]")
    yield "reject-malformed-claims-a-string", token('"alice"')
    yield "reject-malformed-claims-then-nul", token(compact(CLAIMS) + '\0{"sub":"root"}')
    yield "reject-malformed-claims-then-more", token(compact(CLAIMS) + "{}")
    yield "reject-malformed-claims-not-json", token(compact(CLAIMS).replace('"', "'"))
    yield ("reject-malformed-claims-not-utf8",
           token(compact(CLAIMS).encode().replace(b"alice", b"al\xc0\xafce")))
    yield "reject-malformed-claims-with-a-lone-surrogate", token(compact(CLAIMS).replace("alice", "\\ud800"))
    yield "reject-malformed-claims-with-infinity", token(compact(CLAIMS).replace(str(NOW + 800), "Infinity"))
    yield "reject-malformed-claims-with-a-comma-too-many", token(compact(CLAIMS)[:-1] + ",}")
    yield ("reject-malformed-claims-too-deep",
           token(compact(CLAIMS)[:-1] + ',"x":' + "[" * 400 + "]" * 400 + "}"))
    yield "reject-malformed-claims-with-too-many-values", token(claims(x=[0] * 300))


for old in glob.glob(os.path.join(HERE, "*.jwt")):
    os.unlink(old)
for name, text in vectors():
    with open(os.path.join(HERE, name + ".jwt"), "xb") as out:
        out.write(text.encode())
signing = {"use": "sig", "alg": "ES256"}
keys = [
    dict(active, **signing, note="not known to RFC 7517", key_ops=["verify"]), dict(following),
    dict(wide, use="sig", alg="ES512"), dict(active, use="enc", kid="for-encryption"),
    {"kty": "RSA", "kid": "rsa", "use": "sig", "alg": "RS256", "n": "AQAB", "e": "AQAB"},
    {"kty": "oct", "kid": "secret", "k": "c2VjcmV0"},
    {"kty": "EC", "crv": "P-256", "x": "no kid", "y": "no matter"},
]
with open(os.path.join(HERE, "jwks.json"), "w") as out:
    json.dump({"keys": keys, "more": None}, out, indent=1)
    out.write("\n")
