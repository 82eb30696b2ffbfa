"""Refresh tokens that many share, at the same moments and with answers that get lost: all stay logged in."""
# timeout: 300
import random

from harness import Host, PamStack, Varlink
from harness.refresh_world import GRACE, RefreshWorld, parts

DAY = 86400

host = Host()
PamStack(host, "sshd", like="bare")

def world_of(config="", **arguments):
    """A daemon of the test's own, and a login."""
    return RefreshWorld(host, config, **arguments)


def check_one_chain(world, tokens):
    """All tokens that were ever given are one sequence, each one text, and the session lives."""
    by_counter = {}
    for token in tokens:
        _sid, chain, counter, _mac = parts(token)
        assert chain == 1 and by_counter.setdefault(counter, token) == token
    assert sorted(by_counter) == list(range(1, len(by_counter) + 1))
    assert world.sessions.one("alice")["state"] == "live"
    assert not world.sessions.ends(world.sid)
    return len(by_counter)


class Sharer:
    """A program with a connection of its own that refreshes; some of its answers get lost."""

    def __init__(self, world, token):
        self.client = Varlink(world.daemon)
        self.read = self.token = token

    def begin(self):
        """Sends its token."""
        self.client.send_call("Refresh", {"refreshToken": self.token})

    def end(self, given, lost):
        """Reads the answer, and takes it over unless it got lost."""
        reply = self.client.read_reply()
        assert "error" not in reply, reply
        given.append(reply["parameters"]["refreshToken"])
        if not lost:
            self.token = given[-1]


def share(n_clients, n_calls, seed):
    """Each with a copy of its own: at random moments random ones refresh, at once where there are several;
    none stays away for longer than the grace, in which a lost answer may have to be asked for again."""
    dice = random.Random(seed)
    world = world_of()
    given = [world.issue()["refreshToken"]]
    sharers = [Sharer(world, given[0]) for _ in range(n_clients)]
    idle = [0.0] * n_clients
    calls = 0
    while calls < n_calls:
        step = dice.choice((0, 0, 0.1, 1, 5, 9, 14))
        world.clock.advance(step)
        idle = [seconds_idle + step for seconds_idle in idle]
        chosen = [i for i in range(n_clients) if idle[i] > GRACE - 16 or dice.random() < 0.4]
        dice.shuffle(chosen)
        for i in chosen:
            sharers[i].begin()
        for i in chosen:
            sharers[i].end(given, lost := dice.random() < 0.1 and idle[i] <= GRACE - 16)
            idle[i] = idle[i] if lost else 0.0
        calls += len(chosen)
    return check_one_chain(world, given), calls


def test_two_clients_that_share_one_token_refresh_10000_times_and_stay_logged_in():
    rotations, calls = share(2, 10000, seed=1)
    assert rotations > 300 and calls >= 10000, (rotations, calls)


def test_five_clients_that_share_one_token_refresh_10000_times_and_stay_logged_in():
    rotations, calls = share(5, 10000, seed=2)
    assert rotations > 300 and calls >= 10000, (rotations, calls)


def share_a_file(n_clients, n_calls, seed):
    """All read one file before they refresh, and write what they were answered if it is another token; who
    gets no answer asks again soon. Between two refreshes any time passes."""
    dice = random.Random(seed)
    world = world_of()
    file = world.issue()["refreshToken"]
    given = [file]
    while len(given) < n_calls:
        world.clock.advance(dice.choice((0, 0, 1, 10, 31, 900, 7200, DAY)))
        sharers = [Sharer(world, file) for _ in range(dice.randint(1, n_clients))]
        for sharer in sharers:
            sharer.begin()
        for sharer in sharers:
            sharer.end(given, lost := dice.random() < 0.3)
            if lost:
                world.clock.advance(dice.choice((0, 1, 5)))
                sharer.begin()
                sharer.end(given, False)
            sharer.client.close()
            file = sharer.token if sharer.token != sharer.read else file
    return check_one_chain(world, given), len(given)


def test_two_clients_that_share_one_file_stay_logged_in_however_long_they_pause():
    rotations, calls = share_a_file(2, 1000, seed=3)
    assert rotations > 200 and calls >= 1000, (rotations, calls)


def test_five_clients_that_share_one_file_stay_logged_in_however_long_they_pause():
    rotations, calls = share_a_file(5, 1000, seed=4)
    assert rotations > 100 and calls >= 1000, (rotations, calls)


def test_a_hundred_who_ask_at_the_same_moment_are_answered_alike():
    world = world_of()
    token = world.issue()["refreshToken"]
    for _ in range(3):
        world.clock.advance(GRACE + 1)
        clients = [Varlink(world.daemon) for _ in range(100)]
        for client in clients:
            client.send_call("Refresh", {"refreshToken": token})
        answers = {client.read_reply()["parameters"]["refreshToken"] for client in clients}
        assert len(answers) == 1 and token not in answers
        token, = answers
        for client in clients:
            client.close()
    assert parts(token)[2] == 4
