"""Groups stand for roles: read afresh at each mint, asked for one of several at each check."""
import grp
import pathlib

from harness import Clock, Daemon, Host, PamLogin, PamStack, Varlink, VarlinkError, jose, later
from harness.passing import pass_time

KNOWN_FOR = 61  # seconds; what was known of a user's groups is asked again
CONFIG = """
[policy nobodys]
users = bob
roles = chiefs=admin
role_default =

[policy default]
roles = chiefs=admin crew=manager deputies=admin lost-group=ghost
"""

host = Host()
host.install_command()
for name in ("chiefs", "crew", "deputies"):
    host.add_group(name)
PamStack(host, "sshd", like="bare")
clock = Clock(host.dir / "clock")
daemon = Daemon(host, CONFIG, clock=clock).start()
alice, bob = (PamLogin(host, user) for user in ("alice", "bob"))


def ask(method, user=None, **parameters):
    """One call on a connection of its own: the clock's hours have closed any other."""
    client = Varlink(daemon, user=user)
    try:
        return client.call(method, **parameters)
    finally:
        client.close()


def mint(login):
    """(the token, its role, its roles)."""
    token = ask("MintToken", user=login.user, sessionId=login.sid)["accessToken"]
    claims = jose.split(token)[1]
    return token, claims.get("role"), claims.get("roles")


def set_groups(user, *groups):
    """He is in these groups and, but for his own, in no other; the daemon asks again."""
    with open("/etc/group", encoding="utf-8") as file:
        rows = [line.rstrip("\n").split(":") for line in file]
    for row in rows:
        members = [member for member in row[3].split(",") if member and member != user]
        row[3] = ",".join(members + [user] * (row[0] in groups))
    with open("/etc/group", "w", encoding="utf-8") as file:
        file.write("".join(":".join(row) + "\n" for row in rows))
    pass_time(daemon, KNOWN_FOR)


def asked(token, *roles, user=None):
    """What is said of the token to somebody who wants one of these roles."""
    return ask("Introspect", user=user, token=token, roles=list(roles))


# ---- at the mint -------------------------------------------------------------------------------------------

def test_who_is_in_no_group_of_a_role_has_the_default_role():
    set_groups("alice")
    assert mint(alice)[1:] == ("user", ["user"])


def test_the_groups_are_read_afresh_at_each_mint():
    set_groups("alice", "crew")
    assert mint(alice)[1:] == ("manager", ["manager"])
    set_groups("alice", "deputies")
    assert mint(alice)[1:] == ("admin", ["admin"])
    set_groups("alice")
    assert mint(alice)[1:] == ("user", ["user"])


def test_the_order_of_the_policy_is_the_precedence_and_a_role_is_named_once():
    set_groups("alice", "deputies", "crew", "chiefs")
    assert mint(alice)[1:] == ("admin", ["admin", "manager"])
    set_groups("alice", "deputies", "crew")
    assert mint(alice)[1:] == ("manager", ["manager", "admin"])


def test_within_a_minute_nss_is_not_asked_again():
    set_groups("alice", "crew")
    assert mint(alice)[1] == "manager"
    host.add_group("chiefs", ["alice"])
    pass_time(daemon, 50)
    assert mint(alice)[1] == "manager"
    pass_time(daemon, 11)
    assert mint(alice)[1] == "admin"


def test_a_refreshed_token_has_the_roles_of_now():
    set_groups("alice", "crew")
    client = Varlink(daemon, user="alice")
    issued = client.call("IssueRefreshToken", sessionId=alice.sid)
    assert jose.split(issued["accessToken"])[1]["roles"] == ["manager"]
    set_groups("alice")
    refreshed = client.call("Refresh", refreshToken=issued["refreshToken"])
    assert jose.split(refreshed["accessToken"])[1]["roles"] == ["user"]


def test_the_users_own_first_group_counts_too():
    set_groups("alice")
    path = pathlib.Path("/etc/passwd")
    before = path.read_text("utf-8")
    later(lambda: path.write_text(before, "utf-8"))
    path.write_text(before.replace(":2000:2000:", f":2000:{grp.getgrnam('crew').gr_gid}:"), "utf-8")
    pass_time(daemon, KNOWN_FOR)
    assert mint(alice)[1] == "manager"


def test_a_policy_without_default_role_gives_tokens_without_roles():
    set_groups("bob")
    assert mint(bob)[1:] == (None, None)
    set_groups("bob", "chiefs")
    assert mint(bob)[1:] == ("admin", ["admin"])


def test_a_group_that_there_is_not_is_a_health_problem_until_a_reload_finds_it():
    health = ask("GetHealth")
    assert not health["ok"] and any("group" in problem for problem in health["problems"])
    host.add_group("lost-group", ["mallory"])
    ask("Reload")
    assert ask("GetHealth")["ok"]


# ---- at the check ------------------------------------------------------------------------------------------

def test_one_of_the_roles_that_are_asked_for_is_enough():
    set_groups("alice", "crew")
    token = mint(alice)[0]
    for roles in (["manager"], ["admin", "manager"], ["manager", "x"]):
        said = asked(token, *roles, user="mallory")
        assert said["active"] and said["roles"] == ["manager"]


def test_a_token_of_other_roles_is_insufficient_and_one_of_none_is_missing():
    set_groups("alice", "crew")
    set_groups("bob")
    token, none = mint(alice)[0], mint(bob)[0]
    assert ask("Introspect", token=token)["active"] and ask("Introspect", token=none)["active"]
    for who in (None, "alice"):
        assert asked(token, "admin", "manage", "Manager", user=who) == {
            "active": False, "reason": "insufficient-role"}
    for who in (None, "bob"):
        assert asked(none, "admin", user=who) == {"active": False, "reason": "missing-role"}
    assert asked(token, "admin", user="mallory") == asked(none, "admin", user="mallory") == {"active": False}


def test_what_is_wrong_with_the_token_itself_is_said_before_its_roles():
    set_groups("alice", "crew")
    token = mint(alice)[0]
    assert asked(token + "x", "admin")["reason"] == "malformed"
    reply = ask("Introspect", token=token, roles=["admin"], audience="somebody else")
    assert reply["reason"] == "wrong-audience"


def test_no_role_and_too_many_roles_are_invalid_to_ask_for():
    token = mint(alice)[0]
    for roles in ([], ["r"] * 17, ["r" * 65], "admin", [1]):
        try:
            raise AssertionError(ask("Introspect", token=token, roles=roles))
        except VarlinkError as error:
            assert (error.name, error.parameters) == ("org.varlink.service.InvalidParameter",
                                                      {"parameter": "roles"}), roles
    set_groups("alice", "crew")
    assert asked(mint(alice)[0], *["r"] * 15, "manager")["active"]


def test_the_command_asks_for_roles():
    set_groups("alice", "crew")
    token = mint(alice)[0]
    for roles, status, out in ((["--role=manager"], 0, "active\n"),
                               (["--role=admin", "--role", "x"], 1, "inactive: insufficient-role\n")):
        done = host.run_as("alice", "sessjwt", "verify", *roles, text_in=token)
        assert done.returncode == status and done.stdout.startswith(out), done
