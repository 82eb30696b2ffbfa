"""Refresh tokens through the socket: who shares one stays logged in, a stolen one ends its session, a lost
answer does not."""
# timeout: 300
import base64
import random
import re
import time

from harness import (Clock, Daemon, Host, PamLogin, PamStack, SessionList, Varlink, VarlinkError, eventually,
                     processes)

GRACE = 30
DAY = 86400
TOKEN = re.compile(r"sjr1_[A-Za-z0-9_-]{80}")

host = Host()
host.install_command()
host.add_group("sessjwt-admin", ["bob"])
PamStack(host, "sshd", like="bare")
_worlds = 0


class World:
    """A daemon of the test's own with a clock, and a login of alice."""

    def __init__(self, config="", **arguments):
        global _worlds
        _worlds += 1
        self.clock = Clock(host.dir / f"clock-{_worlds}")
        self.daemon = Daemon(host, config, clock=self.clock, **arguments).start()
        self.sessions = SessionList(self.daemon)
        self.login = PamLogin(host, "alice")
        self.sid = self.login.sid
        assert self.sid, self.login.answer

    def ask(self, method, user="mallory", **parameters):
        """One call on a connection of its own; nobody in particular asks."""
        client = Varlink(self.daemon, user=user)
        try:
            return client.call(method, **parameters)
        finally:
            client.close()

    def issue(self):
        """The owner's IssueRefreshToken."""
        return self.ask("IssueRefreshToken", "alice", sessionId=self.sid)

    def refresh(self, token):
        """Refresh, by a stranger who has the token."""
        return self.ask("Refresh", refreshToken=token)

    def error(self, method="Refresh", user="mallory", **parameters):
        """(name, parameters) of a call that must be refused."""
        try:
            reply = self.ask(method, user, **parameters)
        except VarlinkError as error:
            return error.name.rpartition(".")[2], error.parameters
        raise AssertionError(f"{method} was answered: {reply}")

    def refused(self, token):
        """The name of the error that a refresh with this token meets."""
        return self.error(refreshToken=token)[0]

    def is_active(self, reply):
        """Whether the reply's access token is good now."""
        return self.sessions.call("Introspect", token=reply["accessToken"])["active"]

    def rotate(self, token):
        """Time passes, and the token is replaced. Returns the next one."""
        self.clock.advance(GRACE + 1)
        reply = self.refresh(token)
        assert reply["refreshToken"] != token
        return reply["refreshToken"]


def parts(token):
    """(sid, chain, counter, MAC) of a token."""
    assert TOKEN.fullmatch(token), token
    data = base64.urlsafe_b64decode(token[5:])
    return data[:16].hex(), int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:28], "big"), data[28:]


def seconds(text):
    """An RFC 3339 time as seconds since 1970."""
    whole, _dot, rest = text.partition(".")
    return time.mktime(time.strptime(whole + " UTC", "%Y-%m-%dT%H:%M:%S %Z")) - time.timezone + \
        float("0." + rest.rstrip("Z"))


# ---- what is answered --------------------------------------------------------------------------------------

def test_issue_answers_both_tokens_and_both_expiries():
    world = World("[policy default]\naccess_ttl = 10m\nrefresh_ttl = 2d\n")
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
    world = World()
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
    world = World()
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
    world = World()
    token = world.issue()["refreshToken"]
    seen = world.sessions.one("alice")["lastSeen"]
    world.clock.advance(5)
    world.refresh(token)
    assert 4 < seconds(world.sessions.one("alice")["lastSeen"]) - seconds(seen) < 10


def test_the_grace_is_configured_and_read_again_at_a_reload():
    world = World("[token]\nrefresh_grace = 0\n")
    first = world.issue()["refreshToken"]
    second = world.refresh(first)["refreshToken"]
    assert second != first
    world.daemon.write_config("[token]\nrefresh_grace = 5m\n")
    world.sessions.call("Reload")
    world.clock.advance(290)
    assert world.refresh(first)["refreshToken"] == second


def test_without_grace_a_token_is_good_once():
    world = World("[token]\nrefresh_grace = 0\n")
    first = world.issue()["refreshToken"]
    world.refresh(first)
    assert world.refused(first) == "RefreshTokenReused"


def test_a_wall_clock_that_is_set_does_not_matter():
    world = World()
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
    world = World()
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
    world = World()
    shared = world.issue()["refreshToken"]
    thief = world.rotate(shared)
    world.clock.advance(GRACE + 1)
    assert world.refused(shared) == "RefreshTokenReused"
    assert world.refused(thief) in ("SessionEnded", "SessionNotFound")


def test_the_end_by_reuse_outlives_a_crash_right_behind_the_answer():
    world = World()
    first = world.issue()["refreshToken"]
    second = world.rotate(first)
    world.clock.advance(GRACE + 1)
    assert world.refused(first) == "RefreshTokenReused"
    world.daemon.kill()
    world.daemon.start()
    assert world.refused(second) in ("SessionEnded", "SessionNotFound")


# ---- what is refused ---------------------------------------------------------------------------------------

def test_what_is_no_token_of_ours_is_refused_and_ends_nothing():
    world = World()
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
    theirs = World().issue()["refreshToken"]
    assert World(runtime_dir=host.dir / "other").refused(theirs) == "InvalidRefreshToken"


def test_a_token_expires_refresh_ttl_after_its_last_rotation_and_another_can_be_issued():
    world = World("[policy default]\nrefresh_ttl = 1h\n")
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
    world = World("[policy default]\nrefresh_ttl = 1h\n")
    token = world.issue()["refreshToken"]
    for _ in range(3):
        world.clock.advance(3000)
        assert world.issue()["refreshToken"] == token
    assert parts(world.refresh(token)["refreshToken"])[1:3] == (1, 2)


def test_without_refresh_ttl_only_the_session_ends_the_token():
    world = World("[policy default]\nrefresh_ttl = 0\n")
    reply = world.issue()
    assert "refreshExpiresAt" not in reply
    world.clock.advance(1000 * DAY)
    assert world.refresh(reply["refreshToken"])["refreshToken"] != reply["refreshToken"]


def test_no_token_outlives_its_session():
    world = World("[policy default]\nsession_ttl = 1h\n")
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
    world = World()
    token = world.issue()["refreshToken"]
    world.sessions.call("RevokeSession", sessionId=world.sid)
    assert world.refused(token) in ("SessionEnded", "SessionNotFound")
    eventually(lambda: world.refused(token) == "SessionNotFound", what="the session gone")


def test_a_session_that_is_ending_is_refused_with_its_reason():
    world = World()
    token = world.issue()["refreshToken"]
    world.login.pause()  # so it is told to go, and stays
    world.sessions.call("RevokeSession", sessionId=world.sid)
    refusal = ("SessionEnded", {"sessionId": world.sid, "endReason": "revoked"})
    assert world.error(refreshToken=token) == refusal
    assert world.error("IssueRefreshToken", "alice", sessionId=world.sid) == refusal


def test_only_the_owner_is_issued_a_refresh_token():
    world = World()
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
    world = World()
    tokens = [world.issue()["refreshToken"]]
    tokens.append(world.rotate(tokens[0]))
    world.refused(tokens[1][:-4] + "AAAA")
    shown = str(world.sessions.of()) + str(world.sessions.call("GetSession", sessionId=world.sid))
    for text in (shown, world.daemon.log()):
        assert "refresh" not in text and "sjr1_" not in text


# ---- answers that were lost --------------------------------------------------------------------------------

def lose_an_answer(point):
    """A client whose daemon dies in the middle of its refresh asks again with what it has."""
    world = World()
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
    world = World()
    token = world.issue()["refreshToken"]
    for end in (world.daemon.stop, world.daemon.kill):
        end()
        world.daemon.start()
        assert world.refresh(token)["refreshToken"] == token
        token = world.rotate(token)


def test_a_token_does_not_outlive_a_reboot():
    world = World()
    reply = world.issue()
    world.daemon.stop()
    world.daemon.boot_id = "11111111-2222-3333-4444-555555555555"
    world.daemon.start()
    assert world.error(refreshToken=reply["refreshToken"]) == ("SessionNotFound", {"sessionId": world.sid})
    assert not world.is_active(reply)


def test_a_credential_that_wraps_keys_takes_part_in_refresh_tokens():
    world = World()
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


# ---- many who share one token ------------------------------------------------------------------------------

def check_one_chain(world, tokens):
    """All tokens that were ever given are one sequence, each one text, and the session lives."""
    by_counter = {}
    for token in tokens:
        _sid, chain, counter, _mac = parts(token)
        assert chain == 1 and by_counter.setdefault(counter, token) == token
    assert sorted(by_counter) == list(range(1, len(by_counter) + 1))
    assert world.sessions.one("alice")["state"] == "live"
    assert not world.sessions.ends(world.sid)
    return len(by_counter)


class Sharer:
    """A program with a connection of its own that refreshes; some of its answers get lost."""

    def __init__(self, world, token):
        self.client = Varlink(world.daemon)
        self.read = self.token = token

    def begin(self):
        """Sends its token."""
        self.client.send_call("Refresh", {"refreshToken": self.token})

    def end(self, given, lost):
        """Reads the answer, and takes it over unless it got lost."""
        reply = self.client.read_reply()
        assert "error" not in reply, reply
        given.append(reply["parameters"]["refreshToken"])
        if not lost:
            self.token = given[-1]


def share(n_clients, n_calls, seed):
    """Each with a copy of its own: at random moments random ones refresh, at once where there are several;
    none stays away for longer than the grace, in which a lost answer may have to be asked for again."""
    dice = random.Random(seed)
    world = World()
    given = [world.issue()["refreshToken"]]
    sharers = [Sharer(world, given[0]) for _ in range(n_clients)]
    idle = [0.0] * n_clients
    calls = 0
    while calls < n_calls:
        step = dice.choice((0, 0, 0.1, 1, 5, 9, 14))
        world.clock.advance(step)
        idle = [seconds_idle + step for seconds_idle in idle]
        chosen = [i for i in range(n_clients) if idle[i] > GRACE - 16 or dice.random() < 0.4]
        dice.shuffle(chosen)
        for i in chosen:
            sharers[i].begin()
        for i in chosen:
            sharers[i].end(given, lost := dice.random() < 0.1 and idle[i] <= GRACE - 16)
            idle[i] = idle[i] if lost else 0.0
        calls += len(chosen)
    return check_one_chain(world, given), calls


def test_two_clients_that_share_one_token_refresh_10000_times_and_stay_logged_in():
    rotations, calls = share(2, 10000, seed=1)
    assert rotations > 300 and calls >= 10000, (rotations, calls)


def test_five_clients_that_share_one_token_refresh_10000_times_and_stay_logged_in():
    rotations, calls = share(5, 10000, seed=2)
    assert rotations > 300 and calls >= 10000, (rotations, calls)


def share_a_file(n_clients, n_calls, seed):
    """All read one file before they refresh, and write what they were answered if it is another token; who
    gets no answer asks again soon. Between two refreshes any time passes."""
    dice = random.Random(seed)
    world = World()
    file = world.issue()["refreshToken"]
    given = [file]
    while len(given) < n_calls:
        world.clock.advance(dice.choice((0, 0, 1, 10, 31, 900, 7200, DAY)))
        sharers = [Sharer(world, file) for _ in range(dice.randint(1, n_clients))]
        for sharer in sharers:
            sharer.begin()
        for sharer in sharers:
            sharer.end(given, lost := dice.random() < 0.3)
            if lost:
                world.clock.advance(dice.choice((0, 1, 5)))
                sharer.begin()
                sharer.end(given, False)
            sharer.client.close()
            file = sharer.token if sharer.token != sharer.read else file
    return check_one_chain(world, given), len(given)


def test_two_clients_that_share_one_file_stay_logged_in_however_long_they_pause():
    rotations, calls = share_a_file(2, 1000, seed=3)
    assert rotations > 200 and calls >= 1000, (rotations, calls)


def test_five_clients_that_share_one_file_stay_logged_in_however_long_they_pause():
    rotations, calls = share_a_file(5, 1000, seed=4)
    assert rotations > 100 and calls >= 1000, (rotations, calls)


def test_a_hundred_who_ask_at_the_same_moment_are_answered_alike():
    world = World()
    token = world.issue()["refreshToken"]
    for _ in range(3):
        world.clock.advance(GRACE + 1)
        clients = [Varlink(world.daemon) for _ in range(100)]
        for client in clients:
            client.send_call("Refresh", {"refreshToken": token})
        answers = {client.read_reply()["parameters"]["refreshToken"] for client in clients}
        assert len(answers) == 1 and token not in answers
        token, = answers
        for client in clients:
            client.close()
    assert parts(token)[2] == 4


# ---- the command -------------------------------------------------------------------------------------------

def test_the_command_trades_a_token_for_the_next_pair():
    world = World()
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
