"""tests/vectors, judged by libraries that we did not write; and what these sign with its published key, and
examples of RFCs, judged by us."""
import fnmatch
import json
import subprocess

from harness import ROOT, BUILD, jose, need, party

FOLDER = ROOT / "tests" / "vectors"
JWKS = json.loads((FOLDER / "jwks.json").read_text("utf-8"))
NOW = 1900000000
RULES = {"issuer": "https://login.example", "audience": "https://api.example", "typ": "at+jwt", "now": NOW}
VECTORS = {path.stem: path.read_bytes().decode("utf-8") for path in FOLDER.glob("*.jwt")}
VERIFY_FILE = BUILD / "tests" / "harness" / "verify_file"

# RFC 7515 A.3.1 publishes it.
PRIVATE = {"kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
           "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
           "d": "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}

# What no library may accept, whatever else it asks of a token.
ALWAYS = ("reject-bad-signature-*", "reject-wrong-algorithm-*", "reject-unknown-key-*",
          "reject-wrong-audience*", "reject-wrong-issuer*", "reject-expired-*")

# For PyJWT: the keys without those that it cannot read, at which it gives up all of them (RFC 7517 5: they
# should be ignored), and without the one for encryption, whose use it does not look at.
READABLE = {"keys": [one for one in JWKS["keys"]
                     if one.get("crv") == "P-256" and "kid" in one and one.get("use") != "enc"]}

# Vectors of ours to accept that others refuse, and why.
STRICTER = {"accept-unknown-claims": "its nbf is text, which RFC 7519 4.1.5 does not allow; we know no nbf"}

OURS = "a claim of ours, of which it knows nothing"
TYPES = "it leaves the types of these claims to the application"
BOUNDS = "our bound; no standard has one"
TWICE = "of two members of a name the last one counts, as RFC 7515 4 and RFC 7519 4 allow"
IGNORED = "a member that a verifier may leave alone (RFC 7515 4); we have no use for it (RFC 8725 3.10)"
LENIENT = "it skips what is not base64url, which RFC 7515 2 does not allow"

# Vectors of ours to reject that jose accepts, and why; those that no row matches it must refuse.
LAXER = {
    "reject-wrong-realm": OURS,
    "reject-malformed-claims-without-realm": OURS,
    "reject-malformed-claims-without-sid": OURS,
    "reject-malformed-claims-without-uid": OURS,
    "reject-malformed-claims-with-uid-*": OURS,
    "reject-malformed-claims-with-another-type-as-*": TYPES,
    "reject-malformed-claims-with-null-as-*": TYPES,
    "reject-malformed-claims-with-a-number-as-*": TYPES,
    "reject-malformed-claims-with-an-empty-*": "a name of nothing is a name to it",
    "reject-malformed-claims-with-a-nul-in-*": "a string of C ends there, one of JavaScript does not",
    "reject-malformed-claims-with-a-long-*": BOUNDS,
    "reject-malformed-claims-with-nine-*": BOUNDS,
    "reject-malformed-claims-with-seventeen-roles": BOUNDS,
    "reject-malformed-claims-with-too-many-values": BOUNDS,
    "reject-malformed-claims-too-deep": BOUNDS,
    "reject-malformed-header-too-long": BOUNDS,
    "reject-malformed-too-large": BOUNDS,
    "reject-malformed-claims-with-two-of-*": TWICE,
    "reject-malformed-header-with-two-of-*": TWICE,
    "reject-malformed-claims-with-a-disguised-second-sub": TWICE,
    "reject-malformed-header-with-cty": IGNORED,
    "reject-malformed-header-with-enc": IGNORED,
    "reject-malformed-header-with-jku": IGNORED,
    "reject-malformed-header-with-jwk": IGNORED,
    "reject-malformed-header-with-x5?": IGNORED,
    "reject-malformed-header-with-zip": IGNORED,
    "reject-malformed-header-with-b64": "it counts only where crit names it (RFC 7797 6)",
    "reject-malformed-signature-then-*": LENIENT,
    "reject-malformed-claims-padded": LENIENT,
    "reject-malformed-*-not-canonical": "bits that stand for nothing may be anything (RFC 4648 3.5)",
    "reject-malformed-claims-not-utf8": "it puts U+FFFD for it, which RFC 7519 7.2 does not allow",
    "reject-malformed-claims-with-a-lone-surrogate": "what comes of it nobody can say (RFC 8259 8.2)",
    "reject-expired-within-this-second": "half a second is left, by its clock; ours counts whole ones",
    "reject-wrong-type-upper-case": "media types have no case (RFC 2045 5.1); we write ours in one alone",
}


def names(*patterns):
    """The vectors whose names match one of them, in order."""
    return sorted(name for name in VECTORS if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns))


def verdicts(one, chosen):
    """{vector: None or why it is refused} by one party."""
    answers = one.verify(*(VECTORS[name] for name in chosen), **RULES,
                         jwks=READABLE if one is party.PYJWT else JWKS)
    return {name: answer.get("refused") for name, answer in zip(chosen, answers)}


def judge(token, jwks=FOLDER / "jwks.json"):
    """What client/verify says of it by the same rules."""
    need(VERIFY_FILE)
    command = [VERIFY_FILE, jwks, RULES["issuer"], RULES["audience"], "default", RULES["typ"], str(NOW)]
    done = subprocess.run(command, input=token.encode(), capture_output=True, check=True)
    return done.stdout.decode().strip()


# ---- the vectors -------------------------------------------------------------------------------------------

def test_what_we_accept_others_accept():
    chosen = names("accept-*")
    assert len(chosen) > 15
    for one in party.present():
        refused = {name: why for name, why in verdicts(one, chosen).items() if why}
        assert set(refused) == set(STRICTER), (one, refused)


def test_what_no_verifier_may_accept_the_others_refuse_too():
    chosen = set(names(*ALWAYS)) - {"reject-expired-within-this-second"}
    assert len(chosen) > 35
    for one in party.present():
        accepted = [name for name, why in verdicts(one, sorted(chosen)).items() if not why]
        assert not accepted, (one, accepted)


def test_what_jose_accepts_though_we_do_not_has_a_reason_each():
    party.JOSE.need()
    accepted = {name for name, why in verdicts(party.JOSE, names("reject-*")).items() if not why}
    for name in accepted:
        assert any(fnmatch.fnmatchcase(name, pattern) for pattern in LAXER), name
    for pattern in LAXER:
        assert accepted.intersection(names(pattern)), f"{pattern}: it refuses what this is about"


# ---- the other way round -----------------------------------------------------------------------------------

def test_what_others_sign_with_our_key_we_accept():
    header, claims, _signature = jose.split(VECTORS["accept-every-claim"])
    cases = [(header, claims, "accepted")]
    cases += [(header, claims | change, reason) for change, reason in (
        ({"exp": NOW}, "expired"), ({"iat": NOW + 1}, "not-yet-valid"), ({"realm": "x"}, "wrong-realm"),
        ({"iss": "https://x.example"}, "wrong-issuer"), ({"aud": "https://x.example"}, "wrong-audience"),
        ({"sid": 1}, "malformed"))]
    cases += [(header | change, claims, reason) for change, reason in (
        ({"typ": "JWT"}, "wrong-type"), ({"kid": "x"}, "unknown-key"), ({"x": 1}, "malformed"))]
    for maker in party.present():
        wishes = [{"header": first, "claims": second, "key": PRIVATE} for first, second, _reason in cases]
        tokens = [answer["token"] for answer in maker.sign(*wishes)]
        assert [judge(token) for token in tokens] == [reason for _first, _second, reason in cases], maker
        assert judge(tokens[0].replace(tokens[0][-9:], tokens[1][-9:])) == "bad-signature"


# ---- RFC 7520 ----------------------------------------------------------------------------------------------

# 3.1 and 4.3. That RFC's only example of ECDSA is of ES512 over P-521; that of ES256, RFC 7515 A.3, is in
# tests/unit/test_jws.c.
HOBBITON = {"kty": "EC", "kid": "bilbo.baggins@hobbiton.example", "use": "sig", "crv": "P-521",
            "x": "AHKZLLOsCOzz5cY97ewNUajB957y-C-U88c3v13nmGZx6sYl_oJXu9A5RkTKqjqvjyekWF-7ytDyRXYgCF5cj0Kt",
            "y": "AdymlHvOiLxXkEhayXQnNCvDX4h9htZaCJN34kfmC6pV5OhQHiraVySsUdaQkAgDPrwQrJmbnX9cwlGfP-HqHZR1"}
FRODO = ("eyJhbGciOiJFUzUxMiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9.SXTigJlzIGEgZGFuZ2Vyb3VzI"
         "GJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB0aGUgcm9hZCwgYW5kIGlmIHlvdSBk"
         "b24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4"
         ".AE_R_YZCChjn4791jSQCrdPZCNYqHXCTZH0-JZGYNlaAjP2kqaluUIIUnC9qvbu9Plon7KRTzoNEuT4Va2cmL1eJAQy3mtPBu_"
         "u_sDDyYjnAMDxXPn7XrT0lw-kvAD890jl8e2puQens_IEKBpHABlsbEPX6sFY8OcGDqoRuBomu9xQ2")


def test_the_ecdsa_example_of_rfc_7520_is_good_and_is_none_of_ours():
    # Its header has no typ, so it is no access token; and with one its algorithm is one that we never use.
    assert judge(FRODO) == "malformed"
    first, second, third = FRODO.split(".")
    typed = jose.encode(json.dumps(json.loads(jose.decode(first)) | {"typ": "at+jwt"}).encode())
    assert judge(f"{typed}.{second}.{third}") == "wrong-algorithm"
    party.JOSE.need()
    answer, = party.JOSE.ask([{"do": "open", "token": FRODO, "jwks": {"keys": [HOBBITON]}}])
    assert answer["text"].startswith("It\u2019s a dangerous business, Frodo"), answer
