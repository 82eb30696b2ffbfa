"""GetHealth: what is wrong, and what an administrator starts from; and the line of systemctl status."""
import os
import socket

from harness import Daemon, Host, PamLogin, PamStack, Varlink, eventually
from harness.lifetime import later

host = Host()
host.add_group("sessjwt-admin", ["bob"])
PamStack(host, "sshd", like="bare")


def notify_socket():
    """(path, what has come since the last call)"""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    path = str(host.dir / "notify")
    sock.bind(path)
    later(lambda: os.unlink(path))
    later(sock.close)

    def take():
        said = []
        while True:
            try:
                said += sock.recv(65536).decode().splitlines()
            except BlockingIOError:
                return said
    return path, take


def test_details_are_for_admins_alone():
    daemon = Daemon(host, "[policy default]\non_limit = ask\nterminate = scope\n").start()
    assert "details" not in Varlink(daemon, user="alice").call("GetHealth")
    details = Varlink(daemon, user="bob").call("GetHealth")["details"]
    assert details["stateDir"] == str(daemon.state_dir)
    assert details["configFile"] == str(daemon.config_file)
    assert details["configFiles"] == [str(daemon.config_file)]
    assert details["asks"] and details["endsByScope"] and not details["tokenFiles"]
    assert details["loginProcesses"] == 0 and details["loginProcessesMax"] > 0
    assert details["devices"] == 0 and details["storeFill"] == 0


def test_what_is_there_is_counted():
    daemon = Daemon(host).start()
    login = PamLogin(host, "alice", rhost="192.0.2.1")

    def details():
        return Varlink(daemon).call("GetHealth")["details"]
    eventually(lambda: details()["loginProcesses"] == 1, 5, "the login process counted")
    assert details()["devices"] == 1 and not details()["asks"]
    login.log_out()
    eventually(lambda: details()["loginProcesses"] == 0, 5, "its end counted")


def test_a_reload_that_was_refused_is_a_problem_until_one_is_not():
    daemon = Daemon(host).start()
    root = Varlink(daemon)
    before = root.call("GetHealth")["details"]["configReadAt"]
    daemon.write_config("[policy default]\nmax_devices = many\n")
    daemon.reload()
    eventually(lambda: not root.call("GetHealth")["ok"], 5, "not well")
    problem, = root.call("GetHealth")["problems"]
    assert "the configuration was not reloaded: " in problem and ":2: " in problem
    assert root.call("GetHealth")["details"]["configReadAt"] == before
    daemon.write_config("")
    daemon.reload()
    eventually(lambda: root.call("GetHealth")["ok"], 5, "well")
    assert root.call("GetHealth")["details"]["configReadAt"] > before


def test_systemd_is_told_how_many_sessions_there_are():
    path, take = notify_socket()
    said = []

    def heard(text):
        said.extend(take())
        return text in said
    daemon = Daemon(host)
    daemon.start(ready=False, NOTIFY_SOCKET=path)
    eventually(lambda: heard("READY=1"), 10, "ready")
    login = PamLogin(host, "alice", rhost="192.0.2.1")
    eventually(lambda: heard("STATUS=1 session, 1 login process watched, 0 connections"), 10, lambda: said)
    login.log_out()
    eventually(lambda: said and heard("STATUS=0 sessions, 0 login processes watched, 0 connections"), 10,
               lambda: said)
    daemon.write_config("[nothing]\n")
    daemon.reload()
    eventually(lambda: take_problem(said, take), 10, lambda: said)


def take_problem(said, take):
    """Whether the line has told of the configuration."""
    said.extend(take())
    return any(line.startswith("STATUS=") and "; problem: the configuration was not reloaded" in line
               for line in said)
