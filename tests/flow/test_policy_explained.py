"""`sessjwt policy`: which policy applies, why, and what a login would meet; and then the login meets it."""
from harness import Daemon, Host, PamLogin, PamStack, SessionList, Varlink, VarlinkError, eventually

CONFIG = """
[realm shop]

[policy night]
users = bob
max_devices = 1

[policy crew]
users = alice bob
groups = crew
services = sshd login
max_devices = 1
max_sessions = 3
access_ttl = 20m
session_ttl = 12h
refresh_ttl = 0
roles = crew=manager

[policy shop]
realm = shop
max_sessions = 1
on_limit = deny

[policy dry]
services = cockpit
max_devices = 1
on_limit = deny
enforce = no

[policy chooser]
services = remote
max_sessions = 1
on_limit = ask
ask_fallback = deny

[policy default]
max_devices = 2
on_limit = deny
exempt = mallory @rescue
"""

host = Host()
host.install_command()
host.add_group("crew", ["alice"])
host.add_group("rescue", ["carol"])
host.add_group("sessjwt-admin", ["bob"])
host.add_user("carol")
host.add_user("dave")
PamStack(host, "sshd", like="bare")
PamStack(host, "cockpit", like="bare")
PamStack(host, "remote", like="bare")
daemon = Daemon(host, CONFIG).start()
sessions = SessionList(daemon)


def explain(user, asker=None, **parameters):
    """What is answered."""
    return Varlink(daemon, user=asker).call("ExplainPolicy", user=user, **parameters)


def refused(user, asker=None, **parameters):
    """(error, its parameters)."""
    try:
        raise AssertionError(explain(user, asker, **parameters))
    except VarlinkError as error:
        return error.name, error.parameters


def step(name, failed=None, held=()):
    """One of considered."""
    row = {"policy": name, "applies": failed is None, "held": list(held)}
    return {**row, "failed": failed} if failed else row


def alone():
    """No session of an earlier test."""
    eventually(lambda: not sessions.of(), what="no session of an earlier test")


# ---- which policy, and why ---------------------------------------------------------------------------------

def test_the_policy_that_applies_is_told_with_the_condition_that_each_earlier_one_failed():
    alone()
    reply = explain("alice")
    assert (reply["policy"], reply["realm"], reply["service"]) == ("crew", "default", "sshd")
    assert reply["considered"] == [step("night", "users"),
                                   step("crew", held=["users", "groups", "services"])]
    assert reply["class"] == "counted" and reply["hasSession"] and "exempt" not in reply
    assert (reply["maxDevices"], reply["maxSessions"], reply["onLimit"]) == (1, 3, "evict-oldest")
    assert (reply["accessTtl"], reply["refreshTtl"]) == (1200, 0)
    assert (reply["sessionTtl"], reply["idleTtl"]) == (43200, 0)
    assert reply["roles"] == ["manager"] and reply["terminate"] == "leader" and reply["enforce"]
    assert reply["fromOtherDevice"] == {"outcome": "allow"} and "fromSameDevice" not in reply


def test_service_and_realm_are_conditions_too():
    assert explain("alice", service="cockpit")["considered"] == [
        step("night", "users"), step("crew", "services", ["users", "groups"]), step("shop", "realm"),
        step("dry", None, ["services"])]
    reply = explain("dave", realm="shop")
    assert (reply["policy"], reply["realm"]) == ("shop", "shop")
    reply = explain("dave")
    assert reply["policy"] == "default" and reply["considered"][-1] == step("default")


def test_group_membership_is_asked_for_when_the_question_comes():
    assert explain("bob")["policy"] == "night"
    assert explain("carol")["considered"][1] == step("crew", "users")
    assert explain("carol")["exempt"] == "group" and explain("mallory")["exempt"] == "user"
    assert explain("root")["exempt"] == "root"


def test_the_class_of_the_service_is_told_and_what_is_no_session_says_so():
    for service, class_, has in (("login", "counted", True), ("vsftpd", "tracked", True),
                                 ("sudo", "nested", False), ("cron", "ignored", False)):
        reply = explain("dave", service=service)
        assert (reply["class"], reply["hasSession"]) == (class_, has), service
        assert reply["fromOtherDevice"] == {"outcome": "allow"}


# ---- what a login would meet, and meets --------------------------------------------------------------------

def test_who_would_be_evicted_is_evicted():
    alone()
    first = PamLogin(host, "alice", rhost="192.0.2.1")
    reply = explain("alice")
    row = sessions.one("alice")
    victim = {key: row[key] for key in ("sessionId", "deviceName", "ip", "createdAt")}
    assert reply["fromOtherDevice"] == {"outcome": "evict", "evicted": [victim], "evictedCount": 1}
    assert reply["fromSameDevice"] == {"outcome": "allow"}
    assert sessions.one("alice") == row, "to ask changes nothing"
    PamLogin(host, "alice", rhost="192.0.2.2")
    assert sessions.wait_end(first.sid) == "evicted"


def test_from_the_same_device_the_oldest_session_of_too_many_would_go():
    alone()
    logins = [PamLogin(host, "alice", rhost="192.0.2.1") for _ in range(3)]
    reply = explain("alice")
    assert [row["sessionId"] for row in reply["fromSameDevice"]["evicted"]] == [logins[0].sid]
    assert reply["fromOtherDevice"]["evictedCount"] == 3


def test_the_text_of_a_denial_at_open_is_the_one_that_the_login_reads():
    alone()
    for i in (1, 2):
        PamLogin(host, "dave", rhost=f"192.0.2.{i}")
    verdict = explain("dave")["fromOtherDevice"]
    assert (verdict["outcome"], verdict["phase"]) == ("deny", "open")
    assert verdict["text"].startswith("Too many sign-ins (policy default)")
    third = PamLogin(host, "dave", rhost="192.0.2.3")
    assert not third.sid and verdict["text"] in str(third.answer), third.answer


def test_a_denial_in_account_is_told_as_one():
    alone()
    PamStack(host, "sshd", like="bare", options="realm=shop")
    try:
        PamLogin(host, "dave", rhost="192.0.2.1")
    finally:
        PamStack(host, "sshd", like="bare")
    reply = explain("dave", realm="shop")
    assert reply["fromOtherDevice"]["phase"] == reply["fromSameDevice"]["phase"] == "account"
    assert explain("dave")["fromOtherDevice"] == {"outcome": "allow"}, "another realm"


def test_what_is_not_enforced_is_let_in_and_said():
    alone()
    PamLogin(host, "dave", service="cockpit", rhost="192.0.2.1")
    verdict = explain("dave", service="cockpit")["fromOtherDevice"]
    assert verdict["outcome"] == "allow" and verdict["notEnforced"] == "deny" and verdict["text"]
    assert PamLogin(host, "dave", service="cockpit", rhost="192.0.2.2").sid


def test_whoever_is_exempt_is_always_let_in():
    alone()
    for i in (1, 2, 3):
        PamLogin(host, "mallory", rhost=f"192.0.2.{i}")
    reply = explain("mallory")
    assert reply["fromOtherDevice"] == {"outcome": "allow"} and "fromSameDevice" not in reply


# ---- who may ask, and for whom -----------------------------------------------------------------------------

def test_only_admins_may_ask():
    assert explain("alice", "bob")["policy"] == "crew"
    assert refused("alice", "alice") == ("org.varlink.service.PermissionDenied", {})


def test_an_unknown_user_realm_or_parameter_is_a_clear_error():
    assert refused("nobody-of-this-name") == ("org.sessjwt.UserNotFound", {"user": "nobody-of-this-name"})
    assert refused("") == ("org.sessjwt.UserNotFound", {"user": ""})
    assert refused("alice", realm="nowhere") == ("org.sessjwt.RealmNotFound", {"realm": "nowhere"})
    invalid = "org.varlink.service.InvalidParameter"
    assert refused("a" * 257) == (invalid, {"parameter": "user"})
    assert refused("alice", service="s" * 65) == (invalid, {"parameter": "service"})
    assert refused("alice", service="s\x1b") == (invalid, {"parameter": "service"})
    assert refused("alice", device="x") == (invalid, {"parameter": "device"})


def test_where_the_user_is_asked_the_fallback_tells_what_a_login_meets_that_cannot_be():
    alone()
    PamLogin(host, "dave", service="remote", rhost="192.0.2.1")
    reply = explain("dave", service="remote")
    assert (reply["policy"], reply["onLimit"], reply["askFallback"]) == ("chooser", "ask", "deny")
    assert (reply["fromOtherDevice"]["outcome"], reply["fromOtherDevice"]["phase"]) == ("deny", "account")
    assert "askFallback" not in explain("dave")
    done = host.run_as("root", "sessjwt", "policy", "dave", "--service", "remote")
    assert "over the limit: ask, or where nobody can be asked: deny" in done.stdout, done.stdout


# ---- the command -------------------------------------------------------------------------------------------

def test_the_command_says_it_in_words():
    alone()
    PamLogin(host, "alice", rhost="192.0.2.1")
    done = host.run_as("root", "sessjwt", "policy", "alice")
    assert done.returncode == 0, done
    for words in ("alice by sshd, realm default: policy crew\n", "  night: does not (not of its users)\n",
                  "  crew: applies (users, groups, services)\n", "at most 1 device, at most 3 sessions",
                  "access token 20m, refresh token without end, session 12h", "Roles: manager",
                  "A login from a device that is not signed in is let in, and these end:\n",
                  "A login from the device that signed in last is let in.\n"):
        assert words in done.stdout, (words, done.stdout)
    assert sessions.one("alice")["sessionId"][-8:] in done.stdout
    done = host.run_as("root", "sessjwt", "policy", "dave", "--service", "sudo", "--realm", "shop")
    assert "no sessions" in done.stdout and "realm shop" in done.stdout, done


def test_the_command_prints_the_object_and_names_an_unknown_user():
    done = host.run_as("root", "sessjwt", "policy", "alice", "-j")
    assert done.returncode == 0 and '"policy":"crew"' in done.stdout
    done = host.run_as("root", "sessjwt", "policy", "nobody-of-this-name")
    assert done.returncode == 1 and "There is no such user: nobody-of-this-name" in done.stderr, done
    assert host.run_as("root", "sessjwt", "policy").returncode == 2
    assert host.run_as("alice", "sessjwt", "policy", "alice").returncode == 1
