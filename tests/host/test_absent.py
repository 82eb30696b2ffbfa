"""The daemon, its socket or the module itself is not there: people log in exactly as if there were none of
our lines."""
import os
import pathlib
import re
import socket

from harness import Daemon, Host, PamApp, PamStack, Ssh, Sshd, Terminal, eventually, later

LOOK = "id; pwd; env | sort; echo problem >&2; exit 7"

host = Host()
PamStack(host, "sshd", module=None)
PamStack(host, "login", module=None)
sshd = Sshd(host)
ssh = Ssh(sshd)
ssh.trust("alice", "laptop")
SOCKET = pathlib.Path("/run/sessjwt/login")


def look(**how):
    """What a login gets and sees, without what differs between any two: ports and terminals."""
    done = ssh.run("alice", LOOK, **how)
    out = re.sub(r"( \d{4,5})( 192\.0\.2\.1)?( \d{4,5})$", " PORTS", done.out.replace("\r", ""), flags=re.M)
    out = re.sub(r"/dev/pts/\d+", "TTY", out)
    return done.rc, out, done.err


def look_in_every_way():
    """By key, password and keyboard-interactive; with a terminal; login(1) as well."""
    seen = [look(key="laptop"), look(password=True), look(password=True, method="keyboard-interactive")]
    seen.append(look(key="laptop", extra=["-tt"]))
    console = Terminal(["login", "-f", "alice"])
    console.expect("$ ")
    console.type("exit\n")
    console.wait_closed()
    eventually(lambda: not sshd.monitors(), what="no login")
    return seen


look_in_every_way()  # what is only said at the first login is said now
as_without = look_in_every_way()


def with_lines(**how):
    """Our lines stand in both services until the test's end."""
    for service in ("sshd", "login"):
        PamStack(host, service, **how)
        later(lambda service=service: PamStack(host, service, module=None))


def check_as_without():
    assert as_without[0][0] == 7 and as_without[0][2] == "problem\n"
    for seen, expected in zip(look_in_every_way(), as_without, strict=True):
        assert seen == expected, f"{seen}\ninstead of\n{expected}"


def said(before):
    """What was written to the system log since, by our module or about it."""
    return [line for line in host.syslog.text()[before:].splitlines() if "sessjwt" in line]


def test_without_a_socket_logins_are_as_without_the_module():
    with_lines()
    assert not SOCKET.exists()
    before = len(host.syslog.text())
    check_as_without()
    assert any("No such file" in line for line in said(before)), "the log says what is wrong"


def test_with_a_socket_that_nobody_listens_on_logins_are_as_without_the_module():
    with_lines()
    daemon = Daemon(host).start()
    daemon.kill()
    assert SOCKET.is_socket()
    later(SOCKET.unlink)
    before = len(host.syslog.text())
    check_as_without()
    assert any("refused" in line for line in said(before)), "the log says what is wrong"


def test_with_a_file_in_the_sockets_place_logins_are_as_without_the_module():
    with_lines()
    SOCKET.write_text("", "ascii")
    later(SOCKET.unlink)
    check_as_without()


def test_a_socket_of_somebody_else_is_not_asked():
    """Whoever answers there could refuse everybody."""
    with_lines()
    server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    later(server.close)
    server.bind(str(SOCKET))
    later(SOCKET.unlink)
    server.listen()
    server.setblocking(False)
    os.chown(SOCKET, 2002, 2002)
    check_as_without()
    try:
        server.accept()
        raise AssertionError("the module connected")
    except BlockingIOError:
        pass


def test_with_the_module_file_gone_logins_are_as_without_the_module():
    with_lines(module=host.dir / "gone.so")
    before = len(host.syslog.text())
    check_as_without()
    assert not [line for line in host.syslog.text()[before:].splitlines() if "gone.so" in line], \
        "the '-' in the lines keeps the log clean"


def test_with_a_module_that_cannot_be_loaded_logins_are_as_without_the_module():
    broken = host.dir / "broken.so"
    broken.write_text("this is no module\n", "ascii")
    with_lines(module=broken)
    check_as_without()


def test_with_a_wrong_option_logins_are_as_without_the_module():
    with_lines(options="no_such_option")
    before = len(host.syslog.text())
    check_as_without()
    assert any("no_such_option" in line for line in said(before)), "the log says what is wrong"


def test_where_errors_deny_an_absent_daemon_refuses_all_but_root():
    with_lines(options="on_error=deny")
    host.add_user("toor", uid=0)
    ssh.trust("toor", "laptop")
    done = ssh.run("alice", "echo started", key="laptop")
    assert done.rc == 255 and "started" not in done.out, done
    assert ssh.run("toor", "echo started", key="laptop").out == "started\n"


def test_no_phase_of_an_absent_daemon_is_an_error():
    PamStack(host, "portal", like="bare")
    app = PamApp(host)
    app.begin(1, "portal", "alice")
    steps = [app.account(1), app.open(1), app.close_session(1), app.end(1)]
    assert [step.name for step in steps] == ["PAM_SUCCESS"] * 4
    assert not any(step.text for step in steps), "nobody is told"
