"""Who holds a connection and asks nothing, or reads nothing, loses it; who reads slowly does not."""
from harness import Clock, Daemon, Host, PamApp, PamStack, Varlink, eventually
from harness.passing import pass_time

IDLE_SEC = 300
GET_HEALTH = b'{"method":"org.sessjwt.GetHealth"}'

host = Host()
PamStack(host, "sshd", like="bare")
daemon = Daemon(host, clock=Clock(host.dir / "clock")).start()
app = PamApp(host)
for handle in range(1000):
    app.begin(handle, "sshd", "mallory")
    app.item(handle, "RHOST", f"192.0.{2 + handle // 250}.{1 + handle % 250}")
    assert app.open(handle).rc == 0


def test_who_says_a_byte_now_and_then_and_never_a_whole_call_is_hung_up_on():
    client, honest = Varlink(daemon, user="mallory"), Varlink(daemon, user="mallory")
    for at in range(3):
        client.send_raw(GET_HEALTH[at:at + 1])
        assert honest.call("GetHealth")["ok"]
        pass_time(daemon, IDLE_SEC / 3)
    pass_time(daemon, 20)
    assert client.read_raw() is None
    assert honest.call("GetHealth")["ok"]


def count_replies(client):
    """How many there are until the connection is closed."""
    return sum(1 for _reply in iter(client.read_raw, None))


def count_lists():
    """How many lists of sessions have begun."""
    rows = Varlink(daemon).call("GetStatistics")["calls"]
    return next((row["count"] for row in rows if row["name"].endswith("ListSessions")), 0)


def test_who_never_reads_is_hung_up_on_and_what_he_held_is_given_back():
    lazy = [Varlink(daemon, user="mallory") for _ in range(8)]
    for client in lazy:
        client.send_raw(b'{"method":"org.sessjwt.ListSessions","more":true}\0' * 50)
    eventually(lambda: count_lists() >= 8, what="a list has begun for each")
    pass_time(daemon, IDLE_SEC + 20)
    assert all(count_replies(client) < 1000 for client in lazy)  # those that were on their way


def test_who_reads_slowly_is_not():
    client = Varlink(daemon, user="mallory")
    for _ in range(3):
        client.send_call("ListSessions", more=True)
    for number in range(3000):
        reply = client.read_reply()
        assert reply and "error" not in reply, (number, reply)
        if number % 250 == 125:  # what is on its way already may be three times as much
            pass_time(daemon, IDLE_SEC / 5)
    assert not reply.get("continues")
