"""Programs that use PAM in bad states, wrongly, or with what somebody made up: each has its session or none,
lives on, and the daemon too."""
import os
import pathlib
import pwd

from harness import (Daemon, Host, PamApp, PamStack, SessionList, Skip, Varlink, eventually, paths, processes,
                     sanitizers)

HOSTILE = ("%s%n%n%p", "../../../etc/shadow", "-oProxyCommand=id", "a" * 4000, "root\nsessjwtd: root is in",
           "\x1b]0;owned\x07", "\u202eroot", "$(id)", "`id`", "alice ", " alice", "alice:x:0:0", "", "\t",
           "ALICE", "*", "0", "-1", "4294967295")

host = Host()
daemon = Daemon(host, "[policy default]\nterminate = none\n").start()
sessions = SessionList(daemon)
PamStack(host, "sshd", like="bare", options="timeout=1s")
PamStack(host, "strict", like="bare", options="on_error=deny timeout=1s")
PamStack(host, "plain", like="bare", module=None)
LOGIN = f"{paths.MODULE} socket=/run/sessjwt/login timeout=1s"
(host.pam_dir / "locked").write_text(f"auth [auth_err=die default=ignore] {LOGIN} preauth\n"
                                     f"auth [default=ignore] {LOGIN} authfail\nauth required pam_deny.so\n")
for name, option in (("guarded", "on_error=deny"), ("unguarded", "")):
    (host.pam_dir / name).write_text(f"auth [auth_err=die default=ignore] {LOGIN} preauth {option}\n"
                                     "auth required pam_permit.so\naccount required pam_permit.so\n")


def log_in(service="sshd", user="alice", spoiled=(), app=None):
    """A program that has asked for account; then it is spoiled; then it opens. Returns it."""
    app = app or PamApp(host)
    assert app.begin(1, service, user).rc == 0
    app.item(1, "RHOST", "192.0.2.7")
    assert app.account(1).rc == 0
    if spoiled:
        app.spoil(1, *spoiled)
    return app


def assert_session(app):
    """It opens a session, which ends with its close; the program lives on."""
    assert app.open(1).name == "PAM_SUCCESS"
    sid = app.getenv(1, "SESSJWT_SESSION_ID")
    assert sid and sessions.ids() == [sid]
    assert app.close_session(1).rc == 0
    assert sessions.wait_end(sid) == "logout"
    assert app.end(1).rc == 0 and app.quit() == 0


def assert_as_without(*spoiled):
    """In this state a login goes as it does without our lines (libpam itself lacks what it needs, too),
    without a session; where our line says on_error=deny it is refused."""
    need_plain()
    plain, ours, strict = (log_in(service, spoiled=spoiled) for service in ("plain", "sshd", "strict"))
    assert ours.open(1) == plain.open(1)
    assert not ours.getenv(1, "SESSJWT_SESSION_ID")
    assert ours.close_session(1) == plain.close_session(1)
    assert ours.end(1).rc == 0 and ours.quit() == 0
    assert strict.open(1).name != "PAM_SUCCESS"
    assert not sessions.of()


def need_plain():
    """A program that lacks so much cannot end well with a sanitizer in it."""
    if sanitizers.kind():
        raise Skip("a sanitizer needs memory and descriptors of its own")


# ---- states ------------------------------------------------------------------------------------------------

def test_with_ten_thousand_descriptors_open_it_is_a_session():
    app = log_in(spoiled=("descriptors", 10000))
    before = processes.count_fds(app.pid)
    assert before > 10000
    assert app.open(1).rc == 0 and app.getenv(1, "SESSJWT_SESSION_ID")
    assert processes.count_fds(app.pid) == before
    app.close_session(1)
    assert processes.count_fds(app.pid) == before


def test_with_one_descriptor_to_have_it_is_a_session():
    app = PamApp(host)
    free = max(map(int, os.listdir(f"/proc/{app.pid}/fd"))) + 1
    assert_session(log_in(spoiled=("files", free + 1), app=app))


def test_with_no_descriptor_to_have_it_goes_as_without_us_unless_errors_deny():
    assert_as_without("files", 3)


def test_with_no_memory_to_have_it_goes_as_without_us_unless_errors_deny():
    assert_as_without("memory")


def cell():
    """A folder to be the root of a program: it has users and nothing else."""
    folder = host.dir / "cell"
    (folder / "etc").mkdir(parents=True, exist_ok=True)
    (folder / "etc/passwd").write_bytes(pathlib.Path("/etc/passwd").read_bytes())
    return folder


def test_in_a_chroot_without_the_socket_it_goes_as_without_us_unless_errors_deny():
    assert_as_without("chroot", cell())


def test_a_lock_that_cannot_be_asked_for_holds_only_where_errors_deny():
    for service, outcome in (("unguarded", "PAM_SUCCESS"), ("guarded", "PAM_AUTH_ERR")):
        app = log_in(service, spoiled=("chroot", cell()))
        assert app.authenticate(1).name == outcome, service
    need_plain()
    for how in (("files", 3), ("memory",)):
        assert log_in("guarded", spoiled=how).authenticate(1).name != "PAM_SUCCESS", how


def test_with_children_that_nobody_waits_for_and_an_umask_of_0_it_is_a_session():
    app = log_in(spoiled=("children",))
    app.spoil(1, "umask")
    assert_session(app)
    folder = pathlib.Path("/run/sessjwt")
    assert not [path for path in folder.rglob("*") if path.is_dir() and path.stat().st_mode & 0o022]


def test_where_a_broken_pipe_ends_the_program_a_daemon_that_dies_does_not():
    app = log_in(spoiled=("pipes",))
    for _ in range(5):
        daemon.pause()
        app.send("open 1")
        daemon.kill()
        assert app.read().rc == 0
        assert app.close_session(1).rc == 0 and app.open(1).rc == 0
        daemon.start()
    assert app.open(1).rc == 0 and app.getenv(1, "SESSJWT_SESSION_ID")
    assert app.end(1).rc == 0 and app.quit() == 0
    eventually(lambda: not sessions.of(), what="its end")


def test_the_threads_of_a_program_have_a_session_each():
    app = log_in()
    for _ in range(3):
        assert app.threads(1, 32, "alice") == 0
    assert sessions.ids() == [], "each was closed by its own thread"
    assert_session(app)


def test_a_program_that_is_no_longer_root_closes_nothing_and_its_end_does():
    app = log_in()
    assert app.open(1).rc == 0
    sid = app.getenv(1, "SESSJWT_SESSION_ID")
    app.spoil(1, "user", pwd.getpwnam("alice").pw_uid)
    assert app.close_session(1).rc == 0
    assert app.open(1).rc == 0 and sessions.ids() == [sid], "nor does it open another"
    assert app.end(1).rc == 0 and app.quit() == 0
    assert sessions.wait_end(sid) == "killed"


# ---- children ----------------------------------------------------------------------------------------------

def test_a_close_as_the_user_in_a_child_is_a_success_and_ends_nothing():
    """systemd's (sd-pam)."""
    app = log_in()
    assert app.open(1).rc == 0
    sid = app.getenv(1, "SESSJWT_SESSION_ID")
    for _ in range(2):
        assert app.fork_close(1, uid=pwd.getpwnam("alice").pw_uid).rc == 0
        assert sessions.ids() == [sid]
    assert app.close_session(1).rc == 0
    assert sessions.wait_end(sid) == "logout"


def test_what_a_child_opened_ends_with_the_child_and_the_parents_close_is_a_success():
    app = log_in()
    before = daemon.log_end()
    assert app.fork_open(1).rc == 0
    sid, = sessions.opened("alice", before)
    assert sessions.wait_end(sid) == "killed"
    assert app.close_session(1).rc == 0 and app.end(1).rc == 0 and app.quit() == 0


def test_a_program_that_ends_without_a_close_or_an_end_ends_its_sessions():
    app = log_in()
    assert app.open(1).rc == 0 and app.open(1).rc == 0
    first, second = sessions.ids()
    assert app.quit() == 0
    assert {sessions.wait_end(first), sessions.wait_end(second)} == {"killed"}


# ---- what somebody made up ---------------------------------------------------------------------------------

def assert_log_is_clean(before):
    """Nothing that came in drives a terminal or begins a line, in either log."""
    for text in (daemon.log(before), host.syslog.text()):
        lines = text.splitlines()
        assert not [line for line in lines if line.startswith("sessjwtd: root is in")], lines
        assert not set(text) & set("\x1b\x07\u202e\x00"), [line for line in lines if "\x1b" in line]


def test_hostile_names_of_users_are_nobodys_and_leave_nothing_in_logs():
    before = daemon.log_end()
    for name in HOSTILE:
        for service in ("sshd", "strict"):
            app = PamApp(host)
            app.type(1, name)
            app.begin(1, service, name)
            app.item(1, "RHOST", "192.0.2.7")
            assert app.account(1).rc == 0 and app.open(1).rc == 0 and app.close_session(1).rc == 0, name
            assert not app.getenv(1, "SESSJWT_SESSION_ID"), name
            assert app.end(1).rc == 0 and app.quit() == 0, name
    assert not sessions.of()
    assert_log_is_clean(before)


def test_hostile_names_of_users_count_as_unknown_and_are_kept_nowhere():
    before = daemon.log_end()
    for name in HOSTILE:
        app = PamApp(host)
        app.begin(1, "locked", name)
        app.item(1, "RHOST", "192.0.2.7")
        assert app.authenticate(1).name in ("PAM_AUTH_ERR", "PAM_CONV_ERR"), name
        assert app.end(1).rc == 0 and app.quit() == 0, name
    events = Varlink(daemon).call("ListHistory", all=True, kinds=["failed"])["events"]
    assert {event.get("user") for event in events} == {"?"}, events
    assert_log_is_clean(before)


def test_hostile_items_are_question_marks_or_themselves_and_the_login_works():
    before = daemon.log_end()
    for value in HOSTILE:
        for item in ("RHOST", "TTY", "RUSER"):
            app = PamApp(host)
            app.begin(1, "sshd", "alice")
            app.item(1, item, value)
            assert app.account(1).rc == 0 and app.open(1).rc == 0, (item, value)
            row = sessions.one("alice")
            assert row["state"] == "live" and "ip" not in row, (item, value)
            assert row.get("tty", "") in ((value, "?") if item == "TTY" else ("",)), row
            assert app.close_session(1).rc == 0
            assert app.end(1).rc == 0 and app.quit() == 0, (item, value)
            eventually(lambda: not sessions.of(), what="its end")
    assert_log_is_clean(before)


def test_a_hostile_environment_of_pam_changes_neither_realm_nor_user_nor_id():
    foreign = "019ab000-0000-7000-8000-00001a2b3c4d"
    for value in (*HOSTILE, foreign):
        app = PamApp(host, environment={"LD_BIND_NOW": "1", "SESSJWT_SOCKET": "/tmp/x", "SESSJWT_REALM": "x",
                                        "SSH_CONNECTION": "198.51.100.9 1 192.0.2.1 22", "TZ": ":/etc/shadow",
                                        "SSH_AUTH_INFO_0": "publickey", "LANG": "../../x",
                                        "SESSJWT_SESSION_ID": foreign, "BEARER_TOKEN_FILE": "/etc/shadow"})
        app.begin(1, "sshd", "alice")
        for name in ("SSH_CONNECTION", "SSH_AUTH_INFO_0", "SESSJWT_SESSION_ID", "BEARER_TOKEN_FILE",
                     "XDG_SEAT", "XDG_SESSION_ID", "SESSJWT_REALM", "LD_PRELOAD"):
            app.putenv(1, name, value)
        app.item(1, "RHOST", "192.0.2.7")
        assert app.account(1).rc == 0 and app.open(1).rc == 0, value
        row = sessions.one("alice")
        assert (row["realm"], row["user"], row["ip"]) == ("default", "alice", "192.0.2.7"), value
        assert row["sessionId"] == app.getenv(1, "SESSJWT_SESSION_ID") != foreign
        app.putenv(1, "SESSJWT_SESSION_ID", foreign)
        assert app.close_session(1).rc == 0
        assert sessions.wait_end(row["sessionId"]) == "logout"
        assert app.end(1).rc == 0 and app.quit() == 0
