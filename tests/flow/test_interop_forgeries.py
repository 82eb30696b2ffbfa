"""Tokens that other libraries make without our key: refused, by the daemon and in process."""
import itertools
import json

from harness import Daemon, Host, PamLogin, PamStack, Varlink, jose, party
from harness.signing_keys import mint
from harness.verify_loop import VerifyLoop

# SESSJWT_TOKEN_* of client/sessjwt.h, as the daemon calls them.
NUMBERS = {"malformed": 1, "wrong-type": 2, "wrong-algorithm": 3, "unknown-key": 4, "bad-signature": 5}

host = Host()
PamStack(host, "sshd", like="bare")
daemon = Daemon(host).start()
root = Varlink(daemon)
login = PamLogin(host, "alice")
good = mint(daemon, login)
header, claims, _signature = jose.split(good)
key, = (one for one in root.call("GetKeys")["keys"] if one["kid"] == header["kid"])
loops = (VerifyLoop(host, daemon, [good]) for _ in itertools.count())


def forge(maker, *changes, **more):
    """Tokens of our claims, made by another library; it must be willing."""
    answers = maker.sign(*({"header": header | change, "claims": claims, **more} for change in changes))
    assert all("token" in answer for answer in answers), (maker, answers)
    return [answer["token"] for answer in answers]


def refuses(reasons):
    """Fails unless the daemon and a checker in a process of its own refuse each token, for its reason."""
    loop = next(loops)
    for token in reasons:
        loop.add(token)
    assert root.call("Introspect", token=good)["active"] and loop.answer(good) == 0
    said = {token: root.call("Introspect", token=token) for token in reasons}
    assert said == {token: {"active": False, "reason": reason} for token, reason in reasons.items()}
    assert {token: loop.answer(token) for token in reasons} == {
        token: NUMBERS[reason] for token, reason in reasons.items()}


def test_a_token_without_a_signature_is_refused():
    # jose writes no kid and no typ into such a one, so that it is not even a token of ours.
    refuses({token: "malformed" if maker is party.JOSE else "wrong-algorithm"
             for maker in party.present() for token in forge(maker, {"alg": "none"})})


def test_hs256_with_what_is_public_is_refused():
    point = b"\x04" + jose.decode(key["x"]) + jose.decode(key["y"])
    secrets = [jose.public_pem(key).encode(), json.dumps(key).encode(), point, jose.decode(key["x"])]
    tokens = []
    for maker in party.present():
        answers = maker.sign(*({"header": header | {"alg": "HS256"}, "claims": claims,
                                "key": {"secret": jose.encode(secret)}} for secret in secrets))
        if maker is party.PYJWT:
            assert "asymmetric key" in answers.pop(0)["refused"]  # it does not lend itself to that
        tokens += [answer["token"] for answer in answers]
    refuses({token: "wrong-algorithm" for token in tokens})


def test_other_curves_are_refused():
    refuses({token: "wrong-algorithm" for maker in party.present()
             for token in forge(maker, {"alg": "ES384"}, {"alg": "ES512"})})


def test_another_key_is_refused_under_our_name_and_under_another():
    for maker in party.present():
        ours, another = forge(maker, {}, {"kid": "mine"})
        refuses({ours: "bad-signature", another: "unknown-key"})


def test_a_key_that_the_token_brings_along_is_refused():
    for maker in party.present():
        tokens = forge(maker, {}, {"kid": "mine"}, embed=True)
        assert all("jwk" in jose.split(token)[0] for token in tokens)
        refuses(dict.fromkeys(tokens, "malformed"))
