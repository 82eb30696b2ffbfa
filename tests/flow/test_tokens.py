"""A token as it is minted, and for how long it is good: from the login to the session's end, and not a moment
longer."""
import json
import os
import re
import time

from harness import Clock, Daemon, Host, PamLogin, PamStack, Varlink, VarlinkError, eventually, jose
from harness.passing import pass_time, rounds

CLAIMS = {"iss", "sub", "aud", "client_id", "iat", "exp", "jti", "sid", "auth_time", "amr", "realm", "uid",
          "role", "roles", "dev", "status"}
SIGNED_IN_BY_PASSWORD = {"SSH_AUTH_INFO_0": "password\n"}

host = Host()
host.install_command()
PamStack(host, "sshd", like="bare")
_worlds = 0


def start(config="", **arguments):
    """A daemon of the test's own, with a clock."""
    global _worlds
    _worlds += 1
    clock = Clock(host.dir / f"clock-{_worlds}")
    return Daemon(host, config, clock=clock, **arguments).start()


def log_in(user="alice", **arguments):
    """A login by password."""
    return PamLogin(host, user, environment=SIGNED_IN_BY_PASSWORD, **arguments)


def mint(daemon, login, **parameters):
    """A token for a login, asked for by its user from outside."""
    client = Varlink(daemon, user=login.user)
    reply = client.call("MintToken", sessionId=login.sid, **parameters)
    client.close()
    return reply["accessToken"]


def introspect(daemon, token, user=None, **parameters):
    """What the daemon says of a token, to root or to this user."""
    client = Varlink(daemon, user=user)
    reply = client.call("Introspect", token=token, **parameters)
    client.close()
    return reply


def is_active(daemon, token):
    """Whether it counts."""
    return introspect(daemon, token)["active"]


def refuses(daemon, token, reason, owner="alice", stranger="mallory"):
    """Fails unless it is refused with this reason for root and its owner, and without one for others."""
    assert introspect(daemon, token) == {"active": False, "reason": reason}
    assert introspect(daemon, token, user=owner) == {"active": False, "reason": reason}
    assert introspect(daemon, token, user=stranger) == {"active": False}
    assert introspect(daemon, token, user=54321) == {"active": False}


def wall(daemon):
    """The daemon's time now."""
    return time.time() + daemon.clock.offsets()[0]


def go_to(daemon, moment):
    """Moves the daemon's clocks on to this wall time."""
    pass_time(daemon, moment - wall(daemon))


# ---- what is in it -----------------------------------------------------------------------------------------

def test_a_minted_token_has_exactly_the_claims_of_the_design():
    daemon = start("[token]\nissuer = https://issuer.example\naudience = everybody\n")
    before = int(wall(daemon))
    login = log_in()
    reply = Varlink(daemon, user="alice").call("MintToken", sessionId=login.sid)
    session = Varlink(daemon, user="alice").call("GetSession", sessionId=login.sid)["session"]
    after = int(wall(daemon))
    header, claims, signature = jose.split(reply["accessToken"])
    key, _next = Varlink(daemon).call("GetKeys")["keys"]
    assert header == {"alg": "ES256", "kid": key["kid"], "typ": "at+jwt"}
    assert len(signature) == 64
    assert set(claims) == CLAIMS
    assert before <= claims["auth_time"] <= claims["iat"] <= after
    assert claims["exp"] == claims["iat"] + 900
    assert re.fullmatch(r"[A-Za-z0-9_-]{22}", claims["jti"])
    expected = {"iss": "https://issuer.example", "sub": "alice", "aud": "everybody", "client_id": "pam:sshd",
                "sid": login.sid, "amr": ["pwd"], "realm": "default", "uid": 2000, "role": "user",
                "roles": ["user"], "dev": session["deviceId"]}
    assert set(claims["status"]) == {"status_list"} and set(claims["status"]["status_list"]) == {"idx", "uri"}
    assert claims["status"]["status_list"]["uri"] == "https://issuer.example/status"
    assert {name: claims[name] for name in expected} == expected
    assert reply["tokenType"] == "Bearer" and reply["sessionId"] == login.sid
    assert 898 <= reply["expiresIn"] <= 900
    assert reply["expiresAt"] == time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(claims["exp"]))


def test_what_introspect_says_of_an_active_token_is_what_stands_in_it():
    daemon = start()
    token = mint(daemon, log_in())
    claims = jose.split(token)[1]
    for user in (None, "alice", "mallory", 54321):
        said = introspect(daemon, token, user=user)
        assert said.pop("active") is True and said.pop("token_type") == "Bearer"
        assert said.pop("aud") == [claims["aud"]]
        assert said == {name: value for name, value in claims.items()
                        if name not in ("aud", "status")}


def test_every_token_has_a_number_of_its_own():
    daemon = start()
    login = log_in()
    client = Varlink(daemon, user="alice")
    tokens = [client.call("MintToken", sessionId=login.sid)["accessToken"] for _ in range(200)]
    assert len({jose.split(token)[1]["jti"] for token in tokens}) == 200
    assert len(set(tokens)) == 200


def test_a_login_without_a_known_method_has_no_methods_in_its_token():
    daemon = start()
    login = PamLogin(host, "alice", service="other", rhost=None) if add_service("other") else None
    claims = jose.split(mint(daemon, login))[1]
    assert set(claims) == CLAIMS - {"amr"}
    assert claims["client_id"] == "pam:other"


def add_service(name):
    """A stack for a service of this name."""
    return PamStack(host, name, like="bare")


def test_role_and_lifetime_are_those_of_the_policy():
    daemon = start("[policy partner]\nusers = bob\nrole_default = partner\naccess_ttl = 2h\n")
    claims = jose.split(mint(daemon, log_in("bob")))[1]
    assert (claims["role"], claims["roles"], claims["exp"] - claims["iat"]) == ("partner", ["partner"], 7200)
    claims = jose.split(mint(daemon, log_in("alice")))[1]
    assert (claims["role"], claims["exp"] - claims["iat"]) == ("user", 900)


def test_a_token_for_another_audience_is_good_for_that_one_alone():
    daemon = start("[token]\naudience = everybody\n")
    login = log_in()
    token = mint(daemon, login, audience="https://shop.example/api")
    assert jose.split(token)[1]["aud"] == "https://shop.example/api"
    assert introspect(daemon, token, audience="https://shop.example/api")["active"]
    assert introspect(daemon, token)["active"]
    wrong = {"active": False, "reason": "wrong-audience"}
    assert introspect(daemon, token, audience="everybody") == wrong
    assert introspect(daemon, token, audience="https://shop.example") == wrong
    assert introspect(daemon, token, user="mallory", audience="everybody") == {"active": False}
    assert introspect(daemon, mint(daemon, login), audience="everybody")["active"]


def test_the_type_is_jwt_where_the_configuration_says_so():
    daemon = start("[token]\ntyp = JWT\n")
    token = mint(daemon, log_in())
    assert jose.split(token)[0]["typ"] == "JWT"
    assert is_active(daemon, token)


# ---- the keys ----------------------------------------------------------------------------------------------

def test_the_published_keys_are_those_of_getkeys_and_openssl_verifies_a_token_with_them():
    daemon = start()
    login = log_in()
    path = daemon.runtime_dir / "public" / "jwks.json"
    keys = json.loads(path.read_text("utf-8"))
    assert keys == Varlink(daemon, user=54321).call("GetKeys")
    assert os.stat(path).st_mode & 0o777 == 0o644
    key, _next = keys["keys"]
    assert set(key) == {"kty", "crv", "x", "y", "use", "alg", "kid"}
    assert (key["kty"], key["crv"], key["use"], key["alg"]) == ("EC", "P-256", "sig", "ES256")
    for token in (mint(daemon, login), mint(daemon, login)):
        assert jose.split(token)[0]["kid"] == key["kid"]
        assert jose.verify(token, key)
        assert not jose.verify(token.replace(".", "x.", 1), key)


def test_the_kid_is_the_thumbprint_of_rfc_7638():
    daemon = start()
    key, _next = Varlink(daemon).call("GetKeys")["keys"]
    text = json.dumps({name: key[name] for name in ("crv", "kty", "x", "y")}, separators=(",", ":"))
    digest = jose.openssl("dgst", "-sha256", "-binary", stdin=text.encode())
    assert jose.encode(digest) == key["kid"]


def test_the_keys_are_the_same_after_a_restart():
    daemon = start()
    before = Varlink(daemon).call("GetKeys")
    daemon.kill()
    daemon.start()
    assert Varlink(daemon).call("GetKeys") == before


# ---- for how long it is good -------------------------------------------------------------------------------

def test_a_token_is_refused_from_the_logout_on():
    daemon = start()
    login = log_in()
    token = mint(daemon, login)
    assert is_active(daemon, token)
    login.log_out()
    refuses(daemon, token, "revoked")


def test_a_token_is_refused_from_the_reply_to_a_revocation_on():
    daemon = start()
    logins = [log_in(rhost=f"192.0.2.{last}") for last in range(20, 24)]
    tokens = [mint(daemon, login) for login in logins]
    client = Varlink(daemon)
    client.call("RevokeSession", sessionId=logins[0].sid)
    assert not client.call("Introspect", token=tokens[0])["active"]
    assert client.call("Introspect", token=tokens[1])["active"]
    client.call("RevokeAll", user="alice")
    assert not any(client.call("Introspect", token=token)["active"] for token in tokens)
    refuses(daemon, tokens[0], "revoked")


def test_a_token_is_refused_when_the_answer_to_an_evicting_login_is_there():
    daemon = start("[policy default]\nmax_devices = 1\n")
    old = log_in(rhost="192.0.2.20")
    token = mint(daemon, old)
    assert is_active(daemon, token)
    new = log_in(rhost="192.0.2.21")
    refuses(daemon, token, "revoked")
    assert is_active(daemon, mint(daemon, new))


def test_a_token_is_refused_when_its_leader_was_killed():
    daemon = start()
    login = log_in()
    token = mint(daemon, login)
    login.kill()
    eventually(lambda: not is_active(daemon, token), 1.0, "the token refused")
    refuses(daemon, token, "revoked")


def test_a_token_is_good_up_to_its_expiry_and_not_at_it():
    daemon = start()
    token = mint(daemon, log_in())
    expires = jose.split(token)[1]["exp"]
    go_to(daemon, expires - 5)
    assert is_active(daemon, token)
    go_to(daemon, expires)
    refuses(daemon, token, "expired")


def test_a_token_never_outlives_its_session():
    daemon = start("[policy default]\nsession_ttl = 100s\n")
    login = log_in()
    session = Varlink(daemon, user="alice").call("GetSession", sessionId=login.sid)["session"]
    claims = jose.split(mint(daemon, login))[1]
    end = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(claims["exp"]))
    assert session["expiresAt"].startswith(end)
    pass_time(daemon, 60)
    later = jose.split(mint(daemon, login))[1]
    assert later["exp"] == claims["exp"] and later["iat"] >= claims["iat"] + 60


def test_a_token_is_refused_when_its_session_has_expired():
    daemon = start("[policy default]\nsession_ttl = 1h\naccess_ttl = 2h\n")
    login = log_in()
    token = mint(daemon, login)
    daemon.clock.advance(3590)
    assert is_active(daemon, token)
    go_to(daemon, jose.split(token)[1]["exp"] - 1)  # exp is in whole seconds, the session's end is not
    daemon.clock.advance(2)
    assert not is_active(daemon, token)
    rounds(daemon)
    daemon.wait_for_log(f"session ended, expired: alice {login.sid}")
    refuses(daemon, token, "expired")


def test_a_wall_clock_that_is_set_back_prolongs_no_session():
    daemon = start("[policy default]\nsession_ttl = 10m\naccess_ttl = 1h\n")
    login = log_in()
    daemon.clock.set_back(300)
    token = mint(daemon, login)
    pass_time(daemon, 590)
    assert is_active(daemon, token)
    pass_time(daemon, 20)
    assert wall(daemon) < jose.split(token)[1]["exp"]
    eventually(lambda: not is_active(daemon, token), what="the end of the session, once it is durable")
    refuses(daemon, token, "revoked")


def test_tokens_live_by_a_time_that_never_goes_back():
    daemon = start()
    login = log_in()
    token = mint(daemon, login)
    daemon.clock.set_back(3600)
    assert is_active(daemon, token)
    later = mint(daemon, login)
    assert jose.split(later)[1]["iat"] >= jose.split(token)[1]["iat"]
    assert is_active(daemon, later)


def test_a_token_is_good_after_a_restart_of_the_daemon_as_long_as_the_session_lives():
    daemon = start()
    stays, goes = log_in(rhost="192.0.2.20"), log_in(rhost="192.0.2.21")
    kept, lost = mint(daemon, stays), mint(daemon, goes)
    daemon.kill()
    goes.kill()
    daemon.start()
    assert is_active(daemon, kept) and not is_active(daemon, lost)
    daemon.restart()
    assert is_active(daemon, kept) and not is_active(daemon, lost)
    stays.log_out()
    refuses(daemon, kept, "revoked")


def test_a_revoked_token_stays_refused_after_the_daemon_was_killed():
    daemon = start()
    login = log_in()
    token = mint(daemon, login)
    login.pause()  # it does not go yet: the session is kept, ending
    Varlink(daemon).call("RevokeSession", sessionId=login.sid)
    daemon.kill()
    daemon.start()
    refuses(daemon, token, "revoked")
    login.resume()


# ---- who mints ---------------------------------------------------------------------------------------------

def error_of(client, method, **parameters):
    """(error, its parameters)."""
    try:
        raise AssertionError(client.call(method, **parameters))
    except VarlinkError as error:
        return error.name.rpartition(".")[2], error.parameters


def test_a_child_of_the_leader_mints_for_the_session_that_it_is_in():
    daemon = start()
    other, login = log_in(rhost="192.0.2.20"), log_in(rhost="192.0.2.21")
    for command in ("sessjwt token", "setsid sessjwt token", "sh -c 'sh -c \"sessjwt token; true\"; true'"):
        answer = login.run(2000, command)
        assert answer.rc == 0, answer
        claims = jose.split(answer.text.strip())[1]
        assert claims["sid"] == login.sid and claims["uid"] == 2000
    assert jose.split(other.run(2000, "sessjwt token").text.strip())[1]["sid"] == other.sid
    assert is_active(daemon, answer.text.strip())


def test_the_session_that_one_is_in_is_marked_as_current():
    daemon = start()
    other, login = log_in(rhost="192.0.2.20"), log_in(rhost="192.0.2.21")
    rows = json.loads(login.run(2000, "sessjwt list --json=short").text)
    current = {row["sessionId"]: row["current"] for row in find_rows(rows)}
    assert current == {other.sid: False, login.sid: True}
    outside = Varlink(daemon, user="alice").call("ListSessions")["sessions"]
    assert [session["current"] for session in outside] == [False, False]


def find_rows(rows):
    """The sessions in the command's JSON."""
    return rows["sessions"] if isinstance(rows, dict) else rows


def test_who_is_in_no_session_must_name_one():
    daemon = start()
    login = log_in()
    assert error_of(Varlink(daemon, user="alice"), "MintToken") == ("NoSession", {})
    assert error_of(Varlink(daemon), "MintToken") == ("NoSession", {})
    answer = login.run(2002, "sessjwt token")  # mallory, in alice's login
    assert answer.rc == 1 and "eyJ" not in answer.text, answer
    assert login.run(0, "sessjwt token").rc == 1


def test_others_are_ended_and_the_own_session_stays():
    daemon = start()
    others, login = [log_in(rhost=f"192.0.2.{last}") for last in (20, 22)], log_in(rhost="192.0.2.21")
    foreign = log_in("bob")
    tokens = [mint(daemon, one) for one in others]
    assert login.run(2000, "sessjwt logout-others").rc == 0
    assert not any(is_active(daemon, token) for token in tokens)
    assert is_active(daemon, mint(daemon, login)) and is_active(daemon, mint(daemon, foreign))


def test_no_token_is_minted_for_a_session_that_is_ending():
    daemon = start()
    login = log_in()
    login.pause()  # so it is told to go, and stays
    Varlink(daemon).call("RevokeSession", sessionId=login.sid)
    alice = Varlink(daemon, user="alice")
    assert error_of(alice, "MintToken", sessionId=login.sid) == (
        "SessionEnded", {"sessionId": login.sid, "endReason": "revoked"})
    session = alice.call("GetSession", sessionId=login.sid)["session"]
    assert (session["state"], session["endReason"]) == ("ending", "revoked")
    login.resume()
    eventually(lambda: error_of(alice, "MintToken", sessionId=login.sid)[0] == "SessionNotFound",
               what="the session gone")


def test_no_token_is_minted_for_a_session_past_its_end():
    daemon = start("[policy default]\nsession_ttl = 10m\n")
    login = log_in()
    alice = Varlink(daemon, user="alice")
    daemon.clock.advance(601)
    name, parameters = error_of(alice, "MintToken", sessionId=login.sid)
    assert name == "SessionNotFound" or parameters["endReason"] == "expired"


def test_last_seen_moves_with_use_and_at_most_once_a_minute():
    daemon = start()
    login = log_in()
    alice = Varlink(daemon, user="alice")

    def last_seen():
        return alice.call("GetSession", sessionId=login.sid)["session"]["lastSeen"]

    opened = last_seen()
    assert opened == alice.call("GetSession", sessionId=login.sid)["session"]["createdAt"]
    daemon.clock.advance(50)
    mint(daemon, login)
    daemon.clock.advance(5)
    rounds(daemon)
    assert last_seen() == opened
    daemon.clock.advance(10)
    mint(daemon, login)
    first = eventually(lambda: last_seen() != opened and last_seen(), what="lastSeen moved")
    daemon.clock.advance(50)
    mint(daemon, login)
    rounds(daemon)
    assert last_seen() == first
    daemon.clock.advance(15)
    mint(daemon, login)
    eventually(lambda: last_seen() > first, what="lastSeen moved again")


def test_to_look_is_not_to_use():
    daemon = start()
    login = log_in()
    token = mint(daemon, login)
    alice = Varlink(daemon, user="alice")
    opened = alice.call("GetSession", sessionId=login.sid)["session"]["lastSeen"]
    daemon.clock.advance(120)
    introspect(daemon, token)
    rounds(daemon)
    assert alice.call("GetSession", sessionId=login.sid)["session"]["lastSeen"] == opened
