"""Two realms on one host: the same user name in both is two users, who never see, count or evict each other,
and a token of one is refused in the other."""
import json
import shlex

from harness import Clock, Daemon, Host, PamApp, PamLogin, PamStack, SessionList, Varlink, VarlinkError, jose

CONFIG = """
[services]
counted = desk shop nowhere plain
[token]
issuer = https://desk.example
[realm desk]
[realm shop]
issuer = https://shop.example
audience = https://api.shop.example
[policy shop]
realm = shop
max_devices = 1
access_ttl = 5m
role_default = customer
[policy desk]
realm = desk
max_sessions = 2
"""
NOT_FOUND = "org.sessjwt.SessionNotFound"
NO_REALM = "org.sessjwt.RealmNotFound"

host = Host()
host.install_command()
for realm in ("desk", "shop"):
    PamStack(host, realm, like="bare", options=f"realm={realm}")
PamStack(host, "plain", like="bare")
PamStack(host, "nowhere", like="bare", options="realm=nowhere")
PamStack(host, "nowhere-strict", like="bare", options="realm=nowhere on_error=deny")
_worlds = 0


def start(config=CONFIG):
    """A daemon of the test's own, with a clock."""
    global _worlds
    _worlds += 1
    return Daemon(host, config, clock=Clock(host.dir / f"clock-{_worlds}")).start()


def log_in(realm, user="alice", last=10):
    """A login through the service of the realm's name."""
    return PamLogin(host, user, service=realm, rhost=f"192.0.2.{last}")


def command(login, *words, uid=2000, stdin=None):
    """sessjwt(1) inside the login. (status, what it printed)"""
    line = shlex.join(["sessjwt", *words])
    answer = login.run(uid, line if stdin is None else f"printf %s {shlex.quote(stdin)} | {line}")
    return answer.rc, answer.text


def rows(login, *words):
    """The sessions that `sessjwt list` shows inside the login."""
    status, text = command(login, "list", "--json=short", *words)
    assert status == 0, text
    return json.loads(text)["sessions"]


def sids(login, *words):
    """Their ids."""
    return [row["sessionId"] for row in rows(login, *words)]


def token_of(login):
    """A token that `sessjwt token` mints inside the login."""
    status, text = command(login, "token")
    assert status == 0, text
    return text.strip()


def refusal(client, method, **parameters):
    """(error, its parameters) of a call that must fail."""
    try:
        reply = client.call(method, **parameters)
    except VarlinkError as error:
        return error.name, error.parameters
    raise AssertionError(f"{method}({parameters}) was answered: {reply}")


# ---- sessions ----------------------------------------------------------------------------------------------

def test_the_module_s_option_decides_the_realm_of_a_session():
    daemon = start()
    logins = {realm: log_in(realm) for realm in ("desk", "shop")} | {"default": log_in("plain")}
    for realm, login in logins.items():
        session = Varlink(daemon).call("GetSession", sessionId=login.sid)["session"]
        assert (session["realm"], session["user"]) == (realm, "alice")


def test_a_user_sees_the_sessions_of_his_own_realm_alone():
    start()
    desk, shop, plain = log_in("desk"), log_in("shop"), log_in("plain")
    assert sids(desk) == [desk.sid] and sids(shop) == [shop.sid] and sids(plain) == [plain.sid]
    assert sids(desk, "--realm", "desk") == [desk.sid]
    assert rows(desk)[0]["current"]
    for realm in ("shop", "default", "nowhere"):
        status, text = command(desk, "list", "--realm", realm)
        assert status == 1 and realm in text


def test_a_session_of_ones_own_in_another_realm_can_be_neither_shown_nor_ended_nor_minted_for():
    daemon = start()
    desk, shop = log_in("desk"), log_in("shop")
    outside = Varlink(daemon, user="alice")  # in no session: in the default realm
    for own, other in ((desk, shop), (shop, desk)):
        assert command(own, "show", own.sid)[0] == 0
        for verb in ("show", "revoke", "token"):
            status, text = command(own, verb, other.sid)
            assert status == 1 and other.sid in text, (verb, text)
    for method in ("GetSession", "RevokeSession", "MintToken", "IssueRefreshToken"):
        for login in (desk, shop):
            assert refusal(outside, method, sessionId=login.sid) == (NOT_FOUND, {"sessionId": login.sid})
    assert outside.call("ListSessions")["sessions"] == []
    assert {row["sessionId"] for row in SessionList(daemon).of()} == {desk.sid, shop.sid}


def test_logging_out_everywhere_stays_within_the_realm():
    daemon = start()
    desk, other_desk, shop = log_in("desk"), log_in("desk", last=11), log_in("shop")
    assert command(desk, "logout-others")[0] == 0
    assert SessionList(daemon).wait_end(other_desk.sid) == "revoked"
    assert command(desk, "logout-all")[0] == 0
    assert SessionList(daemon).wait_end(desk.sid) == "account-reset"
    assert sids(shop) == [shop.sid]


def test_an_admin_names_the_realm_or_sees_all():
    daemon = start()
    desk, shop, plain = log_in("desk"), log_in("shop"), log_in("plain")
    root = Varlink(daemon)

    def seen(**parameters):
        return {row["sessionId"] for row in root.call("ListSessions", **parameters)["sessions"]}
    assert seen(all=True) == {desk.sid, shop.sid, plain.sid}
    assert seen(all=True, realm="shop") == {shop.sid}
    assert seen(user="alice", realm="desk") == {desk.sid}
    assert seen(user="alice") == {plain.sid}
    assert root.call("GetSession", sessionId=shop.sid)["session"]["realm"] == "shop"
    assert refusal(root, "ListSessions", realm="nowhere") == (NO_REALM, {"realm": "nowhere"})
    assert refusal(root, "RevokeAll", user="alice", realm="nowhere") == (NO_REALM, {"realm": "nowhere"})
    assert root.call("RevokeAll", user="alice", realm="shop")["revokedCount"] == 1
    assert seen(all=True) - {shop.sid} == {desk.sid, plain.sid}


# ---- limits ------------------------------------------------------------------------------------------------

def test_a_limit_of_one_realm_counts_and_evicts_nobody_of_another():
    daemon = start()
    desk, plain = log_in("desk"), [log_in("plain", last=last) for last in range(20, 25)]
    first = log_in("shop", last=30)
    second = log_in("shop", last=31)
    assert SessionList(daemon).wait_end(first.sid) == "evicted"
    later = [log_in("desk", last=last) for last in (32, 33)]
    assert SessionList(daemon).wait_end(desk.sid) == "evicted"
    left = {row["sessionId"] for row in SessionList(daemon).of() if row["state"] == "live"}
    assert left == {login.sid for login in [*plain, second, *later]}


def test_a_policy_is_that_of_the_realm():
    daemon = start()
    for realm, policy in (("desk", "desk"), ("shop", "shop"), ("plain", "default")):
        login = log_in(realm)
        assert Varlink(daemon).call("GetSession", sessionId=login.sid)["session"]["policy"] == policy


# ---- tokens ------------------------------------------------------------------------------------------------

def test_a_token_has_the_realm_the_issuer_and_the_audience_of_its_session():
    start()
    claims = {realm: jose.split(token_of(log_in(realm)))[1] for realm in ("desk", "shop", "plain")}
    said = {realm: (c["realm"], c["iss"], c["aud"], c["exp"] - c["iat"]) for realm, c in claims.items()}
    assert said == {"desk": ("desk", "https://desk.example", "https://desk.example", 900),
                    "shop": ("shop", "https://shop.example", "https://api.shop.example", 300),
                    "plain": ("default", "https://desk.example", "https://desk.example", 900)}
    assert claims["shop"]["role"] == "customer"


def test_a_token_of_one_realm_is_refused_in_the_other():
    start()
    logins = {realm: log_in(realm) for realm in ("desk", "shop", "plain")}
    tokens = {realm: token_of(login) for realm, login in logins.items()}
    for realm, login in logins.items():
        for other, token in tokens.items():
            status, text = command(login, "verify", stdin=token)
            if other == realm:
                assert status == 0 and text.startswith("active\n"), (realm, text)
                continue
            reason = "wrong-issuer" if "shop" in (realm, other) else "wrong-realm"
            assert (status, text) == (1, f"inactive: {reason}\n"), (realm, other, text)


def test_who_asks_in_a_realm_that_is_not_his_learns_that_it_is_not_there():
    daemon = start()
    token = token_of(log_in("shop"))
    for user in ("mallory", 54321):
        client = Varlink(daemon, user=user)
        for realm in ("shop", "nowhere"):
            assert refusal(client, "Introspect", token=token, realm=realm) == (NO_REALM, {"realm": realm})
        assert client.call("Introspect", token=token) == {"active": False}
    root = Varlink(daemon)
    assert root.call("Introspect", token=token, realm="shop")["active"]
    assert root.call("Introspect", token=token) == {"active": False, "reason": "wrong-issuer"}
    assert root.call("Introspect", token=token, realm="desk") == {"active": False, "reason": "wrong-issuer"}
    assert refusal(root, "Introspect", token=token, realm="nowhere") == (NO_REALM, {"realm": "nowhere"})


def test_a_refresh_stays_in_the_realm():
    daemon = start()
    shop = log_in("shop")
    status, text = command(shop, "token", "--refresh")
    assert status == 0, text
    refresh = text.split()[1]
    reply = Varlink(daemon, user="alice").call("Refresh", refreshToken=refresh)
    assert jose.split(reply["accessToken"])[1]["iss"] == "https://shop.example"


# ---- a realm that there is not -----------------------------------------------------------------------------

def test_a_line_with_an_unknown_realm_lets_the_login_pass_without_a_session_and_names_it():
    daemon = start()
    login = PamLogin(host, "alice", service="nowhere")
    assert login.answer.rc == 0 and login.sid == ""
    assert "nowhere" in host.syslog.wait_for("realm 'nowhere' is not configured")
    assert SessionList(daemon).of() == []


def test_a_line_with_an_unknown_realm_and_on_error_deny_refuses():
    start(CONFIG.replace("counted = ", "counted = nowhere-strict "))
    app = PamApp(host)
    app.begin(1, "nowhere-strict", "alice")
    app.item(1, "RHOST", "192.0.2.10")
    assert app.account(1).name == "PAM_PERM_DENIED"
    assert app.open(1).name == "PAM_SESSION_ERR"


def test_a_session_whose_realm_was_taken_away_gets_no_token_and_is_told_why():
    daemon = start()
    shop = log_in("shop")
    token = token_of(shop)
    daemon.write_config("[services]\ncounted = desk shop plain\n[realm desk]\n")
    root = Varlink(daemon)
    root.call("Reload")
    status, text = command(shop, "token")
    assert status == 1 and "realm" in text and "shop" in text
    assert root.call("Introspect", token=token)["active"] is False
    assert {row["sessionId"] for row in root.call("ListSessions", all=True)["sessions"]} == {shop.sid}
    assert root.call("RevokeSession", sessionId=shop.sid)["revokedCount"] == 1
