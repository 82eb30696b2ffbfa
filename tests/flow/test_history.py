"""What happened is told later: ListHistory and `sessjwt history`, kept with the change that it comes from."""
import json
import os
import subprocess

from harness import BUILD, Clock, Daemon, Host, PamLogin, PamStack, Varlink, VarlinkError, eventually

host = Host()
PamStack(host, "sshd", like="bare")
clock = Clock(f"{host.dir}/clock")
daemon = Daemon(host, clock=clock).start()


def history(user=None, more=True, as_root=True, **parameters):
    """Events, newest first."""
    client = Varlink(daemon, user=None if as_root else user)
    if user and as_root:
        parameters["user"] = user
    try:
        if not more:
            return client.call("ListHistory", **parameters)["events"]
        return [reply["event"] for reply in client.call_more("ListHistory", **parameters) if "event" in reply]
    finally:
        client.close()


def kinds(events):
    return [event["kind"] for event in events]


def error_of(caller=None, /, **parameters):
    client = Varlink(daemon, user=caller)
    try:
        client.call("ListHistory", **parameters)
    except VarlinkError as error:
        return error.name.rpartition(".")[2], error.parameters
    finally:
        client.close()
    return None


def revoke(sid, **parameters):
    Varlink(daemon).call("RevokeSession", sessionId=sid, **parameters)


def test_a_login_and_its_end_are_told_with_who_from_where_and_why():
    login = PamLogin(host, "alice", rhost="192.0.2.1")
    revoke(login.sid, reason="lost laptop")
    revoked, login_event, new = history("alice")[:3]
    assert kinds([revoked, login_event, new]) == ["revoked", "login", "new-device"]
    assert revoked["sessionId"] == login_event["sessionId"] == login.sid
    assert (revoked["initiator"], revoked["note"]) == ("admin", "lost laptop")
    assert revoked["endReason"] == "revoked"
    assert (login_event["user"], login_event["realm"], login_event["ip"]) == ("alice", "default", "192.0.2.1")
    assert login_event["service"] == "sshd" and login_event["initiator"] == "user"
    assert login_event["deviceId"] == new["deviceId"] and "endReason" not in login_event
    assert revoked["time"].endswith("Z") and revoked["time"] >= login_event["time"]
    login.close()


def test_plain_and_more_answer_the_same():
    assert history("alice") == history("alice", more=False)
    assert history("carol") == history("carol", more=False) == []


def test_a_user_sees_his_own_history_and_nobody_elses():
    bob = PamLogin(host, "bob", rhost="192.0.2.2")
    own = history("bob", as_root=False)
    assert kinds(own) == ["login", "new-device"] and {event["user"] for event in own} == {"bob"}
    assert error_of("bob", user="alice") == ("PermissionDenied", {})
    assert error_of("bob", user="nosuchuser") == ("PermissionDenied", {})
    assert error_of("bob", all=True) == ("PermissionDenied", {})
    assert error_of("bob", realm="nosuchrealm")[0] == "RealmNotFound"
    assert history("mallory", as_root=False) == []
    bob.close()


def test_what_concerns_nobody_is_told_to_admins_among_all():
    Varlink(daemon).call("RotateKey")
    Varlink(daemon).call("Reload")
    eventually(lambda: "reload" in kinds(history(all=True)), what="the reload in history")
    events = history(all=True)
    assert {"key-rotated", "reload", "login", "key-made"} <= set(kinds(events))
    assert all("user" not in event and "uid" not in event for event in events
               if event["kind"] in ("key-rotated", "reload"))
    assert "key-rotated" not in kinds(history("alice"))


def test_filters_leave_out_what_is_not_asked_for():
    everything = history("alice")
    assert kinds(history("alice", kinds=["login"])) == ["login"] * kinds(everything).count("login")
    assert len(history("alice", limit=2)) == 2 and history("alice", limit=2) == everything[:2]
    clock.advance(3600)
    PamLogin(host, "alice", rhost="192.0.2.9").log_out()
    newest = history("alice")[0]
    assert newest["kind"] == "logout"
    since = history("alice", kinds=["login"])[0]["time"]
    assert len(history("alice", since=since)) == len(history("alice")) - len(everything)
    assert history("alice", until=since)[-len(everything):] == everything
    assert history("alice", since="2100-01-01T00:00:00Z") == []


def test_what_is_no_filter_is_refused_by_its_name():
    for name, value in (("since", "yesterday"), ("until", "2026-13-01T00:00:00Z"), ("limit", -1),
                        ("kinds", []), ("kinds", ["logins"]), ("kinds", ["x"] * 17), ("since", 7),
                        ("user", "x" * 257), ("nosuch", 1)):
        assert error_of(**{name: value}) == ("InvalidParameter", {"parameter": name}), (name, value)


def test_history_is_there_when_the_daemon_dies_before_it_tells():
    for point, kept in (("before-commit", False), ("after-commit", True), ("before-reply", True)):
        before = len(history("mallory"))
        daemon.stop()
        daemon.start(hooks=f"{point}=kill")
        PamLogin(host, "mallory", rhost="192.0.2.3")
        assert daemon.wait_ended() == -9, "the point was not reached"
        daemon.start()
        assert ("login" in kinds(history("mallory"))[:len(history("mallory")) - before]) == kept, point


def run(*arguments):
    return subprocess.run([BUILD / "sessjwt", "--socket", daemon.varlink_socket, "history", *arguments],
                          capture_output=True, text=True, check=False, timeout=30,
                          env={**os.environ, "TZ": "UTC", "LC_ALL": "C.UTF-8"})


def test_the_command_shows_them_as_a_table_and_as_json():
    table = run("--user", "alice").stdout
    assert table.splitlines()[0].split() == ["TIME", "EVENT", "COUNT", "USER", "SESSION", "SERVICE", "DEVICE",
                                             "FROM", "BY", "NOTE"]
    assert "lost laptop" in table and " revoked " in table
    assert json.loads(run("--user", "alice", "--json=short").stdout) == {"events": history("alice")}
    assert len(run("--user", "alice", "--no-legend", "--limit", "2").stdout.splitlines()) == 2
    assert run("--user", "carol").stdout.endswith("No events.\n")


def test_the_command_shows_logins_that_have_not_ended():
    closed = PamLogin(host, "bob", rhost="192.0.2.4")
    login = PamLogin(host, "bob", rhost="192.0.2.4")
    closed.log_out()
    events = json.loads(run("--user", "bob", "--open", "--json=short").stdout)["events"]
    assert [event["sessionId"] for event in events] == [login.sid]
    login.log_out()
    assert json.loads(run("--user", "bob", "--open", "--json=short").stdout)["events"] == []


def test_the_command_understands_times_of_people():
    for since in ("today", "yesterday", "2h", "2020-01-01", "2020-01-01 12:30", "2020-01-01T00:00:00Z"):
        done = run("--user", "alice", "--since", since)
        assert done.returncode == 0 and "event" in done.stdout, (since, done)
    assert run("--user", "alice", "--until", "2020-01-01").stdout.endswith("No events.\n")
    for arguments in (("--since", "tomorrow"), ("--until", "2020-01-01 x"), ("--since", "5w"),
                      ("--limit", "x"), ("--limit", "-1"), ("--open", "--kind", "login")):
        done = run(*arguments)
        assert done.returncode == 2 and done.stderr.startswith("sessjwt: "), (arguments, done)
    assert run("--kind", "logins").returncode == 1


def test_what_is_too_old_goes_a_batch_a_turn_and_what_is_too_much():
    before = len(history(all=True))
    assert before > 10
    daemon.write_config("[history]\nhistory_size = 5\n")
    end = daemon.log_end()
    daemon.reload()
    daemon.wait_for_log("configuration reloaded", after=end)
    clock.advance(61)
    eventually(lambda: len(history(all=True)) == 5, what="history at its size")
    newest = history(all=True, limit=1)[0]["time"]
    clock.advance(91 * 86400)  # a key is rotated meanwhile
    eventually(lambda: all(event["time"] > newest for event in history(all=True)), what="old history gone")
