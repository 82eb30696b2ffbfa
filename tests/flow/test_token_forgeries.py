"""Tokens that somebody altered, signed himself, cut or padded: never accepted, and the reason is told to
those alone who may know it."""
import hashlib
import hmac
import json
import string

from harness import Clock, Daemon, Host, PamLogin, PamStack, Varlink, VarlinkError, jose

ALPHABET = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
GROUP_ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551

host = Host()
host.add_group("sessjwt-admin", ["bob"])
PamStack(host, "sshd", like="bare")
clock = Clock(host.dir / "clock")
daemon = Daemon(host, "[realm web]\n[policy default]\naccess_ttl = 1h\n", clock=clock).start()
login = PamLogin(host, "alice", environment={"SSH_AUTH_INFO_0": "password\n"})
root, alice, bob, mallory = (Varlink(daemon, user=user) for user in (None, "alice", "bob", "mallory"))


def mint():
    """A good token of alice's."""
    return alice.call("MintToken", sessionId=login.sid)["accessToken"]


good = mint()
header, claims, _signature = jose.split(good)
key, = (one for one in root.call("GetKeys")["keys"] if one["kid"] == header["kid"])


def reason_of(token):
    """Why it is refused, told to root and to admins; the owner of a token whose signature is not good is told
    no more than anybody: nobody can say that it is his."""
    said = root.call("Introspect", token=token)
    assert set(said) == {"active", "reason"} and said["active"] is False, said
    assert bob.call("Introspect", token=token) == said
    for client in (alice, mallory):
        assert client.call("Introspect", token=token) == {"active": False}
    return said["reason"]


def sign_with(signer, new_header=None, new_claims=None):
    """A token of our claims, by another key."""
    return signer.token(header | (new_header or {}), claims | (new_claims or {}))


def still_good():
    """The token that all the others were made from."""
    return alice.call("Introspect", token=good)["active"]


def test_the_token_that_is_altered_below_is_good():
    assert still_good() and jose.verify(good, key)


def test_a_token_altered_in_any_character_is_refused():
    for place in range(len(good)):
        if good[place] == ".":
            continue
        other = ALPHABET[(ALPHABET.index(good[place]) + 1 + place % 62) % 64]
        token = good[:place] + other + good[place + 1:]
        assert root.call("Introspect", token=token)["active"] is False, (place, token)
    assert still_good()


def test_each_part_altered_has_its_reason():
    parts = good.split(".")
    for change, reasons in (({"sub": "root"}, "bad-signature"), ({"uid": 0}, "bad-signature"),
                            ({"exp": claims["exp"] + 86400}, "bad-signature"),
                            ({"sid": "019ab000-0000-7000-8000-00001a2b3c4d"}, "bad-signature"),
                            ({"role": "admin"}, "bad-signature")):
        payload = jose.encode(json.dumps(claims | change).encode())
        assert reason_of(f"{parts[0]}.{payload}.{parts[2]}") == reasons, change
    signature = bytearray(jose.decode(parts[2]))
    signature[10] ^= 1
    assert reason_of(f"{parts[0]}.{parts[1]}.{jose.encode(signature)}") == "bad-signature"
    assert reason_of(f"{parts[0]}.{parts[1]}.{jose.encode(bytes(64))}") == "bad-signature"
    other = jose.encode(json.dumps(header | {"kid": "A" * 43}).encode())
    assert reason_of(f"{other}.{parts[1]}.{parts[2]}") == "unknown-key"


def test_a_signature_of_numbers_out_of_range_is_refused():
    parts = good.split(".")
    raw = jose.decode(parts[2])
    r, s = raw[:32], int.from_bytes(raw[32:], "big")
    for numbers in (r + GROUP_ORDER.to_bytes(32, "big"), bytes(32) + raw[32:], r + bytes(32),
                    b"\xff" * 64, GROUP_ORDER.to_bytes(32, "big") + raw[32:]):
        assert reason_of(f"{parts[0]}.{parts[1]}.{jose.encode(numbers)}") == "bad-signature"
    # The twin of an ECDSA signature verifies everywhere; it is the same token, and ends with its session.
    twin = f"{parts[0]}.{parts[1]}.{jose.encode(r + (GROUP_ORDER - s).to_bytes(32, 'big'))}"
    assert root.call("Introspect", token=twin)["jti"] == claims["jti"]


def test_hs256_with_the_public_key_is_refused():
    for secret in (jose.public_pem(key).encode(), json.dumps(key).encode(), b"",
                   b"\x04" + jose.decode(key["x"]) + jose.decode(key["y"])):
        for name in ("HS256", "hs256"):
            signed = ".".join(jose.encode(json.dumps(part).encode())
                              for part in (header | {"alg": name}, claims))
            mac = hmac.new(secret, signed.encode(), hashlib.sha256).digest()
            assert reason_of(f"{signed}.{jose.encode(mac)}") == "wrong-algorithm"


def test_no_algorithm_is_refused():
    parts = good.split(".")
    for name in ("none", "None", "NONE", "nOnE", "", "ES384", "es256", "ES256 ", "RS256"):
        first = jose.encode(json.dumps(header | {"alg": name}).encode())
        for signature in (parts[2], jose.encode(bytes(64))):
            assert reason_of(f"{first}.{parts[1]}.{signature}") == "wrong-algorithm", name
        assert reason_of(f"{first}.{parts[1]}.") in ("wrong-algorithm", "malformed"), name


def test_the_signature_of_another_key_is_refused():
    signer = jose.Signer()
    assert reason_of(sign_with(signer)) == "bad-signature"
    assert reason_of(sign_with(signer, {"kid": "another"})) == "unknown-key"


def test_the_signature_of_a_p521_key_is_refused():
    signer = jose.Signer("secp521r1")
    assert reason_of(sign_with(signer, {"alg": "ES512"})) == "wrong-algorithm"
    assert reason_of(sign_with(signer)) == "malformed"
    cut = sign_with(signer)
    signed, _dot, signature = cut.rpartition(".")
    assert reason_of(f"{signed}.{jose.encode(jose.decode(signature)[:64])}") == "bad-signature"


def test_a_header_that_brings_its_own_key_is_refused():
    signer = jose.Signer()
    own = {"kty": "EC", "crv": "P-256", "x": key["x"], "y": key["y"]}
    for more in ({"jwk": own}, {"jku": "https://evil.example/jwks.json"}, {"x5u": "https://evil.example"},
                 {"crit": ["exp"]}, {"b64": False}, {"zip": "DEF"}, {"cty": "JWT"}):
        assert reason_of(sign_with(signer, more)) == "malformed", more
    for missing in ("alg", "kid", "typ"):
        rest = {name: value for name, value in header.items() if name != missing}
        assert reason_of(signer.token(rest, claims)) == "malformed", missing


def test_a_header_with_a_member_twice_is_refused():
    parts = good.split(".")
    for text in ('{"alg":"none","alg":"ES256","kid":"%s","typ":"at+jwt"}',
                 '{"alg":"ES256","alg":"none","kid":"%s","typ":"at+jwt"}',
                 '{"alg":"ES256","kid":"x","kid":"%s"}', '["ES256","%s","at+jwt"]', '"%s"', '{"kid":"%s"'):
        first = jose.encode((text % key["kid"]).encode())
        assert reason_of(f"{first}.{parts[1]}.{parts[2]}") == "malformed", text


def test_a_truncated_token_is_refused():
    for length in list(range(0, len(good), 7)) + [len(good) - 1, len(good) - 2, len(good) - 3]:
        assert root.call("Introspect", token=good[:length])["active"] is False, length
        assert root.call("Introspect", token=good[len(good) - length:])["active"] is False, length
    for part in range(3):
        parts = good.split(".")
        parts[part] = ""
        assert reason_of(".".join(parts)) == "malformed"
    assert reason_of(good.rpartition(".")[0]) == "malformed"


def test_a_padded_token_is_refused():
    parts = good.split(".")
    padded = [".".join(part + "=" * (-len(part) % 4) for part in parts), good + "=", good + "==", good + ".",
              "." + good, good + "." + parts[2], good + " ", " " + good, good + "A", good + "AA",
              good + "AAAA",
              good.replace(".", ". ", 1), good.replace(".", "..", 1), good + "#", f"Bearer {good}",
              good + "," + good, good + "\u00e9", ".".join([parts[0] + "A"] + parts[1:])]
    for token in padded:
        assert reason_of(token) == "malformed", token
    with_plus = good.replace("-", "+").replace("_", "/")
    if with_plus != good:
        assert reason_of(with_plus) == "malformed"


def test_bits_behind_the_last_byte_are_no_other_spelling_of_a_token():
    spellings = 0
    for part in range(3):
        parts = good.split(".")
        spare = {2: 4, 3: 2}.get(len(parts[part]) % 4, 0)
        for bits in range(1, 1 << spare):
            parts = good.split(".")
            last = ALPHABET[ALPHABET.index(parts[part][-1]) | bits]
            if last == parts[part][-1]:
                continue
            parts[part] = parts[part][:-1] + last
            assert reason_of(".".join(parts)) == "malformed"
            spellings += 1
    assert spellings > 0


def test_a_token_longer_than_eight_kib_is_refused():
    signer = jose.Signer()
    longest = "x" * (8192 - len(good) - 1)
    assert reason_of(good + "." + longest) == "malformed"
    for token in (good + "A" * 8192, "A" * 20000, sign_with(signer, None, {"pad": "x" * 9000})):
        try:
            root.call("Introspect", token=token)
            raise AssertionError("it was looked at")
        except VarlinkError as error:
            assert (error.name, error.parameters) == ("org.varlink.service.InvalidParameter",
                                                      {"parameter": "token"})
    assert still_good()


def test_what_is_no_token_at_all_is_refused():
    for token in ("", ".", "..", "...", "a.b.c", "null", "{}", "eyJhbGciOiJub25lIn0.e30.", "\u2603",
                  "sjr1_abc"):
        assert reason_of(token) == "malformed", token


def test_a_token_of_another_daemon_is_refused():
    (host.dir / "elsewhere").mkdir()
    other = Daemon(host, runtime_dir=host.dir / "elsewhere").start()
    PamStack(host, "elsewhere", like="bare", socket=other.login_socket)
    there = PamLogin(host, "alice", service="elsewhere")
    theirs = Varlink(other, user="alice").call("MintToken", sessionId=there.sid)["accessToken"]
    assert Varlink(other).call("Introspect", token=theirs)["active"]
    assert reason_of(theirs) == "unknown-key"
    parts = theirs.split(".")
    ours = jose.encode(json.dumps(jose.split(theirs)[0] | {"kid": key["kid"]}).encode())
    assert reason_of(f"{ours}.{parts[1]}.{parts[2]}") == "bad-signature"


def reconfigure(text):
    """Reloads with this configuration."""
    daemon.write_config(text)
    root.call("Reload")


def owner_is_told(token, reason, **parameters):
    """The signature is good, so the owner is told why it is refused; a stranger is not."""
    said = {"active": False, "reason": reason}
    for client in (root, bob, alice):
        assert client.call("Introspect", token=token, **parameters) == said
    assert mallory.call("Introspect", token=token, **parameters) == {"active": False}


def test_a_token_of_another_issuer_is_refused():
    before = daemon.config_file.read_text("utf-8")
    reconfigure("[token]\nissuer = https://elsewhere.example\n")
    try:
        owner_is_told(good, "wrong-issuer")
    finally:
        reconfigure(before)
    assert still_good()


def test_a_token_of_another_type_is_refused():
    before = daemon.config_file.read_text("utf-8")
    reconfigure("[token]\ntyp = JWT\n")
    try:
        assert reason_of(good) == "wrong-type"
        other = mint()
        assert alice.call("Introspect", token=other)["active"]
    finally:
        reconfigure(before)
    assert reason_of(other) == "wrong-type"
    assert still_good()


def test_a_token_of_another_realm_is_refused():
    said = {"active": False, "reason": "wrong-realm"}
    assert root.call("Introspect", token=good, realm="web") == said
    assert bob.call("Introspect", token=good, realm="web") == said
    assert root.call("Introspect", token=good, realm="default")["active"]


def test_a_token_for_another_audience_is_refused():
    owner_is_told(good, "wrong-audience", audience="https://nobody.example")


def test_a_token_of_a_session_that_is_gone_is_refused():
    gone = PamLogin(host, "alice", rhost="192.0.2.33")
    token = alice.call("MintToken", sessionId=gone.sid)["accessToken"]
    assert alice.call("Introspect", token=token)["active"]
    gone.log_out()
    owner_is_told(token, "revoked")


def test_an_expired_token_is_refused():
    token = mint()
    clock.set_forward(jose.split(token)[1]["exp"] - jose.split(token)[1]["iat"])
    owner_is_told(token, "expired")
    clock.set_back(3600 + 60)
    owner_is_told(token, "expired")  # a clock that is set back revives none
    assert alice.call("Introspect", token=mint())["active"]
