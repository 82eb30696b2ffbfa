"""A changed password is a reset: real passwd and chpasswd, on Debian's stack, our line behind pam_unix."""
# timeout: 240
import itertools
import os
import pathlib
import shutil
import subprocess

from harness import Daemon, Host, PamLogin, PamStack, SessionList, Ssh, Sshd, VarlinkError, eventually, jose
from harness import log_in_often, paths
from harness.signing_keys import call, is_active, mint

OLD = "old Horse 7 battery"
NEW = "new Staple 8 correct"
MANY = 600  # more than two turns take

host = Host()
PAM = pathlib.Path("/etc/pam.d")
_numbers = itertools.count()


host.copy_etc()
PamStack(host, "sshd", like="bare")
line = f"password [success=ok default=ignore] {paths.MODULE} socket=/run/sessjwt/login\n"
for service in ("passwd", "chpasswd"):
    (PAM / service).write_text("@include common-password\n" + line)


class Login(PamLogin):
    """A session, and what it was given."""

    def __init__(self, daemon, user="alice"):
        super().__init__(host, user, rhost=f"192.0.2.{next(_numbers) + 20}")
        self.daemon = daemon
        self.token = mint(daemon, self)
        self.refresh_token = call(daemon, "IssueRefreshToken", user=user, sessionId=self.sid)["refreshToken"]

    def is_refreshed(self):
        """Whether the refresh token of before still counts."""
        try:
            call(self.daemon, "Refresh", refreshToken=self.refresh_token)
        except VarlinkError as error:
            self.refused = error.name.removeprefix("org.sessjwt.")
            return False
        return True

    def passwd(self, *answers):
        """passwd(1), typed by the user inside of this session."""
        text = "".join(f"{answer}\\n" for answer in answers)
        uid = {"alice": 2000, "bob": 2001}[self.user]
        return self.run(uid, f"printf '{text}' | passwd 2>&1")


def start(config="", hooks=None):
    """A daemon of the test's own; alice has her old password."""
    shutil.rmtree("/run/sessjwt/public", ignore_errors=True)
    daemon = Daemon(host, "[token]\n" + config + "[policy default]\nterminate = none\n").start(hooks=hooks)
    chpasswd("alice", OLD)
    return daemon


def chpasswd(user, password):
    """By root."""
    done = subprocess.run(["chpasswd"], input=f"{user}:{password}\n", text=True, capture_output=True,
                          check=False)
    assert done.returncode == 0, done
    return done


def sids(daemon, user="alice"):
    """Of his live sessions."""
    return {row["sessionId"] for row in SessionList(daemon).of(user)}


def assert_void(daemon, *logins):
    """What they were given counts no more."""
    for login in logins:
        assert not is_active(daemon, login.token)
        assert not login.is_refreshed()


def test_a_user_who_changes_it_keeps_the_session_that_he_is_in_with_fresh_tokens():
    daemon = start()
    own, other, bobs = Login(daemon), Login(daemon), Login(daemon, "bob")
    answer = own.passwd(OLD, NEW, NEW)
    assert answer.rc == 0, answer
    assert sids(daemon) == {own.sid} and sids(daemon, "bob") == {bobs.sid}
    assert_void(daemon, own, other)
    assert own.refused == "RefreshTokenExpired"
    assert is_active(daemon, bobs.token) and bobs.is_refreshed()
    daemon.wait_for_log("session ended, account-reset: alice " + other.sid)
    fresh = mint(daemon, own)
    assert is_active(daemon, fresh)
    claims = jose.split(fresh)[1]
    assert claims["sid"] == own.sid and claims["reset"] <= claims["iat"]
    assert claims["status"] != jose.split(own.token)[1]["status"]
    again = call(daemon, "IssueRefreshToken", user="alice", sessionId=own.sid)
    assert is_active(daemon, call(daemon, "Refresh", refreshToken=again["refreshToken"])["accessToken"])
    daemon.restart()
    assert is_active(daemon, fresh) and not is_active(daemon, own.token)


def test_root_who_changes_it_ends_them_all_wherever_he_sits():
    daemon = start()
    logins = [Login(daemon), Login(daemon)]
    answer = logins[0].run(0, f"printf 'alice:{NEW}\\n' | chpasswd 2>&1")
    assert answer.rc == 0, answer
    assert sids(daemon) == set()
    assert_void(daemon, *logins)
    login = Login(daemon)
    answer = login.run(0, f"printf '{OLD}\\n{OLD}\\n' | passwd alice 2>&1")
    assert answer.rc == 0 and sids(daemon) == set(), answer
    assert_void(daemon, login)


def test_end_all_ends_the_users_own_too():
    daemon = start("on_password_change = end-all\n")
    logins = [Login(daemon), Login(daemon)]
    assert logins[0].passwd(OLD, NEW, NEW).rc == 0
    assert sids(daemon) == set()
    assert_void(daemon, *logins)


def test_keep_keeps_sessions_and_no_token():
    daemon = start("on_password_change = keep\n")
    logins = [Login(daemon), Login(daemon)]
    chpasswd("alice", NEW)
    assert sids(daemon) == {login.sid for login in logins}
    assert_void(daemon, *logins)
    assert all(is_active(daemon, mint(daemon, login)) for login in logins)


def test_the_token_file_of_a_session_that_is_kept_has_a_token_that_counts():
    daemon = start("token_file = yes\non_password_change = keep\n")
    logins = [Login(daemon), Login(daemon)]
    files = [pathlib.Path(login.app.getenv(1, "BEARER_TOKEN_FILE")) for login in logins]
    before = [file.read_text() for file in files]
    assert all(is_active(daemon, token) for token in before)
    chpasswd("alice", NEW)
    assert not any(is_active(daemon, token) for token in before)
    for file, token in zip(files, before):
        eventually(lambda file=file, token=token: file.read_text() != token, what="a new token in the file")
        assert is_active(daemon, file.read_text()) and "reset" in jose.split(file.read_text())[1]


def test_a_password_that_was_not_changed_resets_nothing():
    daemon = start()
    logins = [Login(daemon), Login(daemon)]
    shadow = pathlib.Path("/etc/shadow").read_text()
    for answers in (("wrong", NEW, NEW), (OLD, NEW, NEW + "x"), (OLD, "abc", "abc"), (OLD, OLD, OLD), ()):
        assert logins[0].passwd(*answers).rc != 0, answers
    assert pathlib.Path("/etc/shadow").read_text() == shadow
    assert all(is_active(daemon, login.token) and login.is_refreshed() for login in logins)
    assert "reset" not in jose.split(mint(daemon, Login(daemon, "bob")))[1]


def test_without_the_daemon_passwords_are_changed_all_the_same():
    daemon = start()
    login = Login(daemon)
    daemon.pause()
    chpasswd("alice", NEW)
    daemon.resume()
    daemon.wait_for_log("session ended, account-reset: alice " + login.sid)  # told all the same
    daemon.stop()
    chpasswd("alice", OLD)


def test_an_expired_password_changed_at_an_ssh_login_ends_what_there_was_and_not_this_login():
    daemon = start()
    before = Login(daemon)
    PamStack(host, "expired")
    (PAM / "sshd").write_text((PAM / "expired").read_text() + line)
    ssh = Ssh(Sshd(host, AuthenticationMethods="keyboard-interactive"))
    subprocess.run(["chage", "-d", "0", "alice"], check=True)
    asked = host.dir / "askpass"
    asked.write_text(f"#!/bin/sh\ncase $1 in *ew*) echo '{NEW}' ;; *) echo '{OLD}' ;; esac\n")
    asked.chmod(0o755)
    words = ssh.arguments("ssh", "alice", method="keyboard-interactive",
                          options={"BatchMode": "no", "NumberOfPasswordPrompts": "6"})
    done = subprocess.run([*words, "echo $SESSJWT_SESSION_ID"], capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=60, check=False,
                          env=os.environ | {"SSH_ASKPASS": str(asked), "SSH_ASKPASS_REQUIRE": "force"})
    PamStack(host, "sshd", like="bare")
    assert done.returncode == 0, done
    sid = done.stdout.strip()
    assert_void(daemon, before)
    assert before.sid not in sids(daemon)
    daemon.wait_for_log("session opened: alice " + sid)
    daemon.wait_for_log("session ended, logout: alice " + sid)


def test_a_crash_behind_the_commit_revives_nothing():
    for hook in ("after-commit=kill", "before-status=kill", "before-reply=kill"):
        daemon = start()
        own, other = Login(daemon), Login(daemon)
        daemon.restart(hooks=hook)
        assert own.passwd(OLD, NEW, NEW).rc == 0
        daemon.wait_ended()
        daemon.start()
        assert sids(daemon) == {own.sid}, hook
        assert_void(daemon, own, other)
        assert is_active(daemon, mint(daemon, own))
        daemon.stop()


# ---- more sessions than one turn takes ---------------------------------------------------------------------

def change_it_among_many(hooks, config=""):
    """alice, with very many sessions, changes her password in the first of them. Returns the daemon as it is
    then, that login and the last one, and what else must be kept."""
    daemon = start(config)
    own = Login(daemon)
    apps, between = log_in_often(host, "alice", MANY)
    last = Login(daemon)
    daemon.restart(hooks=hooks)
    assert own.passwd(OLD, NEW, NEW).rc == 0
    return daemon, own, last, (apps, between)


def assert_gone_on_with(daemon, own, last):
    """All but the session that it was changed in have ended, whatever was in between; and that is over."""
    eventually(lambda: sids(daemon) == {own.sid}, what="all others have ended")
    assert_void(daemon, own, last)
    assert is_active(daemon, mint(daemon, own))
    new = Login(daemon)
    told = daemon.log().count("going on with what a changed password ends")
    daemon.restart()
    assert sids(daemon) == {own.sid, new.sid} and is_active(daemon, new.token)
    assert daemon.log().count("going on with what a changed password ends") == told
    daemon.stop()


def test_what_a_crash_cuts_is_gone_on_with_at_the_next_start():
    for hook in ("between-turns=kill", "between-turns:2=kill"):
        daemon, own, last, _others = change_it_among_many(hook)
        daemon.wait_ended()
        daemon.start()
        assert_gone_on_with(daemon, own, last)


def test_what_a_crash_cuts_again_is_gone_on_with_again():
    daemon, own, last, _others = change_it_among_many("between-turns=kill")
    daemon.wait_ended()
    for hook in ("between-turns=kill", "after-commit=kill"):
        daemon.start(hooks=hook, ready=False)
        daemon.wait_ended()
    daemon.start()
    assert_gone_on_with(daemon, own, last)


def test_what_a_stop_cuts_is_gone_on_with_at_the_next_start():
    daemon, own, last, _others = change_it_among_many("between-turns=stop")
    daemon.wait_stopped()
    daemon.process.terminate()
    daemon.resume()
    assert daemon.wait_ended() == 0
    daemon.start()
    assert_gone_on_with(daemon, own, last)


def test_what_is_kept_in_spite_of_a_crash_has_no_token_of_before():
    daemon, own, last, (_apps, between) = change_it_among_many(
        "between-turns=kill", "on_password_change = keep\n")
    daemon.wait_ended()
    daemon.start()
    eventually(lambda: not is_active(daemon, last.token), what="the last one is renewed")
    assert sids(daemon) == {own.sid, last.sid, *between}
    assert_void(daemon, own, last)
    assert is_active(daemon, mint(daemon, own)) and is_active(daemon, mint(daemon, last))
