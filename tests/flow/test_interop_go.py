"""An application in Go (tests/interop/sessions.go), on code that varlink-go makes of our interface."""
import json
import select
import shutil
import subprocess

from harness import Daemon, Host, PamLogin, PamStack, SessionList, later, need
from harness.paths import BUILD, ROOT

PROGRAM = BUILD / "interop" / "sessions"

host = Host()
daemon = Daemon(host, "[policy default]\nterminate = none\n").start()
sessions = SessionList(daemon)
PamStack(host, "sshd", like="bare")
host.install_command()


class Application:
    """It as a user, with a connection of its own."""

    def __init__(self, user):
        need(PROGRAM)
        program = host.dir / "sessions"  # where every user may read it
        if not program.exists():
            shutil.copy(PROGRAM, program)
        self.process = subprocess.Popen(
            ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "--", program,
             daemon.varlink_socket], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        self.rest = b""
        later(self.close)

    def ask(self, line):
        """What it prints for a line."""
        self.process.stdin.write(f"{line}\n".encode())
        return self.read()

    def read(self):
        """What it prints next."""
        while b"\n" not in self.rest:
            assert select.select([self.process.stdout], [], [], 20)[0], "it is silent"
            some = self.process.stdout.read(65536)
            assert some, "it has ended"
            self.rest += some
        line, _, self.rest = self.rest.partition(b"\n")
        return json.loads(line)

    def close(self):
        """Ends it."""
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


def test_it_asks_who_we_are_and_gets_the_interface_as_it_is_written():
    answer = Application("alice").ask("info")
    assert answer["product"] == "sessjwtd"
    assert answer["interfaces"] == ["org.varlink.service", "org.sessjwt"]
    assert answer["description"] == (ROOT / "client/org.sessjwt.varlink").read_text("utf-8")


def test_it_lists_a_user_s_sessions_at_once_and_one_by_one():
    logins = [PamLogin(host, "alice", rhost=f"192.0.2.{number}") for number in (11, 12, 13)]
    PamLogin(host, "bob")
    application = Application("alice")
    answer = application.ask("list alice")
    assert answer == {"sessions": sessions.of("alice"), "truncated": None}
    assert application.ask("more alice") == {"ids": [login.sid for login in logins]}
    assert application.ask("list bob")["error"].endswith(".PermissionDenied")


def test_it_ends_a_session_and_its_tokens_are_worth_nothing_from_that_answer_on():
    login = PamLogin(host, "alice")
    token = login.run(2000, "sessjwt token").text.strip()
    assert sessions.call("Introspect", token=token)["active"]
    answer = Application("alice").ask(f"revoke {login.sid} lost laptop")
    assert not sessions.call("Introspect", token=token)["active"]
    assert (answer["revokedCount"], answer["session"]["endReason"]) == (1, "revoked")
    assert sessions.ends(login.sid) == ["revoked"] and "lost laptop" in daemon.log()


def test_it_is_told_of_a_user_s_logins_and_their_ends_as_they_happen():
    listener, application = Application("alice"), Application("alice")
    own = PamLogin(host, "alice")
    assert listener.ask("follow alice") == {"following": True}
    PamLogin(host, "bob")
    login = PamLogin(host, "alice", rhost="192.0.2.77")
    application.ask(f"revoke {login.sid} mine")
    events = [listener.read()["event"] for _ in range(3)]
    assert {(event["user"], event["sessionId"]) for event in events} == {("alice", login.sid)}
    assert sorted(event["kind"] for event in events) == ["login", "new-device", "revoked"]
    assert (events[-1]["endReason"], events[-1]["ip"]) == ("revoked", "192.0.2.77")
    assert application.ask("more alice") == {"ids": [own.sid]}


def test_it_is_told_by_an_error_s_own_type_that_there_is_no_such_session():
    login, own, application = PamLogin(host, "bob"), PamLogin(host, "alice"), Application("alice")
    assert application.ask(f"revoke {login.sid} mine") == {"error": "SessionNotFound", "sessionId": login.sid}
    assert application.ask("more alice") == {"ids": [own.sid]}  # and its connection goes on
    assert sessions.ends(login.sid) == []
