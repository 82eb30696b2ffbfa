"""The harness itself: real logins on a private sshd, none of our own lines in its PAM stack, and an untouched
machine."""
import contextlib
import hashlib
import importlib.machinery
import importlib.util
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import threading

from harness import (PASSWORD, ROOT, Clock, Daemon, DaemonFailed, Host, NotInTime, PamApp, PamStack, Skip,
                     Ssh, Sshd, Terminal, Varlink, VarlinkError, eventually, later, processes)

# What the machine itself has, seen through the process that started run_file.py, which shares no namespace
# with us.
_OUTSIDE = processes.parent(os.getppid())
_MACHINE = pathlib.Path(f"/proc/{_OUTSIDE}/root")


def look_at_machine():
    """Checksums and times of what logins usually change."""
    seen = {}
    for name in ("etc/passwd", "etc/shadow", "etc/group", "etc/pam.d/sshd", "var/log/wtmp", "var/log/lastlog",
                 "var/log/btmp", "run/utmp"):
        with contextlib.suppress(OSError):
            seen[name] = hashlib.sha256((_MACHINE / name).read_bytes()).hexdigest()
    for name in ("etc/pam.d", "etc/ssh", "run/sessjwt", "run/sshd"):
        with contextlib.suppress(OSError):
            seen[name] = sorted(os.listdir(_MACHINE / name))
    return seen


machine_before = look_at_machine()
host = Host()
PamStack(host, "sshd", module=None)
sshd = Sshd(host)
ssh = Ssh(sshd)
ssh.trust("alice", "laptop", "phone")


def test_the_world_has_its_own_users_and_folders():
    assert pathlib.Path("/run/sessjwt").is_dir()
    assert host.home("alice").owner() == "alice"
    assert host.run_as("alice", "id", "-un").stdout == "alice\n"
    assert host.add_group("staff-of-ours", ["alice"]) >= 3000
    assert "staff-of-ours" in host.run_as("alice", "id", "-Gn").stdout


def test_a_key_logs_in_from_an_address_of_choice():
    result = ssh.run("alice", "echo", "$SSH_CONNECTION", key="laptop", source="192.0.2.77")
    assert result.rc == 0, result
    assert result.out.startswith("192.0.2.77 ")
    assert ssh.fingerprint("laptop") in sshd.log()


def test_a_key_logs_in_over_ipv6():
    result = ssh.run("alice", "echo", "$SSH_CONNECTION", key="laptop", source="2001:db8:1::7")
    assert result.out.startswith("2001:db8:1::7 "), result


def test_a_key_that_is_not_trusted_does_not():
    assert ssh.run("alice", "true", key="stranger").rc == 255


def test_a_password_logs_in():
    assert ssh.run("alice", "id", "-un", password=True).out == "alice\n"
    assert ssh.run("alice", "id", "-un", password=PASSWORD + "?").rc != 0


def test_keyboard_interactive_logs_in():
    result = ssh.run("bob", "id", "-un", password=True, method="keyboard-interactive")
    assert result.out == "bob\n", result
    assert "keyboard-interactive/pam for bob" in sshd.log()


def test_a_key_and_keyboard_interactive_together_log_in():
    both = Sshd(host, AuthenticationMethods="publickey,keyboard-interactive")
    client = Ssh(both)
    client.trust("bob", "laptop")
    assert client.run("bob", "true", key="laptop").rc == 255
    assert client.run("bob", "id", "-un", key="laptop", password=True,
                      method="publickey,keyboard-interactive").out == "bob\n"


def test_a_certificate_logs_in():
    with_ca = Sshd(host, TrustedUserCAKeys=f"{ssh.key('ca')}.pub")
    client = Ssh(with_ca)
    subprocess.run(["cp", ssh.key("ca"), f"{ssh.key('ca')}.pub", client.dir], check=True)
    client.key("badge")
    client.certify("badge", "mallory")
    assert client.run("mallory", "id", "-un", key="badge").out == "mallory\n"


def test_sftp_and_scp_work():
    assert ssh.sftp("alice", "pwd\n", key="laptop").out.count(str(host.home("alice"))) == 1
    source = host.dir / "a-file"
    source.write_text("text", "ascii")
    assert ssh.scp("alice", source, "copy", key="laptop").rc == 0
    assert (host.home("alice") / "copy").read_text("ascii") == "text"


def test_a_login_stays_until_it_logs_out():
    login = ssh.start("alice", key="laptop").wait_open()
    assert login.run("id -un") == "alice\n"
    assert sshd.connections() == 1
    monitor, = sshd.monitors("alice")
    assert login.log_out() == 0
    processes.wait_gone(monitor)
    eventually(lambda: sshd.connections() == 0, what="no connection")


def test_a_login_without_a_shell_ends_with_its_leader():
    login = ssh.start("alice", key="laptop", shell=False).wait_open()
    monitor, = sshd.monitors("alice")
    os.kill(monitor, signal.SIGTERM)
    assert login.wait_closed() == 255


def test_a_login_on_a_terminal_shows_what_is_written_to_it():
    login = ssh.start("alice", key="laptop", tty=True).wait_open()
    login.say("tty")
    login.expect("/dev/pts/")
    assert login.log_out() == 0


def test_a_control_master_carries_several_channels():
    path = host.dir / "mux"
    master = ssh.start("alice", key="laptop", options={"ControlMaster": "yes", "ControlPath": path})
    master.wait_open()
    assert ssh.run("alice", "id", "-un", key="laptop", options={"ControlPath": path}).out == "alice\n"
    assert len(sshd.monitors("alice")) == 1
    master.log_out()


def test_root_logs_in_with_a_key():
    host.add_user("toor", uid=0)
    ssh.trust("toor", "laptop")
    assert ssh.run("toor", "id", "-u", key="laptop").out == "0\n"


def test_many_log_in_at_once():
    results = []
    threads = [threading.Thread(target=lambda: results.append(ssh.run("alice", "true", key="laptop").rc))
               for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [0] * 16


def test_su_sudo_and_login_run_in_their_own_stacks():
    for service in ("su", "su-l", "sudo", "login"):
        PamStack(host, service, module=None)
    assert subprocess.run(["su", "-", "alice", "-c", "id -un"], capture_output=True, text=True,
                          check=True).stdout == "alice\n"
    host.add_group("sudo", ["bob"])
    as_root = host.run_as("bob", "sudo", "-n", "id", "-un")
    assert as_root.stdout == "root\n"
    terminal = Terminal(["login", "-f", "alice"])
    terminal.expect("$")
    terminal.type("exit\n")
    terminal.wait_closed()


def test_a_varlink_call_is_made_as_the_user_it_names():
    path = host.dir / "varlink"
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    path.chmod(0o666)
    server.listen()
    later(server.close)
    seen = []

    def serve():
        for answer in (b'{"parameters":{"a":1},"continues":true}\0{"parameters":{"a":2}}\0',
                       b'{"error":"org.sessjwt.NoSuchSession","parameters":{"sessionId":"x"}}\0'):
            sock, _address = server.accept()
            seen.append(sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
            seen.append(sock.recv(4096))
            sock.sendall(answer)
            sock.recv(1)
    threading.Thread(target=serve, daemon=True).start()
    alice = Varlink(path, user="alice")
    assert list(alice.call_more("ListSessions")) == [{"a": 1}, {"a": 2}]
    assert int.from_bytes(seen[0][:4], sys.byteorder) == alice.pid
    assert int.from_bytes(seen[0][4:8], sys.byteorder) == 2000
    assert b'"org.sessjwt.ListSessions"' in seen[1]
    alice.close()
    nobody = Varlink(path, user=54321)
    try:
        nobody.call("GetSession", sessionId="x")
        raise AssertionError("no error")
    except VarlinkError as error:
        assert error.name == "org.sessjwt.NoSuchSession" and error.parameters == {"sessionId": "x"}
    assert int.from_bytes(seen[2][4:8], sys.byteorder) == 54321


def test_the_clock_is_moved_by_hand():
    clock = Clock(host.dir / "clock")
    clock.advance(60)
    clock.set_back(3600)
    assert clock.offsets() == (-3540, 60)
    assert len(pathlib.Path(clock.path).read_bytes()) == 16


def test_what_does_not_come_is_said():
    try:
        eventually(lambda: False, 0.05, "the moon")
    except NotInTime as error:
        assert "the moon" in str(error)
    else:
        raise AssertionError("eventually returned")


def run_planted(text, *patterns):
    """Runs a test file of this text as tests/run would; returns its TAP and status."""
    with tempfile.TemporaryDirectory(dir=host.dir) as folder:
        file = pathlib.Path(folder) / "test_planted.py"
        file.write_text(text, "utf-8")
        done = subprocess.run([sys.executable, ROOT / "tests/harness/run_file.py", file, *patterns],
                              capture_output=True, text=True, check=False)
        return done.stdout, done.returncode


def test_a_failure_is_told_with_its_sentence_and_values():
    text, status = run_planted("def test_one_is_two():\n    one = 1\n    print('noise')\n"
                               "    assert one == 2\ndef test_fine():\n    pass\n")
    assert status == 1
    assert "not ok 1 - one is two" in text and "one = 1" in text and "# noise" in text
    assert "ok 2 - fine" in text


def test_a_skip_is_listed_with_its_reason():
    text, status = run_planted("from harness import Skip\ndef test_it():\n    raise Skip('no moon')\n")
    assert status == 0 and "ok 1 - it # SKIP no moon" in text


def test_a_pattern_chooses_tests():
    text, _status = run_planted("def test_one():\n    pass\ndef test_two():\n    assert False\n", "one")
    assert text == "1..1\nok 1 - one\n"


def test_what_a_test_leaves_behind_is_ended():
    marker = host.dir / "pid"
    text, _status = run_planted(f"""
import subprocess, time
def test_leaves():
    subprocess.Popen(['setsid', 'sh', '-c', 'setsid sleep 1000 & echo $! > {marker}; exec sleep 1000'])
    import os
    while not os.path.exists('{marker}') or not open('{marker}').read():
        time.sleep(0.01)
""")
    assert "ok 1" in text
    assert not processes.is_alive(int(marker.read_text("ascii")))


def test_the_machine_is_untouched():
    if not machine_before or os.readlink(f"/proc/{_OUTSIDE}/ns/mnt") == os.readlink("/proc/self/ns/mnt"):
        raise Skip("the machine itself is not to be seen from here")
    assert os.stat(_MACHINE / "etc/passwd").st_ino != os.stat("/etc/passwd").st_ino
    assert look_at_machine() == machine_before


def load_runner():
    """tests/run as a module."""
    loader = importlib.machinery.SourceFileLoader("runner", str(ROOT / "tests/run"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("runner", loader))
    loader.exec_module(module)
    return module


def test_the_runner_counts_what_cmocka_writes():
    runner = load_runner()
    file = runner.TestFile(ROOT / "build/tests/unit/test_room", [])
    outcome = runner.Outcome(file, "1..4\nok 1 - test_one_is_so\nnot ok 2 - test_two_fails\n# 0x1 != 0x2\n"
                             "not ok 3 # SKIP test_three_skips\nok 4 - test_four\n# not ok - room\n", 1,
                             False)
    assert outcome.passed == 2
    assert outcome.failures == [("two fails", ["0x1 != 0x2"])]
    assert outcome.skips == [("three skips", "it says no reason")]
    outcome = runner.Outcome(file, "1..2\nok 1 - test_one\n", -11, False)
    assert [words for words, _details in outcome.failures] == ["ended with status -11 after 1 of 2 tests"]


def test_the_runner_ends_a_file_at_its_time_limit_with_all_it_started():
    runner = load_runner()
    marker = host.dir / "pids"
    planted = host.dir / "test_planted.py"
    planted.write_text("# timeout: 1\nimport subprocess\ndef test_hangs():\n    subprocess.run(['setsid', "
                       f"'sh', '-c', 'echo $$ > {marker}; setsid sleep 1000'])\n", "ascii")
    file = runner.TestFile(planted, [])
    assert file.timeout == runner.SLOWNESS
    outcome = runner.Runner().run(file)
    words = f"does not end within {file.timeout} s, after 0 of 1 tests"
    assert [found for found, _details in outcome.failures] == [words]
    assert not processes.is_alive(int(marker.read_text("ascii")))


def test_the_pam_application_does_what_it_is_told():
    stack = "account required pam_permit.so\nsession required pam_permit.so\n"
    (host.pam_dir / "planted").write_text(stack, "ascii")
    app = PamApp(host)
    assert app.begin(1, "planted", "alice").name == "PAM_SUCCESS"
    assert app.item(1, "RHOST", "192.0.2.9").rc == 0
    app.putenv(1, "NAME", "two\nlines \\ and all")
    assert app.getenv(1, "NAME") == "two\nlines \\ and all"
    assert app.account(1).rc == app.open(1).rc == app.close_session(1, silent=True).rc == app.end(1).rc == 0
    assert int(app.ask("pid").name) == app.pid
    assert app.quit() == 0


def test_a_daemon_is_started_watched_stopped_and_killed():
    daemon = Daemon(host, clock=Clock(host.dir / "daemon-clock")).start()
    up = Varlink(daemon).call("GetHealth")["uptime"]
    daemon.clock.advance(3600)
    assert Varlink(daemon).call("GetHealth")["uptime"] >= up + 3600
    daemon.pause()
    daemon.resume()
    end = daemon.log_end()
    daemon.kill()
    daemon.start()
    daemon.wait_for_log("ready", after=end)
    assert daemon.count_fds() > 3 and daemon.memory_kib() > 1000
    assert daemon.stop() == 0


def test_a_daemon_that_does_not_start_says_why():
    daemon = Daemon(host, "[policy default]\nmax_devices = many\n")
    try:
        daemon.start()
    except DaemonFailed as error:
        assert "max_devices" in str(error)
    else:
        raise AssertionError("it started")
