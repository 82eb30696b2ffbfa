"""What is restored from a backup begins anew, and keeps what it knew; what is no backup changes nothing."""
# timeout: 240
import os
import random
import shutil
import stat

from harness import Host, PamStack, Varlink, jose
from harness.backups import (backup, backups, daemon_of, elsewhere, error_of, live_sessions, log_in, number,
                             restore, start)
from harness.signing_keys import call, is_active, mint
from harness.verify_loop import UNKNOWN_KEY, VerifyLoop

SENTENCE = "nothing was changed"

host = Host()
PamStack(host, "sshd", like="bare", options="timeout=1s")


# ---- restored elsewhere ------------------------------------------------------------------------------------

def test_what_is_restored_begins_anew_and_keeps_what_it_knew():
    daemon = start(host, "[policy default]\nterminate = none\nmax_sessions = 5\n")
    login = log_in(host, "alice", "192.0.2.10")
    token = mint(daemon, login)
    refresh = call(daemon, "IssueRefreshToken", user="alice", sessionId=login.sid)["refreshToken"]
    path = backup(daemon)["path"]
    loop = VerifyLoop(host, daemon, [token])
    loop.wait_calls(100)
    daemon.stop()
    done = restore(daemon, path)
    assert done.returncode == 0 and "1 session of the backup" in done.stdout, done
    before = daemon.log_end()
    daemon.start()
    assert "the store is a restored copy" in daemon.log(before)
    line = daemon.wait_for_log(login.sid, after=before)
    assert "session ended, account-reset" in line, line
    assert not live_sessions(daemon) and not is_active(daemon, token)
    loop.wait_answer(token, UNKNOWN_KEY)
    assert error_of(call, daemon, "Refresh", user="alice", refreshToken=refresh)[0] == "InvalidRefreshToken"
    before = daemon.log_end()
    again = log_in(host, "alice", "192.0.2.10")
    daemon.wait_for_log(again.sid, after=before)
    assert "new device" not in daemon.log(before), "its device is known"
    log_in(host, "alice", "192.0.2.11")
    daemon.wait_for_log("new device", after=before)
    fresh = mint(daemon, again)
    assert is_active(daemon, fresh) and jose.split(fresh)[1]["reset"] > 0
    before = daemon.log_end()
    daemon.restart()
    assert is_active(daemon, fresh) and "restored" not in daemon.log(before), "once only"


def test_history_is_kept():
    daemon = start(host)
    login = log_in(host)
    path = backup(daemon)["path"]
    daemon.stop()
    other = elsewhere(host, path).start()
    events = [(event["sessionId"], event["kind"]) for event in
              Varlink(other).call("ListHistory", user="alice")["events"] if event.get("sessionId")]
    assert (login.sid, "login") in events and (login.sid, "account-reset") in events, events


def test_a_backup_that_is_copied_by_hand_is_recognised_wherever_it_is_put():
    daemon = start(host)
    token = mint(daemon, log_in(host))
    path = backup(daemon)["path"]
    daemon.stop()
    shutil.rmtree(host.runtime_dir / "public")
    other = daemon_of(host)
    shutil.copy(path, other.state_dir / "data.mdb")
    other.start()
    assert "the store is a restored copy" in other.log()
    assert not live_sessions(other) and not is_active(other, token)


# ---- restoring ---------------------------------------------------------------------------------------------

def test_the_store_of_before_is_kept_and_can_be_restored_itself():
    daemon = start(host)
    path = backup(daemon)["path"]
    login = log_in(host)
    daemon.stop()
    before = (daemon.state_dir / "data.mdb").read_bytes()
    done = restore(daemon, path)
    assert done.returncode == 0, done
    kept = [name for name in backups(daemon) if name.startswith("replaced-")]
    assert len(kept) == 1 and f"backups/{kept[0]} now" in done.stdout, done
    assert (daemon.state_dir / "backups" / kept[0]).read_bytes() == before
    done = restore(daemon, daemon.state_dir / "backups" / kept[0])
    assert done.returncode == 0 or "File exists" in done.stderr, done  # within one second
    if done.returncode == 0:
        daemon.start()
        assert login.sid in daemon.log() and not live_sessions(daemon)


def test_a_store_that_a_daemon_has_is_not_replaced():
    daemon = start(host)
    login = log_in(host)
    path = backup(daemon)["path"]
    done = restore(daemon, path)
    assert done.returncode == 1 and f"pid {daemon.pid}" in done.stderr and SENTENCE in done.stderr, done
    assert "systemctl stop" in done.stderr
    assert login.sid in live_sessions(daemon) and backups(daemon) == ["one"]


def test_what_is_no_backup_is_refused_and_changes_nothing():
    daemon = start(host)
    log_in(host)
    path = backup(daemon)["path"]
    daemon.stop()
    whole = open(path, "rb").read()
    before = (daemon.state_dir / "data.mdb").read_bytes()
    file = host.dir / "file"
    for content in (b"", b"no store", b"no store" * 5000, whole[:4096], whole[:8192], whole[:-4096],
                    bytes(len(whole))):
        file.write_bytes(content)
        done = restore(daemon, file)
        assert done.returncode == 1 and "is no store of sessjwtd, or is damaged" in done.stderr, done
        assert SENTENCE in done.stderr
    for wrong, said in ((host.dir / "missing", "No such file"), (host.dir, "is no store"),
                        ("/dev/null", "is no store")):
        done = restore(daemon, wrong)
        assert done.returncode == 1 and said in done.stderr, done
    assert (daemon.state_dir / "data.mdb").read_bytes() == before
    assert sorted(os.listdir(daemon.state_dir)) == ["backups", "data.mdb", "lock", "lock.mdb", "seen"]


def test_a_backup_with_broken_bytes_is_refused_or_restored_and_never_does_harm():
    daemon = start(host)
    for number in range(5):
        log_in(host, rhost=f"192.0.2.{number + 20}")
    path = backup(daemon)["path"]
    daemon.stop()
    whole = open(path, "rb").read()
    before = (daemon.state_dir / "data.mdb").read_bytes()
    choose = random.Random(7)
    file, refused = host.dir / "broken", 0
    for _ in range(40):
        content = bytearray(whole)
        for _ in range(choose.choice((1, 8, 64))):
            content[choose.randrange(len(content))] = choose.randrange(256)
        file.write_bytes(bytes(content))
        done = restore(daemon, file)
        assert done.returncode in (0, 1), done
        if done.returncode == 1:
            refused += 1
            assert (daemon.state_dir / "data.mdb").read_bytes() == before
            continue
        for name in backups(daemon):
            if name.startswith("replaced-"):
                os.rename(daemon.state_dir / "backups" / name, daemon.state_dir / "data.mdb")
        assert (daemon.state_dir / "data.mdb").read_bytes() == before
    assert refused > 0


def test_a_restore_that_a_crash_interrupts_leaves_one_of_the_two_stores():
    for hook, is_restored in (("restore-copied", False), ("restore-kept", False), ("restore-placed", True)):
        daemon = start(host)
        login = log_in(host)
        path = backup(daemon)["path"]
        log_in(host, "bob")
        token = mint(daemon, login)
        daemon.stop()
        assert restore(daemon, path, hooks=f"{hook}=kill").returncode == -9
        daemon.start()
        assert is_active(daemon, token) != is_restored, hook
        assert (login.sid in live_sessions(daemon)) != is_restored, hook
        daemon.stop()
        for name in backups(daemon):
            if name.startswith("replaced-"):
                (daemon.state_dir / "backups" / name).unlink()
        assert restore(daemon, path).returncode == 0
        daemon.start()
        assert not live_sessions(daemon) and ".restored" not in os.listdir(daemon.state_dir)
        daemon.stop()


def test_root_restores_as_the_owner_of_the_state():
    state = host.dir / f"state-{number()}"
    state.mkdir(mode=0o700)
    os.chown(state, 2000, 2000)
    daemon = start(host)
    path = backup(daemon)["path"]
    other = daemon_of(host, state_dir=state)
    done = restore(other, path)
    assert done.returncode == 0, done
    for name in os.listdir(state):
        assert (state / name).stat().st_uid == 2000, name
        assert stat.S_IMODE((state / name).stat().st_mode) & 0o077 == 0, name


def test_a_state_that_is_not_there_is_not_made():
    daemon = start(host)
    path = backup(daemon)["path"]
    other = daemon_of(host, state_dir=host.dir / "not-there")
    done = restore(other, path)
    assert done.returncode == 1 and "not-there: No such file" in done.stderr, done
