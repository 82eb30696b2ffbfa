"""A store that is not what was here last, put in its place by hand: nothing comes back that had ended."""
# timeout: 240
import itertools
import os
import shutil

from harness import Clock, Daemon, Host, PamLogin, PamStack, Varlink, VarlinkError, jose, processes
from harness.signing_keys import call, is_active, keys, mint, published
from harness.verify_loop import UNKNOWN_KEY, VerifyLoop

CALM = "[policy default]\nterminate = none\n"
TOLD = "the store is not what was here last"
OTHER_BOOT = "11111111-2222-4333-8444-555555555555"

host = Host()
PamStack(host, "sshd", like="bare", options="timeout=1s")
_numbers = itertools.count()


def start(**arguments):
    """A daemon of the test's own, with a public folder that nobody has written to."""
    shutil.rmtree(host.runtime_dir / "public", ignore_errors=True)
    clock = Clock(host.dir / f"clock-{next(_numbers)}")
    return Daemon(host, arguments.pop("config", CALM), clock=clock, **arguments).start()


def log_in(user="alice"):
    """A session, from an address of its own."""
    return PamLogin(host, user, rhost=f"192.0.2.{next(_numbers) % 200 + 20}")


def store_of(daemon):
    """Its file."""
    return daemon.state_dir / "data.mdb"


def keep(daemon):
    """Copies the store aside while the daemon is stopped; starts it again."""
    daemon.stop()
    kept = host.dir / f"kept-{next(_numbers)}"
    shutil.copy(store_of(daemon), kept)
    daemon.start()
    return kept


def put(daemon, kept):
    """Stops the daemon and puts the kept file in the place of its store."""
    if daemon.is_running():
        daemon.stop()
    shutil.copy(kept, store_of(daemon))


def refresh_token(daemon, login):
    """One for a login."""
    return call(daemon, "IssueRefreshToken", user=login.user, sessionId=login.sid)["refreshToken"]


def refresh_error(daemon, token):
    """The name of the error that this one meets."""
    try:
        call(daemon, "Refresh", user="alice", refreshToken=token)
    except VarlinkError as error:
        return error.name
    return None


def sessions(daemon):
    """Ids of those that live."""
    return {row["sessionId"] for row in Varlink(daemon).call("ListSessions", all=True)["sessions"]
            if row["state"] == "live"}


def revoke(daemon, login):
    """Ends it."""
    Varlink(daemon, user=login.user).call("RevokeSession", sessionId=login.sid)


class World:
    """A store of a moment at which alice has two sessions; one of them ends afterwards, and bob comes."""

    def __init__(self, **arguments):
        self.daemon = start(**arguments)
        self.kept_login, self.ended_login = log_in(), log_in()
        self.tokens = [mint(self.daemon, login) for login in (self.kept_login, self.ended_login)]
        self.refresh_tokens = [refresh_token(self.daemon, login)
                               for login in (self.kept_login, self.ended_login)]
        self.file = keep(self.daemon)
        revoke(self.daemon, self.ended_login)
        self.later_login = log_in("bob")
        self.tokens.append(mint(self.daemon, self.later_login))
        self.refresh_tokens.append(refresh_token(self.daemon, self.later_login))

    def assert_renewed(self):
        """Nothing of before counts; what comes now does."""
        daemon = self.daemon
        assert not sessions(daemon)
        assert not any(is_active(daemon, token) for token in self.tokens)
        assert {refresh_error(daemon, token) for token in self.refresh_tokens} == \
            {"org.sessjwt.InvalidRefreshToken"}
        again = log_in()
        token = mint(daemon, again)
        assert is_active(daemon, token)
        assert jose.split(token)[1]["reset"] > 0, "its user was reset"
        assert sessions(daemon) == {again.sid}


def test_an_older_store_is_recognised_by_the_page_and_nothing_of_it_comes_back():
    world = World()
    before = set(published(world.daemon))
    put(world.daemon, world.file)
    (world.daemon.state_dir / "seen").unlink()
    world.daemon.start()
    assert TOLD in world.daemon.log()
    world.assert_renewed()
    assert not before & set(published(world.daemon)), "every key is new"


def test_an_older_store_is_recognised_after_a_reboot_too_when_there_is_no_page():
    world = World()
    put(world.daemon, world.file)
    shutil.rmtree(host.runtime_dir / "public")
    world.daemon.boot_id = OTHER_BOOT
    world.daemon.start()
    assert TOLD in world.daemon.log()
    world.assert_renewed()


def test_applications_refuse_in_their_own_processes_what_an_older_store_knew():
    world = World()
    loop = VerifyLoop(host, world.daemon, [world.tokens[0], world.tokens[2]])
    loop.wait_calls(100)
    assert all(loop.seen(token).refused_first == 0 for token in loop.tokens)
    put(world.daemon, world.file)
    world.daemon.start()
    for token in loop.tokens:
        loop.wait_answer(token, UNKNOWN_KEY)


def test_the_newer_store_that_is_put_back_again_is_another_one_by_then():
    world = World()
    world.daemon.stop()
    newer = host.dir / "newer"
    shutil.copy(store_of(world.daemon), newer)
    put(world.daemon, world.file)
    world.daemon.start()
    put(world.daemon, newer)
    before = world.daemon.log_end()
    world.daemon.start()
    assert TOLD in world.daemon.log(before)
    world.assert_renewed()


def test_the_end_of_each_session_is_told_with_its_reason():
    world = World()
    put(world.daemon, world.file)
    before = world.daemon.log_end()
    world.daemon.start()
    for login in (world.kept_login, world.ended_login):
        line = world.daemon.wait_for_log(login.sid, after=before)
        assert "account-reset" in line and "the store was restored" in line, line


def test_logins_whose_policy_says_so_are_ended_with_their_sessions():
    daemon = start(config="")
    login = log_in()
    kept = keep(daemon)
    log_in("bob")
    put(daemon, kept)
    daemon.start()
    processes.wait_gone(login.pid, 20.0)


def test_a_store_that_goes_on_is_not_renewed_whatever_ended_its_daemon():
    daemon = start()
    login = log_in()
    token, refresh, before = mint(daemon, login), refresh_token(daemon, login), keys(daemon)
    for end in (daemon.stop, daemon.kill, daemon.stop):
        end()
        daemon.start()
        assert is_active(daemon, token) and keys(daemon) == before and login.sid in sessions(daemon)
    daemon.stop()
    shutil.rmtree(host.runtime_dir / "public")
    daemon.start()
    daemon.kill()
    (daemon.state_dir / "seen").unlink()
    daemon.start()
    assert is_active(daemon, token) and login.sid in sessions(daemon)
    assert refresh_error(daemon, refresh) is None
    assert TOLD not in daemon.log()


def test_a_new_store_where_another_one_was_has_nothing_to_renew():
    daemon = start()
    mint(daemon, log_in())
    daemon.stop()
    store_of(daemon).unlink()
    (daemon.state_dir / "lock.mdb").unlink()
    daemon.start()
    assert TOLD not in daemon.log()
    assert not sessions(daemon) and is_active(daemon, mint(daemon, log_in()))


def test_a_renewal_that_a_crash_interrupts_begins_anew():
    for hook in ("renewal-begun", "renewal-ended-sessions"):
        world = World()
        put(world.daemon, world.file)
        world.daemon.start(ready=False, hooks=f"{hook}=kill")
        assert world.daemon.wait_ended() == -9
        shutil.rmtree(host.runtime_dir / "public")
        (world.daemon.state_dir / "seen").unlink()
        before = world.daemon.log_end()
        world.daemon.start()
        assert "the store is a restored copy" in world.daemon.log(before)
        world.assert_renewed()
        token = mint(world.daemon, log_in())
        before = world.daemon.log_end()
        world.daemon.restart()
        assert is_active(world.daemon, token) and "restored" not in world.daemon.log(before)
        world.daemon.stop()


def test_a_wrapped_store_is_renewed_without_the_credential_of_its_old_keys():
    folder = host.dir / f"credentials-{next(_numbers)}"
    folder.mkdir(mode=0o700)
    (folder / "sessjwt-wrapping-key").write_bytes(os.urandom(32))
    world = World(environment={"CREDENTIALS_DIRECTORY": str(folder)})
    put(world.daemon, world.file)
    (folder / "sessjwt-wrapping-key").write_bytes(os.urandom(32))
    world.daemon.start()
    world.assert_renewed()
    token = mint(world.daemon, log_in())
    world.daemon.restart()
    assert is_active(world.daemon, token)


def test_a_store_of_another_schema_is_refused_with_what_to_do():
    daemon = start()
    daemon.stop()
    data = store_of(daemon).read_bytes()
    at = data.rindex(b"schema") + 6
    assert data.count(b"schema") >= 1
    changed = bytearray(data)
    place = 0
    while (place := data.find(b"schema", place)) >= 0:
        changed[place + 6] = 99
        place += 6
    assert at
    store_of(daemon).write_bytes(bytes(changed))
    daemon.start(ready=False)
    assert daemon.wait_ended() == 1
    said = daemon.log()
    assert "schema 99" in said and "last opened by sessjwtd 0." in said, said
    assert f"{daemon.state_dir}/backups" in said and "move" in said, said
