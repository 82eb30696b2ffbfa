"""The n-th call fails, n = 1, 2, …, while somebody logs in and out: nobody is locked out, nobody is lied to,
and the next login is as ever."""
from harness import Host, PamApp, PamStack, eventually
from harness.fault_world import FaultWorld

host = Host()
PamStack(host, "sshd", like="bare")
PamStack(host, "cockpit", like="bare", options="on_error=deny")
world = FaultWorld(host, """
[policy one]
users = bob
max_devices = 1
terminate = none
[policy few]
users = mallory
max_sessions = 1
on_limit = deny
[policy default]
session_ttl = 1h
terminate = none
""")


def test_each_call_of_a_login_and_its_end_may_fail():
    def log_in_and_out():
        sid = world.log_in()
        if sid:
            world.log_out(sid)
    counts = world.all_kinds(log_in_and_out)
    assert counts["memory"] > 30 and counts["store"] > 80 and counts["commit"] == 4, counts
    assert counts["write"] > 10 and counts["sync"] == 2 and counts["descriptor"] > 5, counts


def live_rows(user):
    """Those that live now, whatever is to fail next."""
    world.faults.pause()
    world.sessions()  # a daemon that has ended is started again
    return [row for row in world.call("ListSessions", user=user)["sessions"] if row["state"] == "live"]


def test_each_call_of_an_eviction_may_fail_and_there_is_one_device_at_most():
    place = iter(range(10**9))

    def evict():
        before = set(world.live)
        world.live.clear()  # of bob's: who goes is not told before the newcomer is
        sid = world.log_in("bob", rhost=f"192.0.2.{20 + next(place) % 2}")
        rows = live_rows("bob")
        assert len({row["deviceId"] for row in rows}) <= 1, rows
        if sid:
            assert sid in [row["sessionId"] for row in rows]
            world.ended |= before - {row["sessionId"] for row in rows}
    world.all_kinds(evict, kinds=("memory", "store", "commit", "write"))
    assert len(world.ended) > 10
    world.live.clear()
    world.clear()


def test_each_call_of_a_denied_login_may_fail_and_it_is_denied_or_let_in_as_if_we_were_not_there():
    first = PamApp(host)
    assert first.begin(1, "sshd", "mallory").rc == 0 and first.open(1).rc == 0
    sid = first.getenv(1, "SESSJWT_SESSION_ID")
    world.live.add(sid)

    def denied():
        app = PamApp(host)  # whose end is seen to, 2 s later
        assert app.begin(1, "sshd", "mallory").rc == 0
        answer = app.open(1)
        assert answer.name in ("PAM_SESSION_ERR", "PAM_SUCCESS"), answer
        assert not app.getenv(1, "SESSJWT_SESSION_ID")
        app.kill()
    try:
        world.all_kinds(denied, kinds=("memory", "store", "commit", "write", "descriptor", "read"))
    finally:
        world.live.discard(sid)


def test_an_error_that_denies_leaves_no_row_that_lives():
    def log_in():
        world.app.end(world.handle)
        world.app.begin(world.handle, "cockpit", "alice")
        answer = world.app.open(world.handle)
        sid = world.app.getenv(world.handle, "SESSJWT_SESSION_ID")
        assert bool(sid) == (answer.rc == 0), answer
        live = [row["sessionId"] for row in live_rows("alice")]
        if sid:
            assert sid in live
            world.app.close_session(world.handle)
        else:
            eventually(lambda: not live_rows("alice"), what="no row of a login that was denied")
    world.all_kinds(log_in, kinds=("memory", "store", "commit", "write", "descriptor", "read"))


def test_each_call_on_the_death_of_a_leader_may_fail_and_his_session_ends():
    def die():
        world.faults.pause()
        app = PamApp(host)
        app.begin(1, "sshd", "alice")
        assert app.open(1).rc == 0
        sid = app.getenv(1, "SESSJWT_SESSION_ID")
        assert sid
        world.faults.go_on()
        app.kill()
        eventually(lambda: sid not in world.sessions(), what="the end of a session whose leader died")
        world.ended.add(sid)
    counts = world.all_kinds(die, steps={"store": 5, "memory": 2},
                             kinds=("memory", "store", "commit", "write"))
    assert counts["memory"] > 5 and counts["store"] > 10, counts
