"""idle_ttl: a session ends when nobody has used it for so long: no token, nothing read at its terminals; and
one without a terminal never does."""
import os
import time

from harness import Clock, Daemon, Host, PamStack, SessionList, Ssh, Sshd, Varlink, eventually
from harness.passing import pass_time, rounds

TTL = 600
LATE = 10  # seconds that an end may be late
CONFIG = f"[policy long]\nusers = bob\nidle_ttl = 2h\n[policy default]\nidle_ttl = {TTL}s\nexempt = mallory\n"

host = Host()
clock = Clock(host.dir / "clock")
daemon = Daemon(host, CONFIG, clock=clock).start()
sessions = SessionList(daemon)
PamStack(host, "sshd")
ssh = Ssh(Sshd(host))
for user in ("alice", "bob", "mallory"):
    ssh.trust(user, "laptop")


def begin():
    """The daemon's clocks are an hour behind: modules are in time, and so are what they did."""
    eventually(lambda: not sessions.of(), what="no session of an earlier test")
    clock.advance(-3600 - clock.offsets()[1])
    daemon.restart()


def log_in(user="alice"):
    """A login on a terminal that was last read from now, by the daemon's clock. Returns it, its session and
    the terminal."""
    login = ssh.start(user, key="laptop", tty=True).wait_open()
    login.say("tty")
    login.expect("/dev/pts/")
    terminal = "/dev/pts/" + login.text().split("/dev/pts/")[1].split()[0]
    session = eventually(lambda: sessions.of(user))[-1]
    read_at(terminal)
    return login, session, terminal


def read_at(terminal):
    """As if something were typed there now, by the daemon's clock."""
    now = time.time() + clock.offsets()[0]
    os.utime(terminal, (now, now))


def is_live(session):
    """Whether it goes on, after what was due is done."""
    rounds(daemon, 4)
    return any(row["sessionId"] == session["sessionId"] and row["state"] == "live" for row in sessions.of())


def check_ends(session, login):
    """Idle, told on the terminal, and the connection is closed."""
    assert sessions.wait_end(session["sessionId"], 10) == "idle"
    assert login.wait_closed() == 255
    assert "idle for too long" in login.text()


def test_a_terminal_that_nobody_reads_from_ends_its_session():
    begin()
    login, session, _terminal = log_in()
    token = Varlink(daemon, user="alice").call("MintToken", sessionId=session["sessionId"])["accessToken"]
    pass_time(daemon, TTL - 10)
    assert is_live(session)
    clock.advance(10 + LATE)
    eventually(lambda: not sessions.call("Introspect", token=token)["active"], what="no token of it counts")
    check_ends(session, login)


def test_reading_at_its_terminal_puts_the_end_off():
    begin()
    login, session, terminal = log_in()
    pass_time(daemon, TTL // 2)
    read_at(terminal)
    pass_time(daemon, TTL // 2 + LATE)
    assert is_live(session)
    pass_time(daemon, TTL // 2 - 2 * LATE)
    assert is_live(session)
    pass_time(daemon, 2 * LATE)
    check_ends(session, login)


def test_what_is_really_typed_is_a_use():
    begin()
    typist, used, typed_at = log_in("bob")
    idler, unused, _terminal = log_in("bob")
    pass_time(daemon, 3600)  # now it is as late for the daemon as for the kernel
    before = os.stat(typed_at).st_atime
    typist.say("echo typed")
    eventually(lambda: os.stat(typed_at).st_atime > before, what="the kernel's note that it was read")
    pass_time(daemon, 3600 + LATE)
    check_ends(unused, idler)
    assert is_live(used)
    pass_time(daemon, 3600 + LATE)
    check_ends(used, typist)


def test_a_token_is_a_use():
    begin()
    login, session, _terminal = log_in()
    pass_time(daemon, TTL // 2)
    Varlink(daemon, user="alice").call("MintToken", sessionId=session["sessionId"])
    rounds(daemon)
    pass_time(daemon, TTL // 2 + LATE)
    assert is_live(session)
    refresh = Varlink(daemon, user="alice").call("IssueRefreshToken", sessionId=session["sessionId"])
    pass_time(daemon, TTL // 2)
    Varlink(daemon).call("Refresh", refreshToken=refresh["refreshToken"])
    pass_time(daemon, TTL // 2 + LATE)
    assert is_live(session)
    pass_time(daemon, TTL // 2)
    check_ends(session, login)


def test_a_login_without_a_terminal_is_never_idle():
    begin()
    tunnel = ssh.start("alice", key="laptop", shell=False).wait_open()
    command = ssh.start("alice", "echo here; exec cat", key="laptop")
    command.expect("here")
    eventually(lambda: len(sessions.of("alice")) == 2)
    pass_time(daemon, *[TTL + LATE] * 5)
    assert tunnel.is_open() and command.is_open()
    assert [row["state"] for row in sessions.of("alice")] == ["live", "live"]


def test_whoever_is_exempt_is_never_idle():
    begin()
    _login, session, _terminal = log_in("mallory")
    pass_time(daemon, *[TTL + LATE] * 3)
    assert is_live(session)


def test_a_restart_forgets_no_idleness_and_no_use():
    begin()
    login, session, terminal = log_in()
    other, idle, _terminal = log_in()
    pass_time(daemon, TTL // 2)
    read_at(terminal)
    daemon.restart()
    pass_time(daemon, TTL // 2 + LATE)
    check_ends(idle, other)
    assert is_live(session) and login.is_open()


def test_a_clock_that_is_set_ends_nobody_who_is_there():
    begin()
    _login, session, terminal = log_in()
    pass_time(daemon, TTL // 2)
    read_at(terminal)
    clock.set_forward(86400)
    pass_time(daemon, TTL // 2 + LATE)
    assert is_live(session)
    clock.set_back(2 * 86400)
    read_at(terminal)
    pass_time(daemon, TTL + LATE)
    assert is_live(session)
