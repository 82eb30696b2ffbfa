"""Refresh tokens through the socket: a stolen one ends its session, a lost answer does not. Those who share
one are in test_refresh_shared."""
# timeout: 300
import base64
import time

from harness import Host, PamStack, Varlink, VarlinkError, eventually, processes
from harness.refresh_world import GRACE, TOKEN, RefreshWorld, parts

DAY = 86400

host = Host()
host.install_command()
host.add_group("sessjwt-admin", ["bob"])
PamStack(host, "sshd", like="bare")


def world_of(config="", **arguments):
    """A daemon of the test's own, and a login."""
    return RefreshWorld(host, config, **arguments)


def seconds(text):
    """An RFC 3339 time as seconds since 1970."""
    whole, _dot, rest = text.partition(".")
    return time.mktime(time.strptime(whole + " UTC", "%Y-%m-%dT%H:%M:%S %Z")) - time.timezone + \
        float("0." + rest.rstrip("Z"))


# ---- what is answered --------------------------------------------------------------------------------------

def test_issue_answers_both_tokens_and_both_expiries():
    world = world_of("[policy default]\naccess_ttl = 10m\nrefresh_ttl = 2d\n")
    before = time.time()
    reply = world.issue()
    assert set(reply) == {"accessToken", "tokenType", "expiresIn", "expiresAt", "sessionId", "refreshToken",
                          "refreshExpiresAt"}
    assert reply["sessionId"] == world.sid and reply["tokenType"] == "Bearer" and reply["expiresIn"] == 600
    assert parts(reply["refreshToken"])[:3] == (world.sid.replace("-", ""), 1, 1)
    assert world.is_active(reply)
    assert -2 < seconds(reply["expiresAt"]) - before - 600 < 5
    assert -2 < seconds(reply["refreshExpiresAt"]) - before - 2 * DAY < 5


def test_a_young_token_is_answered_as_it_is_and_an_older_one_is_rotated():
    world = world_of()
    first = world.issue()
    world.clock.advance(GRACE - 5)
    again = world.refresh(first["refreshToken"])
    assert again["refreshToken"] == first["refreshToken"]
    assert again["accessToken"] != first["accessToken"] and world.is_active(again)
    assert set(again) == set(first)
    world.clock.advance(6)
    rotated = world.refresh(first["refreshToken"])
    assert parts(rotated["refreshToken"])[:3] == (world.sid.replace("-", ""), 1, 2)
    assert world.is_active(rotated) and world.is_active(first)


def test_the_previous_token_is_answered_with_the_current_one_for_the_grace():
    world = world_of()
    first = world.issue()["refreshToken"]
    second = world.rotate(first)
    for _ in range(5):
        assert world.refresh(first)["refreshToken"] == second
    world.clock.advance(GRACE - 5)
    assert world.refresh(first)["refreshToken"] == second
    assert world.refresh(second)["refreshToken"] == second
    world.clock.advance(6)
    assert world.refused(first) == "RefreshTokenReused"


def test_refresh_is_seen():
    world = world_of()
    token = world.issue()["refreshToken"]
    seen = world.sessions.one("alice")["lastSeen"]
    world.clock.advance(5)
    world.refresh(token)
    assert 4 < seconds(world.sessions.one("alice")["lastSeen"]) - seconds(seen) < 10


def test_the_grace_is_configured_and_read_again_at_a_reload():
    world = world_of("[token]\nrefresh_grace = 0\n")
    first = world.issue()["refreshToken"]
    second = world.refresh(first)["refreshToken"]
    assert second != first
    world.daemon.write_config("[token]\nrefresh_grace = 5m\n")
    world.sessions.call("Reload")
    world.clock.advance(290)
    assert world.refresh(first)["refreshToken"] == second


def test_without_grace_a_token_is_good_once():
    world = world_of("[token]\nrefresh_grace = 0\n")
    first = world.issue()["refreshToken"]
    world.refresh(first)
    assert world.refused(first) == "RefreshTokenReused"


def test_a_wall_clock_that_is_set_does_not_matter():
    world = world_of()
    first = world.issue()["refreshToken"]
    for move in (world.clock.set_back, world.clock.set_forward):
        move(3600)
        assert world.refresh(first)["refreshToken"] == first
    second = world.rotate(first)
    world.clock.set_back(30 * DAY)
    assert world.refresh(first)["refreshToken"] == second
    assert world.rotate(second)


# ---- theft -------------------------------------------------------------------------------------------------

def test_a_stolen_older_token_ends_the_session_its_tokens_and_its_connection():
    world = world_of()
    stolen = world.issue()
    second = world.rotate(stolen["refreshToken"])
    current = world.refresh(second)
    world.clock.advance(GRACE)
    assert world.is_active(current)
    assert world.error(refreshToken=stolen["refreshToken"]) == (
        "RefreshTokenReused", {"sessionId": world.sid})
    assert not world.is_active(current)
    processes.wait_gone(world.login.pid)
    assert world.sessions.wait_end(world.sid, 5.0) == "refresh-reuse"
    for token in (stolen["refreshToken"], second):
        assert world.error(refreshToken=token) == ("SessionNotFound", {"sessionId": world.sid})


def test_a_thief_who_is_first_is_found_out_by_the_victim():
    world = world_of()
    shared = world.issue()["refreshToken"]
    thief = world.rotate(shared)
    world.clock.advance(GRACE + 1)
    assert world.refused(shared) == "RefreshTokenReused"
    assert world.refused(thief) in ("SessionEnded", "SessionNotFound")


def test_the_end_by_reuse_outlives_a_crash_right_behind_the_answer():
    world = world_of()
    first = world.issue()["refreshToken"]
    second = world.rotate(first)
    world.clock.advance(GRACE + 1)
    assert world.refused(first) == "RefreshTokenReused"
    world.daemon.kill()
    world.daemon.start()
    assert world.refused(second) in ("SessionEnded", "SessionNotFound")


# ---- what is refused ---------------------------------------------------------------------------------------

def test_what_is_no_token_of_ours_is_refused_and_ends_nothing():
    world = world_of()
    reply = world.issue()
    token = reply["refreshToken"]
    body = base64.urlsafe_b64decode(token[5:])
    forged = [token[:-1], token + "A", token + "=", "", "sjr1_", token.upper(), " " + token, token[5:],
              "sjr2_" + token[5:], reply["accessToken"], "x" * 8192]
    for byte in range(len(body)):
        changed = bytearray(body)
        changed[byte] ^= 0x80
        forged.append("sjr1_" + base64.urlsafe_b64encode(changed).decode())
    client = Varlink(world.daemon, user="mallory")
    for text in forged:
        try:
            raise AssertionError(f"{text} was answered {client.call('Refresh', refreshToken=text)}")
        except VarlinkError as error:
            assert (error.name, error.parameters) == ("org.sessjwt.InvalidRefreshToken", {}), text
    for parameters in ({}, {"refreshToken": 1}, {"refreshToken": "x" * 8193}, {"refreshToken": "a\nb"}):
        assert world.error(**parameters) == ("InvalidParameter", {"parameter": "refreshToken"})
    assert world.refresh(token)["refreshToken"] == token


def test_a_token_of_another_daemon_is_refused():
    theirs = world_of().issue()["refreshToken"]
    assert world_of(runtime_dir=host.dir / "other").refused(theirs) == "InvalidRefreshToken"


def test_a_token_expires_refresh_ttl_after_its_last_rotation_and_another_can_be_issued():
    world = world_of("[policy default]\nrefresh_ttl = 1h\n")
    token = world.issue()["refreshToken"]
    world.clock.advance(3590)
    token = world.refresh(token)["refreshToken"]
    world.clock.advance(3590)
    token = world.refresh(token)["refreshToken"]
    world.clock.advance(3601)
    assert world.error(refreshToken=token) == ("RefreshTokenExpired", {"sessionId": world.sid})
    assert world.sessions.one("alice")["state"] == "live"
    other = world.issue()["refreshToken"]
    assert parts(other)[1:3] == (2, 1)
    assert world.refused(token) == "RefreshTokenExpired"
    assert world.refresh(other)["refreshToken"] == other


def test_issuing_again_gives_the_same_token_and_prolongs_it():
    world = world_of("[policy default]\nrefresh_ttl = 1h\n")
    token = world.issue()["refreshToken"]
    for _ in range(3):
        world.clock.advance(3000)
        assert world.issue()["refreshToken"] == token
    assert parts(world.refresh(token)["refreshToken"])[1:3] == (1, 2)


def test_without_refresh_ttl_only_the_session_ends_the_token():
    world = world_of("[policy default]\nrefresh_ttl = 0\n")
    reply = world.issue()
    assert "refreshExpiresAt" not in reply
    world.clock.advance(1000 * DAY)
    assert world.refresh(reply["refreshToken"])["refreshToken"] != reply["refreshToken"]


def test_no_token_outlives_its_session():
    world = world_of("[policy default]\nsession_ttl = 1h\n")
    reply = world.issue()
    assert reply["refreshExpiresAt"] == world.sessions.one("alice")["expiresAt"]
    world.clock.advance(3500)
    reply = world.refresh(reply["refreshToken"])
    assert reply["expiresIn"] <= 100
    world.clock.advance(101)
    name, parameters = world.error(refreshToken=reply["refreshToken"])
    assert (name, parameters) in (("SessionEnded", {"sessionId": world.sid, "endReason": "expired"}),
                                  ("SessionNotFound", {"sessionId": world.sid}))
    assert world.sessions.wait_end(world.sid, 5.0) == "expired"


def test_a_revoked_session_refreshes_no_more():
    world = world_of()
    token = world.issue()["refreshToken"]
    world.sessions.call("RevokeSession", sessionId=world.sid)
    assert world.refused(token) in ("SessionEnded", "SessionNotFound")
    eventually(lambda: world.refused(token) == "SessionNotFound", what="the session gone")


def test_a_session_that_is_ending_is_refused_with_its_reason():
    world = world_of()
    token = world.issue()["refreshToken"]
    world.login.pause()  # so it is told to go, and stays
    world.sessions.call("RevokeSession", sessionId=world.sid)
    refusal = ("SessionEnded", {"sessionId": world.sid, "endReason": "revoked"})
    assert world.error(refreshToken=token) == refusal
    assert world.error("IssueRefreshToken", "alice", sessionId=world.sid) == refusal


def test_only_the_owner_is_issued_a_refresh_token():
    world = world_of()
    for user in ("bob", None):
        assert world.error("IssueRefreshToken", user, sessionId=world.sid) == ("PermissionDenied", {}), user
    assert world.error("IssueRefreshToken", sessionId=world.sid) == (
        "SessionNotFound", {"sessionId": world.sid})
    assert world.error("IssueRefreshToken", "alice") == ("NoSession", {})
    assert world.error("IssueRefreshToken", "alice", sessionId="x") == (
        "InvalidParameter", {"parameter": "sessionId"})
    assert world.error("IssueRefreshToken", "alice", sessionId=world.sid, audience="x") == (
        "InvalidParameter", {"parameter": "audience"})


def test_neither_hash_nor_token_is_shown_or_logged():
    world = world_of()
    tokens = [world.issue()["refreshToken"]]
    tokens.append(world.rotate(tokens[0]))
    world.refused(tokens[1][:-4] + "AAAA")
    shown = str(world.sessions.of()) + str(world.sessions.call("GetSession", sessionId=world.sid))
    for text in (shown, world.daemon.log()):
        assert "refresh" not in text and "sjr1_" not in text


# ---- answers that were lost --------------------------------------------------------------------------------

def lose_an_answer(point):
    """A client whose daemon dies in the middle of its refresh asks again with what it has."""
    world = world_of()
    token = world.issue()["refreshToken"]
    world.clock.advance(GRACE + 1)
    world.daemon.stop()
    world.daemon.start(hooks=f"{point}=kill")
    client = Varlink(world.daemon, user="mallory")
    client.send_call("Refresh", {"refreshToken": token})
    assert client.read_reply() is None
    assert world.daemon.wait_ended() == -9, "the point was not reached"
    world.daemon.start()
    reply = world.refresh(token)
    assert parts(reply["refreshToken"])[1:3] == (1, 2)
    assert world.is_active(reply)
    assert world.refresh(token)["refreshToken"] == reply["refreshToken"]
    assert world.rotate(reply["refreshToken"])


def test_a_daemon_killed_before_the_commit_logs_nobody_out():
    lose_an_answer("before-commit")


def test_a_daemon_killed_after_the_commit_logs_nobody_out():
    lose_an_answer("after-commit")


def test_a_daemon_killed_before_the_reply_logs_nobody_out():
    lose_an_answer("before-reply")


def test_a_token_outlives_restarts_and_crashes_of_the_daemon():
    world = world_of()
    token = world.issue()["refreshToken"]
    for end in (world.daemon.stop, world.daemon.kill):
        end()
        world.daemon.start()
        assert world.refresh(token)["refreshToken"] == token
        token = world.rotate(token)


def test_a_token_does_not_outlive_a_reboot():
    world = world_of()
    reply = world.issue()
    world.daemon.stop()
    world.daemon.boot_id = "11111111-2222-3333-4444-555555555555"
    world.daemon.start()
    assert world.error(refreshToken=reply["refreshToken"]) == ("SessionNotFound", {"sessionId": world.sid})
    assert not world.is_active(reply)


def test_a_credential_that_wraps_keys_takes_part_in_refresh_tokens():
    world = world_of()
    plain = world.issue()["refreshToken"]
    folder = host.dir / "credentials"
    folder.mkdir(exist_ok=True)
    (folder / "sessjwt-wrapping-key").write_text("5a" * 32, "ascii")
    (folder / "sessjwt-wrapping-key").chmod(0o600)
    world.daemon.environment = {"CREDENTIALS_DIRECTORY": str(folder)}
    world.daemon.restart()
    assert world.refused(plain) == "InvalidRefreshToken"
    bound = world.issue()["refreshToken"]
    assert parts(bound)[:3] == parts(plain)[:3] and bound != plain
    world.daemon.restart()
    assert world.refresh(bound)["refreshToken"] == bound


# ---- the command -------------------------------------------------------------------------------------------

def test_the_command_trades_a_token_for_the_next_pair():
    world = world_of()
    answer = world.login.run(2000, "sessjwt token --refresh")
    access, token = answer.text.splitlines()
    assert answer.rc == 0 and access.count(".") == 2 and TOKEN.fullmatch(token)
    world.clock.advance(GRACE + 1)
    done = host.run_as("mallory", "sh", "-c", f"printf '%s\\n%s\\n' {access} {token} | sessjwt refresh")
    assert done.returncode == 0, done
    access, rotated = done.stdout.splitlines()
    assert world.is_active({"accessToken": access}) and parts(rotated)[2] == 2
    done = host.run_as("mallory", "sh", "-c", f"echo {token} | sessjwt refresh -j")
    assert f'"refreshToken":"{rotated}"' in done.stdout, done
    script = "umask 077; cd ~mallory; cat > pair; sessjwt refresh pair > next && mv next pair && cat pair"
    done = host.run_as("mallory", "sh", "-c", f"printf '%s\\n%s\\n' {access} {rotated} | ({script})")
    assert done.stdout.splitlines()[1:] == [rotated], done
    world.clock.advance(GRACE + 1)
    done = host.run_as("mallory", "sh", "-c", f"echo {token} | sessjwt refresh -")
    assert done.returncode == 1 and done.stdout == "" and world.sid in done.stderr, done
