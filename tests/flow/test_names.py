"""What the account database (NSS) says of a user decides at each mint: is he still there, is he still the
same? When it cannot be asked there is no token, and nothing else is lost."""
import os
import pathlib
import pwd
import shutil
import subprocess
import time

from harness import (Clock, Daemon, Host, PamLogin, PamStack, SessionList, Skip, Varlink, VarlinkError,
                     eventually, later, namespaces)
from harness.passing import pass_time

KNOWN_FOR = 61  # seconds; what was known before is asked again

# An NSS service that knows nobody. Where there is a FIFO hang-USER it leaves a file asked-USER and opens it,
# which takes until somebody opens it to write.
SLOW_NSS = r"""
#include <fcntl.h>
#include <nss.h>
#include <pwd.h>
#include <stdio.h>
#include <unistd.h>

enum nss_status _nss_slow_getpwnam_r(const char *name, struct passwd *ret, char *buf, size_t size, int *e) {
        char path[4096];
        int fd;

        snprintf(path, sizeof(path), FOLDER "/hang-%s", name);
        if (access(path, F_OK) < 0)
                return NSS_STATUS_NOTFOUND;
        snprintf(path, sizeof(path), FOLDER "/asked-%s", name);
        close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
        snprintf(path, sizeof(path), FOLDER "/hang-%s", name);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd >= 0)
                close(fd);
        return NSS_STATUS_NOTFOUND;
}
"""

host = Host(users=("alice", "bob", "carol", "dave", "erin", "frank", "grace"))
PamStack(host, "sshd", like="bare")
nss = host.dir / "nss"
_worlds = 0


def start(config="", **arguments):
    """A daemon of the test's own, with a clock."""
    global _worlds
    _worlds += 1
    return Daemon(host, config, clock=Clock(host.dir / f"clock-{_worlds}"), **arguments).start()


def mint(daemon, login, uid=None):
    """A token for a login, asked for by its user (or a uid whose name is gone) from outside."""
    client = Varlink(daemon, user=uid or login.user)
    try:
        return client.call("MintToken", sessionId=login.sid)["accessToken"]
    finally:
        client.close()


def refusal(daemon, login, uid=None):
    """(error, its parameters) of a mint that must fail."""
    try:
        token = mint(daemon, login, uid)
    except VarlinkError as error:
        return error.name, error.parameters
    raise AssertionError(f"minted: {token}")


def wait_for_token(daemon, login):
    """Until names are there again."""
    def look():
        try:
            return mint(daemon, login)
        except VarlinkError as error:
            assert error.name == "org.sessjwt.NamesUnavailable"
            return None
    eventually(look, what="a token")


def ended(login):
    """What it is answered when its user is gone."""
    return "org.sessjwt.SessionEnded", {"sessionId": login.sid, "endReason": "user-gone"}


def set_uid(user, uid):
    """Gives the account another number."""
    path = pathlib.Path("/etc/passwd")
    rows = [line.split(":") for line in path.read_text("utf-8").splitlines()]
    path.write_text("".join(":".join(row[:2] + [str(uid)] + row[3:] if row[0] == user else row) + "\n"
                            for row in rows), "utf-8")
    assert pwd.getpwnam(user).pw_uid == uid


# ---- he is gone --------------------------------------------------------------------------------------------

def test_the_session_of_a_user_who_was_removed_ends_at_its_next_mint():
    daemon = start()
    login = PamLogin(host, "bob")
    token = mint(daemon, login)
    root = Varlink(daemon)
    uid = pwd.getpwnam("bob").pw_uid
    host.remove_user("bob")
    assert mint(daemon, login, uid)  # what is known is kept for a minute
    pass_time(daemon, KNOWN_FOR)
    assert root.call("Introspect", token=token)["active"]
    assert refusal(daemon, login, uid) == ended(login)
    assert root.call("Introspect", token=token) == {"active": False, "reason": "revoked"}
    assert SessionList(daemon).wait_end(login.sid) == "user-gone"
    eventually(lambda: not root.call("ListSessions", all=True)["sessions"], what="the leader went")


def test_the_end_of_a_session_whose_user_is_gone_is_kept_before_it_is_answered():
    daemon = start()
    login = PamLogin(host, "carol", rhost="192.0.2.20")
    uid = pwd.getpwnam("carol").pw_uid
    host.remove_user("carol")
    login.pause()
    assert refusal(daemon, login, uid) == ended(login)
    daemon.kill()
    daemon.start()
    session, = Varlink(daemon).call("ListSessions", all=True)["sessions"]
    assert (session["state"], session["endReason"]) == ("ending", "user-gone")
    assert refusal(daemon, login, uid) == ended(login)
    login.resume()


def test_a_user_with_another_uid_than_at_his_login_is_another():
    daemon = start()
    login = PamLogin(host, "dave")
    token = mint(daemon, login)
    before = pwd.getpwnam("dave").pw_uid
    set_uid("dave", 2999)
    pass_time(daemon, KNOWN_FOR)
    assert refusal(daemon, login, before) == ended(login)
    assert not Varlink(daemon).call("Introspect", token=token)["active"]


def test_an_end_for_a_user_who_is_gone_leaves_the_others_alone():
    daemon = start()
    stays = PamLogin(host, "alice")
    goes = PamLogin(host, "frank", rhost="192.0.2.21")
    uid = pwd.getpwnam("frank").pw_uid
    host.remove_user("frank")
    tokens = [mint(daemon, stays)]
    assert refusal(daemon, goes, uid) == ended(goes)
    tokens.append(mint(daemon, stays))
    assert all(Varlink(daemon).call("Introspect", token=token)["active"] for token in tokens)


def test_a_refresh_of_a_user_who_was_removed_ends_his_session_too():
    daemon = start()
    login = PamLogin(host, "grace")
    uid = pwd.getpwnam("grace").pw_uid
    client = Varlink(daemon, user="grace")
    token = client.call("IssueRefreshToken", sessionId=login.sid)["refreshToken"]
    host.remove_user("grace")
    pass_time(daemon, KNOWN_FOR)
    try:
        reply = client.call("Refresh", refreshToken=token)
        raise AssertionError(reply)
    except VarlinkError as error:
        assert (error.name, error.parameters) == ended(login)
    assert SessionList(daemon).wait_end(login.sid) == "user-gone"
    assert refusal(daemon, login, uid)[0] in ("org.sessjwt.SessionEnded", "org.sessjwt.SessionNotFound")


# ---- it does not answer ------------------------------------------------------------------------------------

def slow_nss():
    """Puts the service into nsswitch.conf. Returns the environment in which a daemon finds it."""
    if not nss.exists():
        if not shutil.which("cc"):
            raise Skip("needs a C compiler")
        nss.mkdir()
        (nss / "slow.c").write_text(SLOW_NSS, "utf-8")
        subprocess.run(["cc", "-shared", "-fPIC", f'-DFOLDER="{nss}"', "-o", nss / "libnss_slow.so.2",
                        nss / "slow.c"], check=True)
        (nss / "nsswitch.conf").write_text("passwd: slow files\ngroup: files\nshadow: files\nhosts: files\n")
        namespaces.bind(nss / "nsswitch.conf", "/etc/nsswitch.conf")
    return {"LD_LIBRARY_PATH": str(nss)}


class Hang:
    """Whoever asks for this user waits, until it is over."""

    def __init__(self, user):
        self.path = nss / f"hang-{user}"
        self.asked = nss / f"asked-{user}"
        self.asked.unlink(missing_ok=True)
        os.mkfifo(self.path)
        later(self.over)

    def wait_asked(self):
        """Until somebody waits."""
        eventually(self.asked.exists, what="a question for the user")

    def over(self):
        """It answers, now and from now on."""
        if self.path.exists():
            waits = os.open(self.path, os.O_RDWR | os.O_NONBLOCK)  # opens, and lets those open who wait
            self.path.unlink()
            os.close(waits)


def start_slow(**arguments):
    """A daemon that asks the slow service."""
    return start(environment=slow_nss(), **arguments)


def test_while_nss_does_not_answer_there_is_no_token_and_the_session_stays():
    daemon = start_slow()
    login = PamLogin(host, "alice")
    Hang("alice")
    begin = time.monotonic()
    assert refusal(daemon, login) == ("org.sessjwt.NamesUnavailable", {})
    assert 0.9 < time.monotonic() - begin < 3
    begin = time.monotonic()
    assert refusal(daemon, login) == ("org.sessjwt.NamesUnavailable", {})  # and nobody waits for it again
    assert time.monotonic() - begin < 0.9
    session = Varlink(daemon, user="alice").call("GetSession", sessionId=login.sid)["session"]
    assert session["state"] == "live"


def test_when_nss_is_back_there_are_tokens_again():
    daemon = start_slow()
    login = PamLogin(host, "alice")
    hang = Hang("alice")
    assert refusal(daemon, login)[0] == "org.sessjwt.NamesUnavailable"
    hang.over()
    wait_for_token(daemon, login)


def test_a_call_that_waits_is_answered_as_soon_as_nss_has():
    daemon = start_slow()
    login = PamLogin(host, "erin")
    hang = Hang("erin")
    client = Varlink(daemon, user="erin")
    client.send_call("org.sessjwt.MintToken", {"sessionId": login.sid})
    hang.wait_asked()
    hang.over()
    assert client.read_reply()["parameters"]["accessToken"]


def test_replies_come_in_the_order_of_calls_and_others_wait_for_nobody():
    daemon = start_slow()
    login = PamLogin(host, "alice")
    hang = Hang("alice")
    waits, other = Varlink(daemon, user="alice"), Varlink(daemon, user=54321)
    begin = time.monotonic()
    waits.send_call("org.sessjwt.MintToken", {"sessionId": login.sid})
    waits.send_call("org.sessjwt.GetHealth", {})
    for _ in range(100):
        other.call("GetHealth")
    assert PamLogin(host, "erin", rhost="192.0.2.30").sid
    assert time.monotonic() - begin < 0.9
    assert waits.read_reply()["error"] == "org.sessjwt.NamesUnavailable"
    assert waits.read_reply()["parameters"]["version"]
    hang.over()


def test_a_caller_who_leaves_while_it_waits_is_no_loss():
    daemon = start_slow()
    login = PamLogin(host, "alice")
    hang = Hang("alice")
    fds = daemon.count_fds()
    clients = [Varlink(daemon, user="alice") for _ in range(8)]
    for client in clients:
        client.send_call("org.sessjwt.MintToken", {"sessionId": login.sid})
    for client in clients:
        client.close()
    eventually(lambda: daemon.count_fds() <= fds, what="the connections closed")
    hang.over()
    wait_for_token(daemon, login)


def test_the_daemon_ends_in_time_while_nss_does_not_answer():
    daemon = start_slow()
    login = PamLogin(host, "alice")
    hang = Hang("alice")
    client = Varlink(daemon, user="alice")
    client.send_call("org.sessjwt.MintToken", {"sessionId": login.sid})
    hang.wait_asked()
    assert daemon.stop(seconds=5.0) == 0


def test_a_refresh_without_names_rotates_nothing_so_the_token_is_good_when_they_are_back():
    daemon = start_slow()
    login = PamLogin(host, "alice")
    client = Varlink(daemon, user="alice")
    token = client.call("IssueRefreshToken", sessionId=login.sid)["refreshToken"]
    hang = Hang("alice")
    for _ in range(3):  # each long after the grace in which a former token is answered
        pass_time(daemon, KNOWN_FOR)
        for method, parameters in (("Refresh", {"refreshToken": token}),
                                   ("IssueRefreshToken", {"sessionId": login.sid})):
            try:
                raise AssertionError(client.call(method, **parameters))
            except VarlinkError as error:
                assert error.name == "org.sessjwt.NamesUnavailable"
    hang.over()

    def refreshed():
        try:
            return client.call("Refresh", refreshToken=token)
        except VarlinkError as error:
            assert error.name == "org.sessjwt.NamesUnavailable"
            return None
    assert eventually(refreshed, what="a refresh")["refreshToken"] != token


def test_a_refresh_that_waits_is_answered_as_soon_as_nss_has():
    daemon = start_slow()
    login = PamLogin(host, "erin")
    client = Varlink(daemon, user="erin")
    token = client.call("IssueRefreshToken", sessionId=login.sid)["refreshToken"]
    hang = Hang("erin")
    pass_time(daemon, KNOWN_FOR)
    client.send_call("org.sessjwt.Refresh", {"refreshToken": token})
    hang.wait_asked()
    hang.over()
    reply = client.read_reply()["parameters"]
    assert reply["refreshToken"] != token
    assert Varlink(daemon).call("Introspect", token=reply["accessToken"])["active"]


# ---- the token file ----------------------------------------------------------------------------------------

def token_file(login):
    """Where it is, by the login's environment."""
    return pathlib.Path(login.app.getenv(1, "BEARER_TOKEN_FILE"))


def test_a_login_has_its_token_file_even_while_nss_does_not_answer_the_daemon():
    start_slow(config="[token]\ntoken_file = yes\n")
    Hang("alice")
    begin = time.monotonic()
    login = PamLogin(host, "alice")
    assert token_file(login).exists()
    assert time.monotonic() - begin < 0.9


def test_without_names_the_old_token_file_stays_until_it_expires_and_a_new_one_comes_with_them():
    daemon = start_slow(config="[token]\ntoken_file = yes\n")
    login = PamLogin(host, "alice")
    file = token_file(login)
    old = file.read_text()
    hang = Hang("alice")
    pass_time(daemon, 605)
    hang.wait_asked()
    pass_time(daemon, 100, 100)
    assert file.read_text() == old and Varlink(daemon).call("Introspect", token=old)["active"]
    pass_time(daemon, 100)
    eventually(lambda: not file.exists(), what="the expired one is gone")
    assert SessionList(daemon).one("alice")["state"] == "live"
    hang.over()

    def look():
        pass_time(daemon, 10)
        return file.exists()
    eventually(look, what="a new one")
    assert Varlink(daemon).call("Introspect", token=file.read_text())["active"]


def test_of_many_calls_sent_at_once_each_gets_a_token_of_its_own():
    daemon = start()
    login = PamLogin(host, "alice")
    clients = [Varlink(daemon, user="alice") for _ in range(8)]
    for client in clients:
        for _ in range(32):
            client.send_call("MintToken", {"sessionId": login.sid})
    tokens = {client.read_reply()["parameters"]["accessToken"] for client in clients for _ in range(32)}
    assert len(tokens) == 8 * 32
