"""What the daemon signs and publishes, judged by libraries that we did not write."""
import http.client
import json
import os
import shutil
import subprocess
import time

from harness import Clock, Daemon, Host, PamLogin, PamStack, jose, later, party
from harness.passing import pass_time
from harness.signing_keys import call, is_active, keys, kid_of, mint, published, rotate, wait_no_retiring

ISSUER, AUDIENCE = "https://login.example", "https://shop.example"
CONFIG = f"[token]\nissuer = {ISSUER}\naudience = {AUDIENCE}\n"
RULES = {"issuer": ISSUER, "audience": AUDIENCE, "typ": "at+jwt"}
TTL, SLACK = 900, 300  # access_ttl; how much longer than its tokens a retiring key is kept

host = Host()
PamStack(host, "sshd", like="bare")
_worlds = 0


def start(more="", back=0):
    """A daemon of the test's own with a clock, which may be back by some seconds."""
    global _worlds
    _worlds += 1
    clock = Clock(host.dir / f"clock-{_worlds}")
    clock.set_back(back)
    shutil.rmtree(host.runtime_dir / "public", ignore_errors=True)  # it would keep the daemon from going back
    return Daemon(host, CONFIG + more, clock=clock).start()


def jwks(daemon):
    """The keys as they are published."""
    return json.loads((daemon.runtime_dir / "public" / "jwks.json").read_text("utf-8"))


def now(daemon):
    """The daemon's time in seconds."""
    return time.time() + daemon.clock.offsets()[0]


def refused(answers):
    """Whether all are no."""
    return all("refused" in answer for answer in answers)


def altered(token):
    """The token with other claims, with another signature, with other headers."""
    header, claims, _signature = jose.split(token)
    first, second, third = token.split(".")
    for change in ({"sub": "root"}, {"exp": claims["exp"] + TTL}, {"role": "admin"}, {"aud": AUDIENCE + "/"}):
        yield f"{first}.{jose.encode(json.dumps(claims | change).encode())}.{third}"
    signature = bytearray(jose.decode(third))
    signature[17] ^= 1
    yield f"{first}.{second}.{jose.encode(signature)}"
    yield f"{first}.{second}.{jose.encode(bytes(64))}"
    yield f"{first}.{second}."
    for change in ({"alg": "none"}, {"alg": "HS256"}, {"x": 1}):
        yield f"{jose.encode(json.dumps(header | change).encode())}.{second}.{third}"


def test_the_libraries_are_those_that_we_name_and_all_are_here():
    for one in party.ALL:
        one.need()
    wanted = json.loads((party.SOURCES / "package.json").read_text("utf-8"))["dependencies"]
    there = {path.parent.name: json.loads(path.read_text("utf-8"))["version"]
             for path in party.INSTALLED.glob("node_modules/*/package.json")}
    assert there == wanted


# ---- accepted and refused ----------------------------------------------------------------------------------

def test_a_token_is_accepted_and_its_claims_are_those_that_we_read():
    daemon = start()
    tokens = [mint(daemon, PamLogin(host, "alice")) for _ in range(3)]
    claims = [jose.split(token)[1] for token in tokens]
    for one in party.present():
        answers = one.verify(*tokens, jwks=jwks(daemon), **RULES)
        assert [answer.get("claims") for answer in answers] == claims, (one, answers)


def test_an_altered_token_is_refused():
    daemon = start()
    token = mint(daemon, PamLogin(host, "alice"))
    for one in party.present():
        good, *bad = one.verify(token, *altered(token), jwks=jwks(daemon), **RULES)
        assert "claims" in good and refused(bad) and len(bad) == 10, (one, good, bad)


def test_a_token_is_good_until_its_last_second_and_not_at_its_expiry():
    daemon = start()
    token = mint(daemon, PamLogin(host, "alice"))
    expires = jose.split(token)[1]["exp"]
    for one in party.present():
        times = [{"token": token, "now": when} for when in (expires - 1, expires)]
        before, at = one.verify(*times, jwks=jwks(daemon), **RULES)
        assert "claims" in before and "exp" in at["refused"], (one, before, at)


def test_a_token_from_two_hours_ago_is_refused_by_the_clock_of_today():
    daemon = start(back=7200)
    token = mint(daemon, PamLogin(host, "alice"))
    assert is_active(daemon, token)
    for one in party.present():
        then, today = one.verify({"token": token, "now": int(now(daemon))}, token, jwks=jwks(daemon), **RULES)
        assert "claims" in then and "exp" in today["refused"], (one, then, today)


def test_another_audience_another_issuer_and_another_type_are_refused():
    daemon = start()
    login = PamLogin(host, "alice")
    token = mint(daemon, login)
    bank = "https://bank.example"
    other = call(daemon, "MintToken", user="alice", sessionId=login.sid, audience=bank)["accessToken"]
    for one in party.present():
        good, *bad = one.verify(
            {"token": other, "audience": bank}, other, {"token": token, "audience": bank},
            {"token": token, "issuer": ISSUER + "/"}, {"token": token, "typ": "logout+jwt"},
            jwks=jwks(daemon), **RULES)
        assert "claims" in good and refused(bad), (one, good, bad)


# ---- keys --------------------------------------------------------------------------------------------------

def test_a_key_verifies_while_it_retires_and_its_tokens_are_refused_when_it_has_gone():
    daemon = start()
    login = PamLogin(host, "alice")
    old, had = mint(daemon, login), jwks(daemon)
    rotate(daemon)
    new = mint(daemon, login)
    assert kid_of(old) in keys(daemon)["retiring"] and kid_of(new) in [key["kid"] for key in had["keys"]]
    for one in party.present():
        answers = one.verify(old, new, {"token": new, "jwks": had}, jwks=jwks(daemon), **RULES)
        assert all("claims" in answer for answer in answers), (one, answers)  # new was published ahead
    pass_time(daemon, TTL + SLACK + 5)
    wait_no_retiring(daemon)
    assert kid_of(old) not in published(daemon)
    when = jose.split(old)[1]["iat"] + 1  # so that it is the key alone that it lacks
    for one in party.present():
        then, today = one.verify({"token": old, "jwks": had}, old, jwks=jwks(daemon), now=when, **RULES)
        assert "claims" in then and "key" in today["refused"].lower(), (one, then, today)


def test_a_key_that_is_compromised_is_gone_at_once():
    daemon = start()
    login = PamLogin(host, "alice")
    old = mint(daemon, login)
    rotate(daemon, compromised=True)
    new = mint(daemon, login)
    for one in party.present():
        first, second = one.verify(old, new, jwks=jwks(daemon), **RULES)
        assert "key" in first["refused"].lower() and "claims" in second, (one, first, second)


# ---- libjwt ------------------------------------------------------------------------------------------------

def test_libjwt_accepts_a_token_of_type_jwt_and_no_altered_one():
    daemon = start("typ = JWT\n")
    login, libjwt = PamLogin(host, "alice"), party.Libjwt()
    token = mint(daemon, login)
    pems = {key["kid"]: jose.public_pem(key) for key in jwks(daemon)["keys"]}
    assert libjwt.claims(token, pems[kid_of(token)]) == jose.split(token)[1]
    assert not any(libjwt.claims(one, pems[kid_of(token)]) for one in altered(token))
    others = [pem for kid, pem in pems.items() if kid != kid_of(token)]
    assert others and not any(libjwt.claims(token, pem) for pem in others)
    rotate(daemon, compromised=True)
    assert kid_of(token) not in published(daemon)
    assert not any(libjwt.claims(token, jose.public_pem(key)) for key in jwks(daemon)["keys"])
    token = mint(daemon, login)
    key, = (key for key in jwks(daemon)["keys"] if key["kid"] == kid_of(token))
    assert libjwt.claims(token, jose.public_pem(key))["sid"] == login.sid


def test_libjwt_knows_no_other_type_than_jwt():
    daemon = start()
    token = mint(daemon, PamLogin(host, "alice"))
    key, = (key for key in jwks(daemon)["keys"] if key["kid"] == kid_of(token))
    assert party.Libjwt().claims(token, jose.public_pem(key)) is None


def test_libjwt_leaves_times_and_audience_to_the_application():
    daemon = start("typ = JWT\n", back=7200)
    token = mint(daemon, PamLogin(host, "alice"))
    key, = (key for key in jwks(daemon)["keys"] if key["kid"] == kid_of(token))
    claims = party.Libjwt().claims(token, jose.public_pem(key))
    assert claims["exp"] < time.time() and claims["aud"] == AUDIENCE


# ---- the example -------------------------------------------------------------------------------------------

class Application:
    """tests/interop/example.mjs as it stands, and its users."""

    def __init__(self):
        party.JOSE.need()
        folder = party.node_folder()
        place = folder.__enter__()
        later(lambda: folder.__exit__(None, None, None))
        environment = os.environ | {"ISSUER": ISSUER, "AUDIENCE": AUDIENCE, "PORT": "0"}
        self.process = subprocess.Popen(["node", f"{place}/example.mjs"], env=environment,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        later(self.close)
        line = self.process.stdout.readline()
        assert line.startswith("listening on port "), line
        self.port = int(line.split()[-1])

    def ask(self, token=None):
        """(status, text)."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request("GET", "/", headers={"Authorization": f"Bearer {token}"} if token else {})
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, text

    def close(self):
        """Ends it."""
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def test_the_example_for_applications_lets_in_whom_it_should_also_across_changes_of_keys():
    daemon = start()
    application, login = Application(), PamLogin(host, "alice")
    token, out = mint(daemon, login), (401, "log in first\n")
    assert application.ask(token) == (200, "hello alice, user\n")
    assert application.ask() == application.ask("x") == out
    assert {application.ask(one) for one in altered(token)} == {out}
    old = token
    for _ in range(2):
        rotate(daemon)
        token = mint(daemon, login)
        assert kid_of(token) != kid_of(old)
        assert application.ask(token)[0] == application.ask(old)[0] == 200
    rotate(daemon, compromised=True)
    assert application.ask(token) == application.ask(old) == out
    assert application.ask(mint(daemon, login))[0] == 200
