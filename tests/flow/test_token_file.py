"""The token file of a session: it follows the session, the configuration and the clock, and what cannot be
written is said and refuses nobody.
"""
# timeout: 240
import os
import pathlib
import pwd
import subprocess
import threading

from harness import (Clock, Daemon, Host, PamLogin, PamStack, SessionList, Varlink, eventually, frame, jose,
                     later)
from harness.passing import pass_time, rounds

ON = "[token]\ntoken_file = yes\n"
TTL = 900
TWO_THIRDS = TTL * 2 / 3

host = Host()
host.install_command()
PamStack(host, "sshd", like="bare")
public = host.runtime_dir / "public"
tokens = public / "tokens"
_worlds = 0


def start(config=ON, **arguments):
    """A daemon of the test's own, with a clock and, behind it, no file of anybody."""
    global _worlds
    _worlds += 1
    return Daemon(host, config, clock=Clock(host.dir / f"clock-{_worlds}"), **arguments).start()


def ask(daemon, method, user=None, **parameters):
    """One call on a connection of its own: the clock's hours close any other."""
    client = Varlink(daemon, user=user)
    try:
        return client.call(method, **parameters)
    finally:
        client.close()


def variable(login):
    """What the login was told of its file; "" for nothing."""
    return login.app.getenv(1, "BEARER_TOKEN_FILE") or ""


def path_of(login, uid=None):
    """Where its file should be."""
    return tokens / str(pwd.getpwnam(login.user).pw_uid if uid is None else uid) / f"{login.sid}.jwt"


def claims(path):
    """What the token says."""
    return jose.split(path.read_text())[1]


def is_active(daemon, token):
    """Whether the daemon takes it."""
    return ask(daemon, "Introspect", token=token)["active"]


def all_files():
    """Names of files and folders below tokens/; os.walk passes over those that go meanwhile."""
    return [name for _folder, folders, names in os.walk(tokens) for name in folders + names]


def wait_file(path):
    """Until it is there."""
    eventually(path.exists, what=str(path))


def wait_no_file(path):
    """Until it is gone."""
    eventually(lambda: not path.exists(), what=f"no {path}")


def wait_new(path, old):
    """Until another token is there."""
    eventually(lambda: path.read_text() != old, what=f"another token in {path}")
    return path.read_text()


def reload(daemon, config):
    """Another configuration."""
    daemon.write_config(config)
    ask(daemon, "Reload")


# ---- a login -----------------------------------------------------------------------------------------------

def test_a_login_has_a_valid_token_in_its_file_before_it_goes_on():
    daemon = start()
    login = PamLogin(host, "alice")
    assert variable(login) == str(path_of(login))
    token = path_of(login).read_text()
    assert is_active(daemon, token)
    said = claims(path_of(login))
    assert (said["sid"], said["sub"], said["roles"]) == (login.sid, "alice", ["user"])


def test_by_default_there_is_no_file_and_nothing_is_said_of_one():
    start("")
    login = PamLogin(host, "alice")
    assert login.sid and variable(login) == "" and not all_files()


def test_the_first_token_has_the_roles_of_the_groups_that_the_login_found():
    host.add_group("chiefs", ["bob"])
    start(ON + "[policy default]\nroles = chiefs=admin\n")
    assert claims(path_of(PamLogin(host, "bob")))["role"] == "admin"


def test_root_has_a_file_as_well():
    start()
    login = PamLogin(host, "root")
    assert variable(login) == str(path_of(login, 0)) and claims(path_of(login, 0))["uid"] == 0


def test_it_is_readable_by_its_user_and_nobody_else():
    start()
    login = PamLogin(host, "alice")
    path = path_of(login)
    for folder, mode in ((tokens, 0o711), (path.parent, 0o750), (path, 0o640)):
        assert folder.stat().st_mode & 0o7777 == mode, folder
    assert host.run_as("alice", "cat", str(path)).stdout == path.read_text()
    assert host.run_as("alice", "ls", str(path.parent)).returncode == 0
    assert host.run_as("alice", "sh", "-c", f"echo x >{path}").returncode != 0
    for command in (["cat", path], ["ls", path], ["stat", path], ["ls", path.parent], ["ls", tokens]):
        assert host.run_as("mallory", *map(str, command)).returncode != 0, command
    assert host.run_as("alice", "ls", str(tokens)).returncode != 0


def test_each_session_of_a_user_has_its_own():
    start()
    first, second = PamLogin(host, "alice"), PamLogin(host, "alice", rhost="192.0.2.11")
    assert path_of(first).parent == path_of(second).parent
    assert [claims(path_of(login))["sid"] for login in (first, second)] == [first.sid, second.sid]
    first.log_out()
    wait_no_file(path_of(first))
    assert claims(path_of(second))["sid"] == second.sid


def test_two_names_of_one_uid_share_a_folder_and_no_file():
    passwd = pathlib.Path("/etc/passwd")
    before = passwd.read_text("utf-8")
    row = next(line for line in before.splitlines() if line.startswith("alice:"))
    passwd.write_text(before + row.replace("alice:", "alias:", 1) + "\n", "utf-8")
    later(lambda: passwd.write_text(before, "utf-8"))
    start()
    logins = PamLogin(host, "alice"), PamLogin(host, "alias")
    assert [claims(path_of(login))["sub"] for login in logins] == ["alice", "alias"]
    logins[1].log_out()
    wait_no_file(path_of(logins[1]))
    assert claims(path_of(logins[0]))["sub"] == "alice"


# ---- its end -----------------------------------------------------------------------------------------------

def test_logging_out_takes_it_away_before_the_answer():
    start()
    login = PamLogin(host, "alice")
    path = path_of(login)
    login.app.close_session(1)
    assert not path.exists() and variable(login) == ""
    assert not all_files()


def test_a_revocation_takes_it_away_before_the_answer():
    daemon = start()
    login = PamLogin(host, "alice")
    ask(daemon, "RevokeSession", sessionId=login.sid)
    assert not path_of(login).exists()


def test_the_death_of_the_leader_takes_it_away():
    start()
    login = PamLogin(host, "alice")
    path = path_of(login)
    login.kill()
    wait_no_file(path)


def test_an_evicted_session_has_none():
    start(ON + "[policy default]\nmax_sessions = 1\n")
    first = PamLogin(host, "alice")
    second = PamLogin(host, "alice", rhost="192.0.2.11")
    assert not path_of(first).exists() and path_of(second).exists()


# ---- time --------------------------------------------------------------------------------------------------

def test_it_is_renewed_at_two_thirds_of_its_life():
    daemon = start()
    login = PamLogin(host, "alice")
    path = path_of(login)
    old = path.read_text()
    pass_time(daemon, TWO_THIRDS - 20)
    assert path.read_text() == old
    pass_time(daemon, 25)
    new = wait_new(path, old)
    assert is_active(daemon, old) and is_active(daemon, new)
    assert jose.split(new)[1]["exp"] - jose.split(old)[1]["exp"] >= TWO_THIRDS
    pass_time(daemon, TWO_THIRDS + 5)
    assert is_active(daemon, wait_new(path, new)) and not is_active(daemon, old)


def test_a_renewed_one_has_the_roles_of_now():
    host.add_group("crew")
    daemon = start(ON + "[policy default]\nroles = crew=manager\n")
    login = PamLogin(host, "bob")
    path = path_of(login)
    old = path.read_text()
    assert claims(path)["role"] == "user"
    host.add_group("crew", ["bob"])
    pass_time(daemon, TWO_THIRDS + 5)
    assert jose.split(wait_new(path, old))[1]["role"] == "manager"


def test_a_reader_that_looks_all_the_time_sees_whole_valid_tokens_alone():
    daemon = start()
    login = PamLogin(host, "alice")
    path, seen, wrong, done = path_of(login), set(), [], threading.Event()

    def look():
        while not done.is_set():
            try:
                text = path.read_text()
                jose.split(text)
                seen.add(text)
            except Exception as error:  # pylint: disable=broad-except
                wrong.append(error)
    reader = threading.Thread(target=look)
    reader.start()
    try:
        for _ in range(8):
            old = path.read_text()
            pass_time(daemon, TWO_THIRDS + 5)
            token = wait_new(path, old)
            eventually(lambda token=token: token in seen or wrong, what="the new token seen by the reader")
            assert is_active(daemon, token)
    finally:
        done.set()
        reader.join()
    assert not wrong, wrong[:3]


def test_the_last_token_ends_with_the_session_and_is_not_renewed_again_and_again():
    daemon = start(ON + "[policy default]\nsession_ttl = 1000s\n")
    login = PamLogin(host, "alice")
    path = path_of(login)
    old = path.read_text()
    pass_time(daemon, TWO_THIRDS + 5)
    last = wait_new(path, old)
    pass_time(daemon, 300)
    rounds(daemon, 20)
    assert path.read_text() == last
    assert SessionList(daemon).one("alice")["sessionId"] == login.sid
    pass_time(daemon, 100)
    wait_no_file(path)


def test_a_clock_that_is_put_forward_makes_new_ones():
    daemon = start()
    login = PamLogin(host, "alice")
    path = path_of(login)
    old = path.read_text()
    daemon.clock.set_back(-TTL * 2)
    token = wait_new(path, old)
    assert is_active(daemon, token)


def test_the_session_of_a_user_who_was_removed_ends_at_the_renewal():
    daemon = start()
    host.add_user("carol", uid=2900)
    login = PamLogin(host, "carol")
    host.remove_user("carol")
    pass_time(daemon, TWO_THIRDS + 5)
    assert SessionList(daemon).wait_end(login.sid) == "user-gone"
    wait_no_file(path_of(login, 2900))


def test_after_the_keys_were_revoked_there_are_new_ones():
    daemon = start()
    login = PamLogin(host, "alice")
    path = path_of(login)
    old = path.read_text()
    ask(daemon, "RotateKey", compromised=True)
    token = wait_new(path, old)
    assert is_active(daemon, token) and not is_active(daemon, old)


# ---- the configuration -------------------------------------------------------------------------------------

def test_turning_it_on_gives_sessions_that_are_there_a_file_and_off_takes_all_away():
    daemon = start("")
    logins = [PamLogin(host, "alice"), PamLogin(host, "bob"), PamLogin(host, "alice", rhost="192.0.2.12")]
    reload(daemon, ON)
    for login in logins:
        wait_file(path_of(login))
        assert is_active(daemon, path_of(login).read_text())
    reload(daemon, "")
    eventually(lambda: not all_files(), what="no file is left")
    assert variable(PamLogin(host, "alice")) == "" and not all_files()
    reload(daemon, ON)
    for login in logins:
        wait_file(path_of(login))


# ---- a start -----------------------------------------------------------------------------------------------

def test_after_a_crash_files_of_the_dead_go_and_missing_ones_are_made():
    daemon = start()
    stays, dies, lost = (PamLogin(host, user) for user in ("alice", "bob", "mallory"))
    old = path_of(stays).read_text()
    stranger = path_of(stays).parent / "01890a5d-ac96-774b-bcce-b302099a8057.jwt"
    daemon.kill()
    dies.kill()
    path_of(lost).unlink()
    stranger.write_text(old)
    (tokens / "junk").write_text("")
    assert path_of(stays).read_text() == old
    daemon.start()
    wait_file(path_of(lost))
    wait_no_file(path_of(dies))
    wait_no_file(stranger)
    wait_no_file(tokens / "junk")
    assert is_active(daemon, wait_new(path_of(stays), old))


def test_a_start_without_token_files_takes_away_those_of_before():
    daemon = start()
    login = PamLogin(host, "alice")
    daemon.kill()
    assert path_of(login).exists()
    daemon.write_config("")
    daemon.start()
    eventually(lambda: not all_files(), what="no file is left")


# ---- what is in the way ------------------------------------------------------------------------------------

def mount(kind, folder, *options):
    """Another file system there, until the end of the test."""
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", kind, *options, kind, str(folder)], check=True)
    later(lambda: subprocess.run(["umount", "-l", str(folder)], check=True))


def problems(daemon):
    """What is wrong with the daemon's health."""
    health = ask(daemon, "GetHealth")
    assert health["ok"] == (not health["problems"])
    return health["problems"]


def test_without_acls_there_is_no_file_and_that_is_said_once():
    mount("ramfs", tokens, "-o", "mode=711")
    daemon = start()
    logins = [PamLogin(host, user) for user in ("alice", "bob")]
    assert [variable(login) for login in logins] == ["", ""] and all(login.sid for login in logins)
    assert problems(daemon) == ["no token files: their file system has no ACLs"]
    assert not all_files()
    pass_time(daemon, 30)
    assert daemon.log().count("the file system has no ACLs") == 1
    reload(daemon, "")
    assert problems(daemon) == []


def test_where_there_is_no_room_logins_go_on_and_when_there_is_it_is_made():
    mount("tmpfs", tokens, "-o", "mode=711,size=64k")
    daemon = start()
    filler = os.open(tokens, os.O_TMPFILE | os.O_WRONLY)
    try:
        while os.write(filler, bytes(4096)):
            pass
    except OSError:
        pass
    login = PamLogin(host, "alice")
    assert login.sid and variable(login) == ""
    assert problems(daemon) == ["token files cannot be written: No space left on device"]
    assert not path_of(login).exists()
    os.close(filler)
    pass_time(daemon, 11)
    wait_file(path_of(login))
    assert problems(daemon) == [] and is_active(daemon, path_of(login).read_text())


def test_a_folder_of_mallory_gets_no_token_and_hurts_nobody():
    daemon = start("")
    rounds(daemon)  # what is nobody's has been swept away
    tokens.mkdir(exist_ok=True)
    later(lambda: subprocess.run(["rm", "-rf", str(tokens)], check=True))
    hostile = tokens / str(pwd.getpwnam("alice").pw_uid)
    hostile.mkdir()
    (hostile / "file").write_text("")
    os.chown(hostile, 2002, 2002)
    reload(daemon, ON)
    alice, bob = PamLogin(host, "alice"), PamLogin(host, "bob")
    assert variable(alice) == "" and not path_of(alice).exists()
    assert problems(daemon) == [] or "not permitted" in problems(daemon)[0]
    assert variable(bob) == str(path_of(bob)) and is_active(daemon, path_of(bob).read_text())


def test_links_in_the_way_lead_nowhere():
    uid = pwd.getpwnam("alice").pw_uid
    target = host.dir / "target"
    target.mkdir()
    daemon = start("")
    tokens.mkdir(exist_ok=True)
    (tokens / str(uid)).symlink_to(target)
    login = PamLogin(host, "alice")
    reload(daemon, ON)
    wait_file(path_of(login))
    assert not (tokens / str(uid)).is_symlink() and not list(target.iterdir())


def test_no_token_is_in_the_log():
    daemon = start()
    login = PamLogin(host, "alice")
    assert path_of(login).read_text().split(".")[2] not in daemon.log()
    assert pathlib.Path(f"/proc/{daemon.pid}/environ").read_bytes().find(b"eyJ") < 0


# ---- a daemon that is not root -----------------------------------------------------------------------------

def test_a_daemon_of_an_ordinary_user_gives_files_to_the_users_of_its_logins():
    host.add_user("keeper", uid=2800)
    runtime, state = host.dir / "keepers-run", host.dir / "keepers-state"
    for folder in (runtime, state):
        folder.mkdir(mode=0o700 if folder is state else 0o755)
        os.chown(folder, 2800, 2800)
    keeper = start(user="keeper", runtime_dir=runtime, state_dir=state)
    module = frame.Module(keeper)
    later(module.close)
    leader = subprocess.Popen(["sleep", "1000"], process_group=0)
    later(leader.wait)
    later(leader.kill)
    pidfd = os.pidfd_open(leader.pid)
    module.send(frame.request(user="alice", uid=2000), pidfd)
    os.close(pidfd)
    reply = module.read()
    path = pathlib.Path(reply.token_file)
    assert path == runtime / "public/tokens/2000" / f"{reply.session_id}.jwt"
    assert (path.stat().st_uid, path.stat().st_mode & 0o7777) == (2800, 0o640)
    assert host.run_as("alice", "cat", str(path)).stdout == path.read_text()
    for user in ("mallory", "bob"):
        assert host.run_as(user, "cat", str(path)).returncode != 0
    leader.kill()
    wait_no_file(path)
