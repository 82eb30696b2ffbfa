"""What each service becomes: login counts; su, sudo and runuser are part of the login they stand in; of an
unknown service one can see and end the session, and nothing more."""
import os
import signal

from harness import (PASSWORD, Clock, Daemon, Host, PamApp, PamStack, SessionList, Ssh, Sshd, Terminal,
                     VarlinkError, eventually, later, need, never, processes)
from harness.passing import pass_time

NESTED = ("su", "su-l", "sudo", "sudo-i", "runuser", "runuser-l", "doas", "polkit-1", "systemd-run0", "chsh",
          "chfn", "passwd")
IGNORED = ("cron", "crond", "atd", "systemd-user", "gdm-launch-environment", "i3lock")
OPEN = ""
ONE_EVICT = "[policy default]\nmax_sessions = 1\n"
ONE_DENY = "[policy default]\nmax_sessions = 1\non_limit = deny\n"

host = Host()
clock = Clock(host.dir / "clock")
daemon = Daemon(host, clock=clock).start()
sessions = SessionList(daemon)
PamStack(host, "sshd")
ssh = Ssh(Sshd(host))
ssh.trust("alice", "laptop")
host.add_group("sudo", ["alice"])


def write_stacks():
    """The real programs' stacks; the module says in the system log what it asks."""
    for service in ("login", "su", "su-l", "sudo", "sudo-i"):
        PamStack(host, service, options="debug")
    for service in ("runuser", "runuser-l"):
        PamStack(host, service, like="su", options="debug")


write_stacks()


def set_config(text):
    """Another configuration, by reload, for a test that begins with it: nothing is left of the one before."""
    eventually(lambda: not sessions.of(), what="no session of an earlier test")
    daemon.write_config(text)
    sessions.call("Reload")


def log_in_at_terminal(*words):
    """login on a terminal, as getty starts it. Returns it when the shell is there."""
    need("login")
    terminal = Terminal(["login", *words], env={"PATH": "/usr/bin:/bin", "TERM": "dumb"})
    if "-f" not in words:
        terminal.expect("assword:")
        terminal.type(PASSWORD + "\n")
    wait_shell(terminal)
    return terminal


def wait_shell(terminal):
    """The shell on a terminal answers. Not typed before its prompt: login drops what it has not read."""
    terminal.expect("$ ")
    terminal.type('echo "sh"ell-of-$USER\n')
    terminal.expect("shell-of-")


# ---- login -------------------------------------------------------------------------------------------------

def check_terminal_session(terminal):
    """alice's only session is the terminal's, and login itself leads it."""
    session = sessions.one("alice")
    assert session["service"] == "login" and session["class"] == "counted"
    assert session["leader"] == terminal.pid
    assert session["deviceName"] == "unknown:login", "a pseudo-terminal is no seat"
    assert not session.get("ip")
    assert session["tty"] == terminal.name or f"/dev/{session['tty']}" == terminal.name
    return session


def test_login_by_password_is_one_counted_session_until_logout():
    set_config(OPEN)
    terminal = log_in_at_terminal("alice")
    session = check_terminal_session(terminal)
    terminal.type("exit\n")
    terminal.wait_closed()
    assert sessions.wait_end(session["sessionId"]) == "logout"


def test_login_without_a_password_is_one_counted_session_until_logout():
    set_config(OPEN)
    terminal = log_in_at_terminal("-f", "alice")
    session = check_terminal_session(terminal)
    terminal.type("exit\n")
    terminal.wait_closed()
    assert sessions.wait_end(session["sessionId"]) == "logout"


def test_login_that_is_killed_ends_the_session():
    set_config(OPEN)
    for number in (signal.SIGTERM, signal.SIGKILL):
        terminal = log_in_at_terminal("-f", "alice")
        session = check_terminal_session(terminal)
        os.kill(terminal.pid, number)
        terminal.wait_closed()
        assert sessions.wait_end(session["sessionId"]) in ("killed", "logout")
        terminal.close()


def test_login_counts_and_is_evicted_told_and_cut():
    set_config(ONE_EVICT)
    terminal = log_in_at_terminal("-f", "alice")
    session = check_terminal_session(terminal)
    ssh.start("alice", key="laptop").wait_open()
    terminal.expect("you signed in elsewhere")
    terminal.wait_closed()
    assert sessions.wait_end(session["sessionId"]) == "evicted"
    assert sessions.one("alice")["service"] == "sshd"


def test_login_is_refused_when_the_limit_says_so():
    set_config(ONE_DENY)
    ssh.start("alice", key="laptop").wait_open()
    terminal = Terminal(["login", "-f", "alice"])
    terminal.wait_closed()
    assert "Too many sign-ins" in terminal.text() and "shell-of-" not in terminal.text()
    assert sessions.one("alice")["service"] == "sshd"


def test_login_on_a_console_is_the_local_device_and_with_a_host_the_network():
    set_config(OPEN)
    later(write_stacks)
    PamStack(host, "login", like="bare")
    app = PamApp(host)
    names = []
    for handle, (tty, rhost) in enumerate([("tty1", ""), ("/dev/tty2", ""), ("tty1", "192.0.2.77"),
                                           ("pts/3", "")]):
        app.begin(handle, "login", "alice")
        app.item(handle, "TTY", tty)
        app.item(handle, "RHOST", rhost)
        assert app.open(handle).name == "PAM_SUCCESS"
        names.append(sessions.one("alice"))
        app.close_session(handle)
    assert [name["deviceName"] for name in names] == ["console tty1", "console tty1", "192.0.2.77",
                                                      "unknown:login"], "a device keeps its first name"
    assert names[0]["deviceId"] == names[1]["deviceId"] != names[3]["deviceId"]


# ---- su, sudo, runuser: really -----------------------------------------------------------------------------

def ends_well_without_a_session(service, run):
    """run() works, and opens no session although the module was asked in this service's stack."""
    set_config(OPEN)
    before, asked = daemon.log_end(), host.syslog.text().count(f"({service}:session): asking")
    run()
    assert host.syslog.text().count(f"({service}:session): asking") == asked + 1, "the module was not there"
    assert "session opened" not in daemon.log(before) and not sessions.of()


def as_alice(*words):
    """Runs a program as alice, and it must go well."""
    done = host.run_as("alice", *words)
    assert done.returncode == 0, done
    return done.stdout


def as_root(*words):
    """The same as root."""
    done = host.run_as("root", *words)
    assert done.returncode == 0, done
    return done.stdout


def check_output(text, wanted):
    assert text == wanted, text


def test_su_is_no_session():
    ends_well_without_a_session("su", lambda: check_output(as_root("su", "alice", "-c", "id -un"), "alice\n"))


def test_su_with_a_login_shell_is_no_session():
    ends_well_without_a_session(
        "su-l", lambda: check_output(as_root("su", "-", "alice", "-c", "id -un"), "alice\n"))


def test_runuser_is_no_session():
    ends_well_without_a_session(
        "runuser", lambda: check_output(as_root("runuser", "alice", "-c", "id -un"), "alice\n"))
    ends_well_without_a_session(
        "runuser-l", lambda: check_output(as_root("runuser", "-", "alice", "-c", "id -un"), "alice\n"))


def test_sudo_is_no_session():
    need("sudo")
    ends_well_without_a_session("sudo", lambda: check_output(as_alice("sudo", "-n", "id", "-un"), "root\n"))
    ends_well_without_a_session(
        "sudo-i", lambda: check_output(as_alice("sudo", "-n", "-i", "id", "-un"), "root\n"))


def test_su_and_sudo_change_nothing_in_the_login_they_stand_in():
    set_config(ONE_DENY)
    login = ssh.start("alice", key="laptop").wait_open()
    session = sessions.one("alice")
    assert login.run("sudo -n su - alice -c 'sudo -n id -un' </dev/null") == "root\n"
    assert login.run("sudo -n /sbin/runuser -u alice -- id -un </dev/null") == "alice\n"
    assert sessions.one("alice") == session and not sessions.ends(session["sessionId"])


def test_su_by_password_to_a_user_at_the_limit_works():
    set_config(ONE_DENY)
    ssh.start("alice", key="laptop").wait_open()
    terminal = Terminal(["setpriv", "--reuid=bob", "--regid=bob", "--init-groups", "su", "alice"])
    terminal.expect("assword:")
    terminal.type(PASSWORD + "\n")
    wait_shell(terminal)
    assert len(sessions.of("alice")) == 1


# ---- every name in the lists -------------------------------------------------------------------------------

TELLING = "[ignore=die success=ok default=bad]"  # an application sees PAM_IGNORE as the error it makes of it


def outcomes(service, user="alice"):
    """What an application of that service sees in account and open: its own PAM_IGNOREs are not hidden."""
    PamStack(host, service, like="bare", account_control=TELLING, session_control=TELLING)
    app = PamApp(host)
    assert app.begin(1, service, user).rc == 0
    seen = app.account(1).rc, app.open(1).rc
    rows = sessions.of(user)
    app.close_session(1)
    app.end(1)
    return seen, rows


def test_nested_and_ignored_services_are_ignored_in_account_and_open():
    set_config(ONE_DENY)
    later(write_stacks)
    seen, rows = outcomes("a-tracked-one")
    assert seen == (0, 0) and len(rows) == 1, "the stack tells PAM_IGNORE from PAM_SUCCESS"
    for service in NESTED + IGNORED:
        seen, rows = outcomes(service)
        assert 0 not in seen, f"{service}: {seen}"
        assert not rows, f"{service}: {rows}"


def test_counted_services_are_counted():
    set_config(ONE_DENY)
    for service in ("remote", "gdm-password", "sddm", "lightdm", "cockpit", "xrdp-sesman", "sddm-autologin"):
        _seen, rows = outcomes(service)
        assert [row["class"] for row in rows] == ["counted"], service


def test_the_lists_of_services_are_configured():
    set_config("[services]\nnested = doas\ncounted = sshd backup-*\ntracked = cockpit\nignored = su\n")
    later(write_stacks)
    assert not outcomes("doas")[1] and not outcomes("su")[1]
    assert outcomes("backup-nightly")[1][0]["class"] == "counted"
    assert outcomes("cockpit")[1][0]["class"] == "tracked"


# ---- an unknown service ------------------------------------------------------------------------------------

def open_tracked(user="alice", service="backup-tool"):
    """A program that has opened a session of an unknown service."""
    PamStack(host, service, like="bare")
    app = PamApp(host)
    assert app.begin(1, service, user).rc == 0
    assert app.account(1).name == "PAM_SUCCESS"
    assert app.open(1).name == "PAM_SUCCESS"
    return app


def test_an_unknown_service_is_listed_until_its_end():
    set_config(OPEN)
    app = open_tracked()
    session = sessions.one("alice")
    assert session["class"] == "tracked" and session["service"] == "backup-tool"
    assert session["leader"] == app.pid and session["methods"] == []
    assert session["deviceName"] == "unknown:backup-tool"
    assert app.close_session(1).rc == 0
    assert sessions.wait_end(session["sessionId"]) == "logout"


def test_an_unknown_service_that_dies_ends_its_session():
    set_config(OPEN)
    app = open_tracked()
    session = sessions.one("alice")
    app.kill()
    assert sessions.wait_end(session["sessionId"]) == "killed"


def test_an_unknown_service_is_revoked_and_not_signalled():
    set_config(OPEN)
    app = open_tracked()
    session = sessions.one("alice")
    assert sessions.call("RevokeSession", sessionId=session["sessionId"])["revokedCount"] == 1
    assert sessions.wait_end(session["sessionId"]) == "revoked"
    pass_time(daemon, 5, 2, 60)
    assert processes.is_alive(app.pid)
    assert app.close_session(1).rc == 0 and app.end(1).rc == 0, "its close goes well all the same"
    try:
        sessions.call("GetSession", sessionId=session["sessionId"])
        raise AssertionError("a session that has ended is shown")
    except VarlinkError as error:
        assert error.name == "org.sessjwt.SessionNotFound"


def test_an_unknown_service_neither_counts_nor_is_evicted():
    set_config("[policy default]\nmax_sessions = 1\nmax_devices = 1\n")
    app = open_tracked()
    tracked = sessions.one("alice")
    first = ssh.start("alice", key="laptop").wait_open()
    second = open_tracked()
    assert first.run("echo here") == "here\n"
    assert not sessions.ends(tracked["sessionId"])
    ssh.start("alice", key="laptop").wait_open()
    assert first.wait_closed() == 255, "the oldest that counts had to go"
    assert sorted(row["class"] for row in sessions.of("alice") if row["state"] == "live") == [
        "counted", "tracked", "tracked"]
    assert processes.is_alive(app.pid) and processes.is_alive(second.pid)


def test_an_unknown_service_is_never_refused():
    set_config(ONE_DENY)
    ssh.start("alice", key="laptop").wait_open()
    open_tracked()
    assert sorted(row["class"] for row in sessions.of("alice")) == ["counted", "tracked"]


def test_an_unknown_service_does_not_refuse_others():
    set_config(ONE_DENY)
    open_tracked()
    assert ssh.run("alice", "echo in", key="laptop").out == "in\n"


def test_an_unknown_service_expires_and_is_not_signalled():
    set_config("[policy default]\nsession_ttl = 1h\n")
    app = open_tracked()
    session = sessions.one("alice")
    assert session["expiresAt"]
    pass_time(daemon, 3599)
    assert sessions.one("alice")["state"] == "live"
    pass_time(daemon, 2, 5, 2, 60)
    assert sessions.wait_end(session["sessionId"]) == "expired"
    assert processes.is_alive(app.pid)


def test_a_program_that_also_holds_an_unknown_service_is_not_signalled():
    set_config(ONE_EVICT)
    app = open_tracked()
    PamStack(host, "cockpit", like="bare")
    assert app.begin(2, "cockpit", "alice").rc == 0 and app.open(2).rc == 0
    counted, = [row for row in sessions.of("alice") if row["class"] == "counted"]
    ssh.start("alice", key="laptop").wait_open()
    assert sessions.wait_end(counted["sessionId"]) == "evicted"
    pass_time(daemon, 5, 2, 60)
    never(lambda: not processes.is_alive(app.pid), 0.1)
    eventually(lambda: [row["class"] for row in sessions.of("alice")] == ["tracked", "counted"])
