"""One process that leads several sessions of one user: what ends one of them must not take the others."""
from harness import Clock, Daemon, Host, PamApp, PamStack, SessionList, eventually, processes
from harness.passing import pass_time

DENY = "[policy default]\nmax_sessions = 1\non_limit = deny\n"

host = Host()
clock = Clock(host.dir / "clock")
daemon = Daemon(host, DENY, clock=clock).start()
sessions = SessionList(daemon)
PamStack(host, "cockpit", like="bare", account=False)


def follow(policy):
    """The policy from the next login on."""
    eventually(lambda: not sessions.of())
    daemon.write_config(policy)
    sessions.call("Reload")


def login(app, handle, user="alice"):
    app.begin(handle, "cockpit", user)
    return app.open(handle).name


def test_a_program_whose_second_login_is_denied_keeps_its_first():
    follow(DENY)
    app = PamApp(host)
    assert login(app, 1) == "PAM_SUCCESS"
    session = sessions.one("alice")
    assert login(app, 2) == "PAM_SESSION_ERR"
    pass_time(daemon, 2.1, 5.1, 1.1)
    assert processes.is_alive(app.pid)
    assert sessions.of() == [session]


def test_a_program_that_is_let_in_soon_after_its_denial_stays():
    follow(DENY)
    app, other = PamApp(host), PamApp(host)
    assert login(other, 1) == "PAM_SUCCESS"
    assert login(app, 1) == "PAM_SESSION_ERR"
    other.close_session(1)
    assert app.open(1).rc == 0
    pass_time(daemon, 2.1, 5.1, 1.1)
    assert processes.is_alive(app.pid)


def test_a_program_whose_second_login_evicts_its_first_keeps_the_second():
    follow("[policy default]\nmax_sessions = 1\n")
    app = PamApp(host)
    assert login(app, 1) == "PAM_SUCCESS"
    assert login(app, 2) == "PAM_SUCCESS"
    pass_time(daemon, 0.3, 5.1, 1.1)
    assert processes.is_alive(app.pid)
    assert [row["state"] for row in sessions.of()] == ["live"]


def test_revoking_one_of_two_spares_the_process_and_revoking_all_ends_it():
    follow("[policy default]\n")
    app = PamApp(host)
    assert login(app, 1) == "PAM_SUCCESS"
    first = sessions.one("alice")
    assert login(app, 2) == "PAM_SUCCESS"
    sessions.call("RevokeSession", sessionId=first["sessionId"])
    pass_time(daemon, 0.3, 5.1, 1.1)
    assert processes.is_alive(app.pid)
    assert login(app, 3) == "PAM_SUCCESS"
    assert sessions.call("RevokeAll", user="alice")["revokedCount"] == 2
    eventually(lambda: not processes.is_alive(app.pid))


def test_a_process_that_was_left_alone_is_not_left_alone_for_ever():
    follow(DENY)
    app, other = PamApp(host), PamApp(host)
    assert login(other, 1) == "PAM_SUCCESS"
    assert login(app, 1) == "PAM_SESSION_ERR"
    assert login(app, 2, "bob") == "PAM_SUCCESS"
    pass_time(daemon, 2.1)
    assert processes.is_alive(app.pid)
    app.close_session(2)
    other.close_session(1)
    assert login(app, 3) == "PAM_SUCCESS"
    row, = [row for row in sessions.of() if row["state"] == "live"]
    sessions.call("RevokeSession", sessionId=row["sessionId"])
    eventually(lambda: not processes.is_alive(app.pid))
