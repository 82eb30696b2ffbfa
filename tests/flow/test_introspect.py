"""Introspect says the same of a token each time: what it says is kept as text with the token, up to 1 KiB."""
from harness import Daemon, Host, PamLogin, PamStack, Varlink, jose

ROLES = [f"{'role' * 14}{number:02}" for number in range(16)]  # of more than fits

host = Host()
for number in range(len(ROLES)):
    host.add_group(f"group{number}", ["bob"])
PamStack(host, "sshd", like="bare")
PAIRS = " ".join(f"group{number}={role}" for number, role in enumerate(ROLES))
daemon = Daemon(host, f"[policy many]\nusers = bob\nroles = {PAIRS}\n").start()


def mint(user):
    """A token of a new session."""
    login = PamLogin(host, user, environment={"SSH_AUTH_INFO_0": "password\n"})
    client = Varlink(daemon, user=user)
    return client.call("MintToken", sessionId=login.sid)["accessToken"]


def test_it_says_the_same_of_a_token_each_time_however_many_its_claims_are():
    few, many = mint("alice"), mint("bob")
    client = Varlink(daemon)
    for token, wanted in ((few, ["user"]), (many, ROLES)) * 3:
        said = client.call("Introspect", token=token)
        claims = jose.split(token)[1]
        assert said.pop("active") is True and said.pop("token_type") == "Bearer"
        assert said["roles"] == wanted and said.pop("aud") == [claims["aud"]]
        assert said == {name: value for name, value in claims.items() if name not in ("aud", "status")}


def test_roles_that_are_asked_for_are_judged_each_time():
    token = mint("bob")
    client = Varlink(daemon)
    for _ in range(2):
        assert client.call("Introspect", token=token, roles=[ROLES[3]])["active"] is True
        assert client.call("Introspect", token=token, roles=["ghost"])["active"] is False


def test_of_a_session_that_has_ended_nothing_is_said_however_often_it_was_asked_about():
    login = PamLogin(host, "alice", rhost="192.0.2.77")
    client = Varlink(daemon, user="alice")
    token = client.call("MintToken", sessionId=login.sid)["accessToken"]
    for _ in range(2):
        assert client.call("Introspect", token=token)["sid"] == login.sid
    client.call("RevokeSession", sessionId=login.sid)
    assert client.call("Introspect", token=token) == {"active": False, "reason": "revoked"}
