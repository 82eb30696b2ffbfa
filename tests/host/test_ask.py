"""on_limit = ask: a user at his limit is asked whom to sign out, where only he can answer."""
from harness import Clock, Daemon, Host, PamStack, SessionList, Ssh, Sshd, eventually
from harness.host import PASSWORD
from harness.passing import pass_time

KBD = "keyboard-interactive"
QUESTION = "3 give up:"

host = Host()
clock = Clock(host.dir / "clock")
daemon = Daemon(host, clock=clock).start()
PamStack(host, "sshd")
sessions = SessionList(daemon)
sshd = Sshd(host)
ssh = Ssh(sshd)
ssh.trust("alice", "laptop", "phone", "tablet")


def begin(limit="max_devices = 2", fallback="evict-oldest"):
    """Nobody is signed in, then alice by two keys; returns their clients and session ids, the older first."""
    eventually(lambda: not sessions.of("alice"), what="no session of an earlier test")
    daemon.write_config(f"[policy default]\n{limit}\non_limit = ask\nask_fallback = {fallback}\n")
    sessions.call("Reload")
    logins = [ssh.start("alice", key=key).wait_open() for key in ("laptop", "phone")]
    return logins, sorted(row["sessionId"] for row in sessions.of("alice"))


def live():
    """The ids of alice's live sessions."""
    return {row["sessionId"] for row in sessions.of("alice") if row["state"] == "live"}


def ask(source="192.0.2.30"):
    """A person at a terminal who has given his password and is asked."""
    login = ssh.start("alice", tty=True, method=KBD, source=source, options={"BatchMode": "no"})
    login.expect("Password:")
    login.say(PASSWORD)
    login.expect(QUESTION)
    return login


def expect_in(login):
    """It got a shell; returns the new session's id."""
    login.wait_open()
    row, = [row for row in sessions.of("alice") if row["ip"] == "192.0.2.30" and row["state"] == "live"]
    return row["sessionId"]


def test_the_oldest_is_signed_out_by_1():
    _logins, (first, second) = begin()
    login = ask()
    for words in ("as often as policy default allows:", "* ed25519 SHA256:", " from 192.0.2.10 since 20",
                  ", seen 20"):
        assert words in login.text(), login.text()
    assert live() == {first, second}, "nothing happens before the answer"
    login.say("1")
    mine = expect_in(login)
    assert live() == {second, mine} and sessions.wait_end(first) == "evicted"


def test_all_others_are_signed_out_by_2():
    logins, (first, second) = begin(fallback="deny")
    login = ask()
    login.say("2")
    mine = expect_in(login)
    assert live() == {mine}
    assert sessions.wait_end(first) == sessions.wait_end(second) == "evicted"
    assert [client.wait_closed() for client in logins] == [255, 255]


def test_who_gives_up_is_refused_and_signs_out_nobody():
    for answer in ("3", ""):
        logins, before = begin()
        login = ask()
        login.say(answer)
        assert login.wait_closed() == 255
        assert "You gave up; nobody was signed out." in login.text(), login.text()
        assert live() == set(before)
        for client in logins:
            client.close()


def test_what_is_no_answer_is_asked_again():
    _logins, (_first, second) = begin()
    login = ask()
    for wrong in ("yes", "12"):
        before = login.text().count(QUESTION)
        login.say(wrong)
        eventually(lambda: login.text().count(QUESTION) > before, what="asked again")
    login.say("1")
    mine = expect_in(login)
    assert live() == {second, mine}


def test_three_wrong_answers_are_giving_up():
    _logins, before = begin()
    login = ask()
    for count in (2, 3):
        login.say("all of them")
        eventually(lambda: login.text().count(QUESTION) == count, what="asked again")
    login.say("4")
    assert login.wait_closed() == 255 and live() == set(before)


def test_max_sessions_asks_too():
    _logins, (_first, second) = begin("max_sessions = 2", "deny")
    login = ask()
    login.say("1")
    mine = expect_in(login)
    assert live() == {second, mine}


def test_who_fits_is_not_asked():
    begin("max_devices = 3")
    assert ssh.run("alice", "echo in", password=True, method=KBD, source="192.0.2.30").out == "in\n"


def test_by_key_and_by_password_the_fallback_decides_and_nothing_is_shown():
    for how in ({"key": "tablet"}, {"password": True}):
        logins, (first, second) = begin()
        done = ssh.run("alice", "echo in", **how)
        assert done.out == "in\n" and "signed in already" not in done.err, done
        assert sessions.wait_end(first) == "evicted" and live() == {second}
        for client in logins:
            client.close()
        logins, before = begin(fallback="deny")
        done = ssh.run("alice", "echo in", **how)
        assert done.rc == 254 and "in\n" not in done.out and "Too many sign-ins" in done.text, done
        assert "sign out the oldest" not in done.text and live() == set(before)
        for client in logins:
            client.close()


def test_quiet_asks_nobody():
    PamStack(host, "sshd", options="quiet")
    try:
        _logins, (first, second) = begin()
        done = ssh.run("alice", "echo in", password=True, method=KBD)
        assert done.out == "in\n" and sessions.wait_end(first) == "evicted" and live() == {second}
    finally:
        PamStack(host, "sshd")


def test_who_hangs_up_at_the_question_signs_out_nobody():
    _logins, before = begin()
    login = ask()
    login.close()
    eventually(lambda: len(sshd.monitors("alice")) == 2, what="the connection gone")
    assert live() == set(before)


def test_whoever_logged_in_meanwhile_counts():
    _logins, (first, second) = begin("max_sessions = 2")
    login = ask()
    meanwhile = ssh.start("alice", key="tablet").wait_open()  # by the fallback the first one goes
    login.say("1")
    mine = expect_in(login)
    assert sessions.wait_end(first) == sessions.wait_end(second) == "evicted"
    assert meanwhile.is_open() and len(live()) == 2 and mine in live()


def test_the_choice_of_one_connection_is_nothing_to_another():
    _logins, before = begin(fallback="deny")
    first, second = ask("192.0.2.31"), ask("192.0.2.30")
    first.say("3")
    assert first.wait_closed() == 255 and live() == set(before)
    second.say("2")
    mine = expect_in(second)
    assert live() == {mine}


def test_a_person_may_think_while_others_log_in_and_the_daemon_starts_anew():
    _logins, (_first, second) = begin()
    login = ask()
    fds = daemon.count_fds()
    daemon.restart()
    pass_time(daemon, 600)
    eventually(lambda: daemon.count_fds() <= fds + 1, what="no more descriptors than before")
    login.say("1")
    login.expect("$")
    assert second in live()
