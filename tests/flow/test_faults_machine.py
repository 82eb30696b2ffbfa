"""What the machine does to us: descriptors run out, the disk is full or unwritable, clocks are set, the host
starts again, a pid is used again. Nothing acknowledged is lost, nobody else's session ends."""
import ctypes
import errno
import os
import pathlib
import resource
import signal
import subprocess
import time

from harness import (Clock, Daemon, Host, PamApp, PamStack, SessionList, Varlink, VarlinkError, eventually,
                     later, processes)
from harness.daemon import DaemonFailed
from harness.faults import Faults
from harness.passing import rounds
from harness.varlink import ConnectionLost

CLONE_NEWPID = 0x20000000
BOOTS = ("11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222")
DAY = 86400

host = Host()
PamStack(host, "sshd", like="bare")
PamStack(host, "cockpit", like="bare", options="on_error=deny")


class Login:
    """A program that leads one session, if it was given one."""

    def __init__(self, user="alice", service="sshd", rhost="192.0.2.10"):
        self.app = PamApp(host)
        assert self.app.begin(1, service, user).rc == 0
        self.app.item(1, "RHOST", rhost)
        self.answer = self.app.open(1)
        self.sid = self.app.getenv(1, "SESSJWT_SESSION_ID")


def busy_seconds(pid):
    """Processor time that it has taken so far."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# ---- descriptors -------------------------------------------------------------------------------------------

class SmallDaemon(Daemon):
    """One that may have few descriptors."""
    LIMIT = 200

    @property
    def command_line(self):
        return ["prlimit", f"--nofile={self.LIMIT}", "--", *super().command_line]


def test_without_a_descriptor_nobody_is_locked_out_and_the_loop_does_not_spin():
    daemon = Daemon(host).start()
    sessions = SessionList(daemon)
    first = Login()
    root = Varlink(daemon)
    soft, hard = resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, (daemon.count_fds(), hard))
    waits = Varlink(daemon)  # the kernel has it; nobody accepts it
    waits.send_call("GetHealth")
    begun, worked = time.monotonic(), busy_seconds(daemon.pid)
    second = Login("bob")
    assert second.answer.rc == 0 and not second.sid
    assert Login("bob", "cockpit").answer.name == "PAM_SESSION_ERR"
    assert [row["sessionId"] for row in root.call("ListSessions", all=True)["sessions"]] == [first.sid]
    daemon.wait_for_log("cannot let anybody in: Too many open files")
    while time.monotonic() - begun < 1.0:
        root.call("GetHealth")
        time.sleep(0.05)
    assert busy_seconds(daemon.pid) - worked < 0.5, "the loop spins"
    resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, (soft, hard))
    assert waits.read_reply()["parameters"]["ok"] is not None
    third = Login("bob").sid  # the second may have one by now, too: a login that went on without us
    assert third and {first.sid, third} <= set(sessions.ids())
    daemon.stop()


def test_the_public_cannot_take_the_descriptors_that_logins_need():
    daemon = SmallDaemon(host).start()
    held, refused = [], 0
    for user in ("alice", "bob", "mallory", None, None):
        try:
            held += [Varlink(daemon, user) for _ in range(30)]
            held[-1].call("GetHealth")
        except (OSError, VarlinkError, ConnectionLost):
            refused += 1
    assert refused
    assert daemon.count_fds() < daemon.LIMIT - 50
    assert Login("root").sid and Login("alice").sid
    n_leaders = 2
    while (login := Login("bob")).sid:
        n_leaders += 1
    assert 40 < n_leaders < daemon.LIMIT / 2
    assert login.answer.rc == 0, "it goes on, only without a session"
    assert daemon.count_fds() < daemon.LIMIT
    daemon.stop()


def test_who_could_not_be_watched_at_start_for_want_of_descriptors_is_watched_when_there_are_some():
    many = Daemon(host).start()
    logins = [Login("alice") for _ in range(SmallDaemon.LIMIT // 2)]
    assert all(login.sid for login in logins)
    many.stop()
    daemon = SmallDaemon(host, state_dir=many.state_dir).start()
    sessions = SessionList(daemon)
    daemon.wait_for_log("cannot watch login process")
    assert set(sessions.ids()) == {login.sid for login in logins}
    for login in logins:  # of those that are watched as of those that are not, half go
        if login is not logins[-1]:
            login.app.kill()
    eventually(lambda: sessions.ids() == [logins[-1].sid], what="the ends of all that went")
    assert set(daemon.log().split()) >= {"killed:", "lost:"}
    logins[-1].app.kill()
    eventually(lambda: not sessions.ids(), what="the end of one who was not watched at first")
    daemon.stop()


# ---- the disk ----------------------------------------------------------------------------------------------

class Disk:
    """A small file system of its own for the state."""

    def __init__(self, name, size="2m"):
        self.path = host.dir / name
        self.path.mkdir(mode=0o700)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "tmpfs", str(self.path)],
                       check=True)

    def fill(self):
        """Not a byte is left."""
        with open(self.path / "filler", "wb", buffering=0) as filler:
            try:
                while filler.write(bytes(4096)):
                    pass
            except OSError as error:
                assert error.errno == errno.ENOSPC

    def make_room(self):
        """As before."""
        (self.path / "filler").unlink()

    def remount(self, how):
        """ro or rw."""
        subprocess.run(["mount", "-o", f"remount,{how}", str(self.path)], check=True)


def test_on_a_full_disk_logins_are_refused_clearly_ends_stand_and_a_crash_loses_nothing():
    disk = Disk("full")
    daemon = Daemon(host, state_dir=disk.path).start()
    sessions = SessionList(daemon)
    stays, goes = Login("alice"), Login("alice", rhost="192.0.2.11")
    token = Varlink(daemon, "alice").call("MintToken", sessionId=goes.sid)["accessToken"]
    disk.fill()
    refused = [Login("bob") for _ in range(20)]
    assert all(login.answer.rc == 0 for login in refused)
    assert not refused[-1].sid, "the disk is full by then"
    assert Login("bob", "cockpit").answer.name == "PAM_SESSION_ERR"
    kept = {login.sid for login in refused if login.sid} | {stays.sid}
    try:
        sessions.call("RevokeSession", sessionId=goes.sid)
    except VarlinkError as error:
        assert error.name == "org.sessjwt.StoreUnavailable"
    assert sessions.call("Introspect", token=token)["active"] is False, "it stands, kept or not"
    assert kept <= set(sessions.ids())
    assert sessions.call("GetHealth")["ok"] in (False, True)
    daemon.kill()
    for login in refused:
        login.app.kill()
    daemon.start()
    rows = {row["sessionId"]: row["state"] for row in sessions.of()}
    assert rows.get(stays.sid) == "live", (rows, daemon.log()[-2000:])
    disk.make_room()
    eventually(lambda: Login("bob").sid, what="a login that is kept again")
    assert {row["sessionId"] for row in sessions.of("alice")} >= {stays.sid}
    daemon.stop()


def ids_of_all(daemon):
    """More than one reply may hold."""
    replies = Varlink(daemon).call_more("ListSessions", all=True)
    return {reply["session"]["sessionId"] for reply in replies}


def test_a_full_map_refuses_logins_clearly_and_what_ends_makes_room():
    full = {"SESSJWT_TEST_MAP": str(5 << 19)}
    daemon = Daemon(host).start(**full)
    sessions = SessionList(daemon)
    apps, sids = [], []
    while sids.count("") == 0:
        apps.append(PamApp(host))
        for handle in range(1, 1001):
            assert apps[-1].begin(handle, "sshd", "alice").rc == 0
            assert apps[-1].open(handle).rc == 0, "it goes on, only without a session"
            sids.append(apps[-1].getenv(handle, "SESSJWT_SESSION_ID"))
            if not sids[-1]:
                break
    sids.remove("")
    assert len(sids) > 1000
    daemon.wait_for_log("could not be kept: No space left on device")
    assert Login("bob", "cockpit").answer.name == "PAM_SESSION_ERR"
    eventually(lambda: not sessions.call("GetHealth")["ok"], what="an alarm")
    assert ids_of_all(daemon) == set(sids)
    token = Varlink(daemon, "alice").call("MintToken", sessionId=sids[0])["accessToken"]
    daemon.kill()
    daemon.start(**full)
    assert ids_of_all(daemon) == set(sids), "all that was acknowledged is there"
    assert sessions.call("RevokeAll", user="alice")["revokedCount"] == len(sids)
    assert sessions.call("Introspect", token=token)["active"] is False
    for app in apps:
        app.kill()
    eventually(lambda: Login("bob").sid, what="a login that is kept again")
    daemon.stop()


def test_a_state_that_cannot_be_written_is_said_at_start_and_logins_go_on():
    disk = Disk("read-only")
    daemon = Daemon(host, state_dir=disk.path).start()
    first = Login()
    daemon.stop()
    disk.remount("ro")
    try:
        daemon.start()
        raise AssertionError("it started")
    except DaemonFailed as error:
        assert "Read-only file system" in str(error), error
    assert Login().answer.rc == 0 and Login(service="cockpit").answer.name == "PAM_SESSION_ERR"
    disk.remount("rw")
    daemon.start()
    assert first.sid in SessionList(daemon).ids()
    daemon.stop()


def test_a_state_that_becomes_unwritable_ends_the_daemon_and_the_next_one_has_all():
    faults = Faults(host.dir / "faults")
    daemon = Daemon(host, environment=faults.environment).start()
    first = Login()
    faults.arm("write", error=errno.EROFS, times=10**6, only="liblmdb")
    assert Login("bob").answer.rc == 0
    assert daemon.wait_ended() == 1
    assert Login("bob", "cockpit").answer.name == "PAM_SESSION_ERR", "nobody is there"
    faults.disarm()
    daemon.start()
    assert SessionList(daemon).ids() == [first.sid]
    daemon.stop()


# ---- clocks, boots, pids -----------------------------------------------------------------------------------

def test_a_clock_that_is_set_ends_nothing_revives_nothing_and_moves_no_lock():
    clock = Clock(host.dir / "clock")
    daemon = Daemon(host, "[policy default]\nsession_ttl = 2h\nterminate = none\n", clock=clock).start()
    sessions = SessionList(daemon)
    alice = Login()
    client = Varlink(daemon, "alice")
    sessions.call("LockUser", user="mallory", duration=600)
    for step in (10, -10, DAY, -DAY, -DAY, DAY):
        gone = Login("alice", rhost="192.0.2.11")
        old = client.call("MintToken", sessionId=gone.sid)["accessToken"]
        sessions.call("RevokeSession", sessionId=gone.sid)
        (clock.set_forward if step > 0 else clock.set_back)(abs(step))
        rounds(daemon, 3)
        assert [row["state"] for row in sessions.of("alice")] == ["live"], f"after {step} s"
        token = client.call("MintToken", sessionId=alice.sid)["accessToken"]
        assert sessions.call("Introspect", token=token)["active"], f"after {step} s"
        assert not sessions.call("Introspect", token=old)["active"], f"after {step} s"
        assert [row["user"] for row in sessions.call("ListLocks")["locks"]] == ["mallory"], f"after {step} s"
        newest = Login("alice", rhost="192.0.2.12")
        assert newest.sid > gone.sid > alice.sid, "sids go on in order"
        newest.app.close_session(1)
    daemon.stop()


def test_in_another_boot_sessions_are_over_and_an_admins_lock_is_not():
    daemon = Daemon(host, boot_id=BOOTS[0]).start()
    sessions = SessionList(daemon)
    login = Login()
    token = Varlink(daemon, "alice").call("MintToken", sessionId=login.sid)["accessToken"]
    sessions.call("LockUser", user="mallory")
    daemon.stop()
    daemon.boot_id = BOOTS[1]
    daemon.start()
    assert sessions.ends(login.sid) == ["reboot"] and not sessions.ids()
    assert not sessions.call("Introspect", token=token)["active"]
    assert [lock["user"] for lock in sessions.call("ListLocks")["locks"]] == ["mallory"]
    assert processes.is_alive(login.app.pid), "nobody was signalled"
    daemon.stop()


class NewProc(Daemon):
    """A daemon in the pid namespace of our next children, with the /proc that belongs to it."""

    @property
    def command_line(self):
        return [*IN_NEW_PROC, *super().command_line]


IN_NEW_PROC = ["unshare", "--mount", "sh", "-c", 'mount -t proc proc /proc && exec "$@"', "sh"]


def inner_pid(pid):
    """What a process of the inner namespace is called there."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text("ascii", errors="replace")
    return int(next(line for line in status.splitlines() if line.startswith("NSpid:")).split()[-1])


def test_a_pid_that_is_used_again_is_no_leader():
    libc = ctypes.CDLL(None, use_errno=True)
    outer = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
    assert libc.unshare(CLONE_NEWPID) == 0
    later(lambda: libc.setns(outer, CLONE_NEWPID))
    init = subprocess.Popen(["sleep", "infinity"])
    later(init.kill)
    daemon = NewProc(host).start()
    sessions = SessionList(daemon)
    login = Login()
    pid = inner_pid(login.app.pid)
    assert login.sid and sessions.one("alice")["sessionId"] == login.sid
    daemon.kill()
    login.app.kill()
    subprocess.run([*IN_NEW_PROC, "sh", "-c", f"echo {pid - 1} >/proc/sys/kernel/ns_last_pid"], check=True)
    stranger = subprocess.Popen(["sleep", "infinity"])
    later(stranger.kill)
    assert inner_pid(stranger.pid) == pid
    daemon.start()
    assert sessions.ends(login.sid) == ["lost"] and not sessions.ids()
    assert processes.is_alive(stranger.pid) and not processes.catches(stranger.pid, signal.SIGTERM)
    daemon.stop()
    assert stranger.poll() is None
