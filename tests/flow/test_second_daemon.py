"""One daemon to a state and one to a runtime folder: a second one says why it cannot start; what a killed one
left behind is taken over; sockets may be given by a service manager."""
import os
import pathlib
import signal
import sys

from harness import Daemon, DaemonFailed, Host, PamLogin, PamStack, Varlink, eventually, later

host = Host()
PamStack(host, "sshd", like="bare")
_folders = 0

# Runs a program with descriptors 3, 4, … as systemd hands them over: argv[1] is a list of name=type=path.
LAUNCHER = """
import os, socket, sys
sockets = []
for item in sys.argv[1].split(","):
    kind, path = item.split("=")
    sockets.append(socket.socket(socket.AF_UNIX, getattr(socket, kind)))
    sockets[-1].bind(path)
    os.chmod(path, 0o600 if kind == "SOCK_SEQPACKET" else 0o666)
    sockets[-1].listen(64)
saved = [os.dup2(sock.fileno(), 100 + number) for number, sock in enumerate(sockets)]
for number, fd in enumerate(saved):
    os.dup2(fd, 3 + number, inheritable=True)
    os.set_blocking(3 + number, True)
os.closerange(3 + len(saved), 200)
os.environ |= {"LISTEN_FDS": str(len(saved)), "LISTEN_PID": str(os.getpid())}
os.execv(sys.argv[2], sys.argv[2:])
"""


def folder(mode=0o755):
    """A new folder."""
    global _folders
    _folders += 1
    path = host.dir / f"folder-{_folders}"
    path.mkdir()
    path.chmod(mode)
    return path


def failure(daemon, **arguments):
    """What a daemon says that must not start."""
    try:
        daemon.start(**arguments)
    except DaemonFailed as error:
        assert daemon.process.returncode == 1, daemon.process.returncode
        return str(error)
    raise AssertionError("it started")


def works(daemon):
    """Whether logins and questions are answered; the login's session stays."""
    login = PamLogin(host, "alice")
    session = Varlink(daemon, user="alice").call("GetSession", sessionId=login.sid)["session"]
    return session["sessionId"] == login.sid and session["state"] == "live"


# ---- a second one ------------------------------------------------------------------------------------------

def test_a_second_daemon_on_the_same_state_refuses_and_says_which_process_holds_it():
    first = Daemon(host).start()
    second = Daemon(host, state_dir=first.state_dir, runtime_dir=folder())
    said = failure(second)
    assert f"{first.state_dir} is in use by another sessjwtd, pid {first.pid}" in said
    assert os.listdir(second.runtime_dir) == []
    assert works(first)


def test_a_second_daemon_on_the_same_runtime_folder_refuses_and_harms_nothing():
    first = Daemon(host).start()
    keys = (first.runtime_dir / "public" / "jwks.json").read_text("utf-8")
    second = Daemon(host)
    said = failure(second)
    assert f"cannot listen on {first.login_socket}: Address already in use" in said
    assert first.login_socket.exists() and first.varlink_socket.exists()
    assert (first.runtime_dir / "public" / "jwks.json").read_text("utf-8") == keys
    assert works(first)


def test_a_second_daemon_of_the_same_state_and_folder_harms_nothing():
    first = Daemon(host).start()
    login = PamLogin(host, "alice")
    second = Daemon(host, state_dir=first.state_dir)
    for _ in range(3):
        assert f"pid {first.pid}" in failure(second)
    assert Varlink(first).call("GetSession", sessionId=login.sid)["session"]["state"] == "live"
    assert works(first)


def test_the_state_is_free_again_when_its_daemon_has_ended_or_was_killed():
    first = Daemon(host).start()
    second = Daemon(host, state_dir=first.state_dir)
    first.stop()
    second.start()
    assert works(second)
    second.kill()
    first.start()
    assert works(first)


def test_two_daemons_of_their_own_folders_live_side_by_side():
    first = Daemon(host).start()
    second = Daemon(host, runtime_dir=folder()).start()
    assert works(first)
    assert Varlink(second).call("GetHealth")["sessions"] == 0


# ---- what a killed one left behind -------------------------------------------------------------------------

def test_the_sockets_of_a_killed_daemon_are_taken_over():
    daemon = Daemon(host).start()
    login = PamLogin(host, "alice")
    daemon.kill()
    assert daemon.login_socket.exists() and daemon.varlink_socket.exists()
    daemon.start()
    assert os.stat(daemon.login_socket).st_mode & 0o777 == 0o600
    assert os.stat(daemon.varlink_socket).st_mode & 0o777 == 0o666
    assert Varlink(daemon).call("GetSession", sessionId=login.sid)["session"]["state"] == "live"
    assert works(daemon)


def test_a_daemon_that_stops_takes_its_sockets_with_it():
    daemon = Daemon(host).start()
    assert daemon.stop() == 0
    assert not daemon.login_socket.exists() and not daemon.varlink_socket.exists()
    for number in (signal.SIGTERM, signal.SIGINT):
        daemon.start()
        daemon.process.send_signal(number)
        assert daemon.wait_ended() == 0
        assert not daemon.login_socket.exists()


def test_a_stopped_daemon_still_holds_its_places():
    first = Daemon(host).start()
    first.pause()
    said = failure(Daemon(host))
    assert "Address already in use" in said
    assert f"pid {first.pid}" in failure(Daemon(host, state_dir=first.state_dir, runtime_dir=folder()))
    first.resume()
    assert works(first)


def test_what_is_no_socket_is_not_removed():
    for name in ("login", "org.sessjwt"):
        daemon = Daemon(host, runtime_dir=folder())
        (daemon.runtime_dir / name).write_text("precious", "ascii")
        assert f"cannot listen on {daemon.runtime_dir}/{name}: " in failure(daemon)
        assert (daemon.runtime_dir / name).read_text("ascii") == "precious"


# ---- where the state may be --------------------------------------------------------------------------------

def test_a_state_folder_of_somebody_else_is_refused_by_what_is_wrong_with_it():
    state = folder(0o700)
    os.chown(state, 2000, 2000)
    said = failure(Daemon(host, state_dir=state))
    assert str(state) in said and "must belong to" in said, said
    assert os.listdir(state) == []


def test_a_state_folder_that_others_may_write_is_refused_by_what_is_wrong_with_it():
    for mode in (0o770, 0o707, 0o777, 0o720, 0o1777):
        state = folder(mode)
        said = failure(Daemon(host, state_dir=state))
        assert str(state) in said and "must belong to" in said, said
        assert os.listdir(state) == []


def test_a_state_that_is_no_folder_or_cannot_be_made_is_refused_by_name():
    file = folder() / "file"
    file.write_text("", "ascii")
    for state in (file, file / "below", folder() / "not" / "there"):
        said = failure(Daemon(host, state_dir=state))
        assert str(state) in said and ("Not a directory" in said or "No such file" in said), said


def test_a_new_state_is_for_its_owner_alone():
    state = folder() / "state"
    daemon = Daemon(host, state_dir=state).start()
    assert os.stat(state).st_mode & 0o777 == 0o700
    assert all(os.stat(path).st_mode & 0o077 == 0 for path in state.iterdir())
    assert works(daemon)


def test_a_store_of_another_kind_is_left_alone():
    state = folder(0o700)
    (state / "data.mdb").write_bytes(b"this is no database" * 1000)
    said = failure(Daemon(host, state_dir=state))
    assert str(state) in said
    assert (state / "data.mdb").read_bytes() == b"this is no database" * 1000


# ---- sockets that are given --------------------------------------------------------------------------------

class Activated(Daemon):
    """Started as systemd does: the sockets are there before, and are handed over as descriptors."""

    given = ""

    @property
    def command_line(self):
        return [sys.executable, "-c", LAUNCHER, self.given, *super().command_line]


def activated(*kinds):
    """A daemon that is given sockets of these kinds, in this order."""
    daemon = Activated(host)
    path = {"SOCK_SEQPACKET": daemon.login_socket, "SOCK_STREAM": daemon.varlink_socket}
    taken, items = set(), []
    for kind in kinds:
        place = path.get(kind, daemon.runtime_dir / "other")
        while place in taken:
            place = pathlib.Path(f"{place}-more")
        taken.add(place)
        items.append(f"{kind}={place}")
    daemon.given = ",".join(items)
    later(lambda: [place.unlink() for place in taken if place.exists()])
    return daemon


def test_sockets_may_be_handed_over_in_either_order():
    for kinds in (("SOCK_SEQPACKET", "SOCK_STREAM"), ("SOCK_STREAM", "SOCK_SEQPACKET")):
        daemon = activated(*kinds).start()
        for _ in range(3):
            assert works(daemon)
        assert daemon.stop() == 0
        assert daemon.login_socket.exists() and daemon.varlink_socket.exists()
        daemon.login_socket.unlink()
        daemon.varlink_socket.unlink()


def test_with_sockets_that_block_nobody_waits_for_anybody():
    daemon = activated("SOCK_SEQPACKET", "SOCK_STREAM").start()
    clients = [Varlink(daemon, timeout=5.0) for _ in range(5)]
    for client in reversed(clients):
        assert client.call("GetHealth")["ok"]
    logins = [PamLogin(host, "alice", rhost=f"192.0.2.{last}") for last in range(20, 25)]
    assert all(login.sid for login in logins)
    for login in logins:
        login.kill()
    eventually(lambda: clients[0].call("GetHealth")["sessions"] == 0, what="the leaders' ends seen")


def test_sockets_of_the_wrong_kinds_are_refused_by_what_would_be_right():
    for kinds in (("SOCK_SEQPACKET",), ("SOCK_STREAM",),
                  ("SOCK_STREAM", "SOCK_STREAM"), ("SOCK_SEQPACKET", "SOCK_SEQPACKET")):
        said = failure(activated(*kinds))
        assert "systemd must hand over one SOCK_SEQPACKET and one SOCK_STREAM socket" in said, (kinds, said)
        for place in host.runtime_dir.iterdir():
            if place.is_socket():
                place.unlink()


def test_descriptors_meant_for_another_process_are_not_taken():
    daemon = Daemon(host, environment={"LISTEN_FDS": "2", "LISTEN_PID": "1"}).start()
    assert works(daemon)
