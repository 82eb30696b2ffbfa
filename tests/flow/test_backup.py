"""Backups are made while everything goes on, are whole, hold no secret, and leave nothing half behind."""
# timeout: 240
import json
import os
import random
import shutil
import stat
import subprocess
import threading

from harness import Host, PamStack, Varlink, VarlinkError, eventually, later, namespaces
from harness.backups import backup, backups, elsewhere, error_of, live_sessions, log_in, number, start
from harness.signing_keys import call, is_active, mint

CLIENTS = 64

host = Host()
host.install_command()
PamStack(host, "sshd", like="bare", options="timeout=1s")


# ---- making one --------------------------------------------------------------------------------------------

def test_a_backup_is_a_file_of_that_name_that_nobody_else_can_read():
    daemon = start(host)
    log_in(host)
    reply = backup(daemon, "Monday_1.mdb-x")
    path = daemon.state_dir / "backups" / "Monday_1.mdb-x"
    assert reply == {"path": str(path), "size": path.stat().st_size}, reply
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert backups(daemon) == ["Monday_1.mdb-x"]
    daemon.wait_for_log(f"backup {path} was made")


def test_a_backup_is_made_for_root_alone():
    daemon = start(host)
    for user in ("alice", "nobody"):
        assert error_of(call, daemon, "Backup", user=user, name="one")[0] == "PermissionDenied"
    assert not backups(daemon)


def test_a_name_that_is_no_plain_file_name_is_refused():
    daemon = start(host)
    for name in ("", ".", "..", ".hidden", "-x", "_x", "a/b", "/tmp/x", "../x", "a b", "ä", "a\n", "a:b",
                 "x" * 65):
        assert error_of(backup, daemon, name) == ("InvalidParameter", {"parameter": "name"}), name
    assert error_of(call, daemon, "Backup") == ("InvalidParameter", {"parameter": "name"})
    assert not backups(daemon)
    backup(daemon, "x" * 64)


def test_a_name_that_is_taken_is_refused_and_what_has_it_stays():
    daemon = start(host)
    backup(daemon)
    before = (daemon.state_dir / "backups" / "one").read_bytes()
    log_in(host)
    assert error_of(backup, daemon) == ("BackupExists", {"name": "one"})
    assert (daemon.state_dir / "backups" / "one").read_bytes() == before
    os.symlink("/nowhere", daemon.state_dir / "backups" / "two")
    assert error_of(backup, daemon, "two") == ("BackupExists", {"name": "two"})
    assert backups(daemon) == ["one", "two"]


def test_one_backup_at_a_time_is_made_and_nobody_else_waits_for_it():
    daemon = start(host)
    login = log_in(host)
    daemon.restart(hooks="copy-begun=stop")
    first = Varlink(daemon)
    first.send_call("Backup", {"name": "one"})
    daemon.wait_stopped()
    daemon.resume()
    assert "path" in first.read_reply()["parameters"]
    outcomes = set()
    clients = [Varlink(daemon) for _ in range(8)]
    for number, client in enumerate(clients):
        client.send_call("Backup", {"name": f"of-{number}"})
    for client in clients:
        outcomes.add(client.read_reply().get("error"))
    assert None in outcomes and outcomes <= {None, "org.sessjwt.BackupUnderWay"}, outcomes
    assert is_active(daemon, mint(daemon, login))


def test_the_command_prints_where_it_is_and_says_what_is_wrong():
    daemon = start(host)
    words = ["sessjwt", "--socket", str(daemon.varlink_socket)]
    done = host.run_as("root", *words, "backup", "one")
    path = daemon.state_dir / "backups" / "one"
    assert done.returncode == 0 and done.stdout.splitlines()[0] == str(path), done
    assert "sessjwtd --restore FILE" in done.stdout
    done = host.run_as("root", *words, "-j", "backup", "two")
    assert json.loads(done.stdout)["path"] == f"{path.parent}/two"
    done = host.run_as("root", *words, "backup", "one")
    assert done.returncode == 1 and "There is a backup of that name, it stays: one" in done.stderr, done
    done = host.run_as("root", *words, "backup", "../x")
    assert done.returncode == 1 and "name" in done.stderr, done
    done = host.run_as("alice", *words, "backup", "three")
    assert done.returncode == 1 and "You may not do that" in done.stderr, done
    assert host.run_as("root", *words, "backup").returncode == 2


def test_a_backup_holds_no_secret():
    daemon = start(host)
    login = log_in(host)
    refresh = call(daemon, "IssueRefreshToken", user="alice", sessionId=login.sid)["refreshToken"]
    assert refresh
    text = subprocess.run(["mdb_dump", "-n", "-s", "key", str(daemon.state_dir / "data.mdb")], text=True,
                          capture_output=True, check=False).stdout if shutil.which("mdb_dump") else ""
    private = [bytes.fromhex(line.strip()) for line in text.splitlines() if line.startswith(" ")]
    backup(daemon)
    data = (daemon.state_dir / "backups" / "one").read_bytes()
    whole = (daemon.state_dir / "data.mdb").read_bytes()
    for published in json.loads((daemon.runtime_dir / "public" / "jwks.json").read_text("utf-8"))["keys"]:
        kid = published["kid"].encode()
        assert kid in whole and kid not in data, "not even the names of keys"
    for row in private:
        assert row not in data


# ---- trouble -----------------------------------------------------------------------------------------------

def small_state(kib):
    """A folder for a state, with so much room."""
    folder = host.dir / f"disk-{number()}"
    folder.mkdir(mode=0o700)
    namespaces.mount("tmpfs", folder, "tmpfs", 0, f"size={kib}k,mode=0700")
    later(lambda: namespaces.unmount(folder))
    return folder


def fill(folder):
    """Not a byte is left; returns the file that took it."""
    with open(folder / "filler", "wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            pass
    return folder / "filler"


def test_a_backup_that_would_leave_no_room_for_logins_is_refused_before_it_begins():
    daemon = start(host, state_dir=small_state(1000))
    name, parameters = error_of(backup, daemon)
    assert name == "BackupFailed" and "no space" in parameters["reason"], parameters
    assert not backups(daemon)
    log_in(host)
    daemon.stop()


def test_a_disk_that_gets_full_meanwhile_leaves_no_half_backup():
    state = small_state(8000)
    daemon = start(host, state_dir=state)
    log_in(host)
    daemon.restart(hooks="copy-begun=stop")
    client = Varlink(daemon)
    client.send_call("Backup", {"name": "one"})
    daemon.wait_stopped()
    filler = fill(state)
    daemon.resume()
    reply = client.read_reply()
    assert reply["error"] == "org.sessjwt.BackupFailed" and "no space" in reply["parameters"]["reason"], reply
    assert not backups(daemon)
    filler.unlink()
    backup(daemon)
    assert backups(daemon) == ["one"]
    daemon.stop()


def test_a_crash_during_a_backup_leaves_a_working_store_and_no_half_backup():
    daemon = start(host)
    login = log_in(host)
    token = mint(daemon, login)
    for hook, left in (("copy-begun", []), ("copy-written", []), ("backup-copied", []),
                       ("backup-named", ["one"])):
        daemon.restart(hooks=f"{hook}=kill")
        client = Varlink(daemon)
        client.send_call("Backup", {"name": "one"})
        assert daemon.wait_ended() == -9
        daemon.start()
        assert is_active(daemon, token) and login.sid in live_sessions(daemon)
        assert [name for name in backups(daemon) if name != ".new"] == left, hook
        backup(daemon, f"after-{hook}")
        assert ".new" not in backups(daemon), "what was left is gone"
        (daemon.state_dir / "backups" / f"after-{hook}").unlink()


def test_a_daemon_that_is_told_to_end_gives_a_backup_up():
    daemon = start(host)
    log_in(host)
    daemon.restart(hooks="copy-begun=stop")
    client = Varlink(daemon)
    client.send_call("Backup", {"name": "one"})
    daemon.wait_stopped()
    daemon.process.terminate()
    daemon.resume()
    assert daemon.wait_ended() == 0
    assert ".new" not in backups(daemon)


def test_a_folder_of_somebody_else_is_not_written_to():
    daemon = start(host)
    (daemon.state_dir / "backups").mkdir(mode=0o700)
    os.chown(daemon.state_dir / "backups", 2000, 2000)
    assert error_of(backup, daemon)[0] == "BackupFailed"
    assert not backups(daemon)


# ---- beside everything else --------------------------------------------------------------------------------

class Busy:
    """Clients that change things until they are told to stop: logins come and go, sessions are used."""

    def __init__(self, daemon, leader):
        self.daemon, self.leader, self.stopping, self.errors = daemon, leader, threading.Event(), []
        self.changes = 0
        self.threads = [threading.Thread(target=self.run) for _ in range(CLIENTS)]
        for thread in self.threads:
            thread.start()

    def run(self):
        """One of them."""
        try:
            client = Varlink(self.daemon, timeout=60.0)
            while not self.stopping.is_set():
                client.call("RotateKey") if random.random() < 0.002 else client.call("ResetUser", user="bob")
                self.changes += 1
            client.close()
        except VarlinkError as error:
            if not error.name.endswith("TooManyKeys"):
                self.errors.append(error)

    def stop(self):
        """What went wrong."""
        self.stopping.set()
        for thread in self.threads:
            thread.join(60.0)
        return self.errors


def test_a_backup_made_while_64_clients_change_things_is_whole_and_delays_no_login():
    daemon = start(host)
    kept = log_in(host, "alice", "192.0.2.10")
    log_in(host, "bob")
    busy = Busy(daemon, kept)
    eventually(lambda: busy.changes > CLIENTS, 30.0, "changes")
    reply = [backup(daemon, f"busy-{number}") for number in range(5)][-1]
    changes = busy.changes
    login = log_in(host, "alice", "192.0.2.11")
    assert login.sid
    eventually(lambda: busy.changes > changes, 30.0, "changes go on")
    assert not busy.stop(), busy.errors
    token = mint(daemon, kept)
    daemon.stop()
    other = elsewhere(host, reply["path"]).start()
    assert not live_sessions(other) and not is_active(other, token)
