"""The disk is full: what ends meanwhile is told the store when there is room, and nothing spins."""
import os
import subprocess

from harness import Clock, Daemon, Host, PamApp, PamStack, SessionList, eventually
from harness.passing import pass_time

TTL = 3600
HEARTBEAT = 1

host = Host()
clock = Clock(host.dir / "clock")
PamStack(host, "cockpit", like="bare", account=False)


class World:
    """A daemon whose state is on a disk of its own: a store that has not been used has no free pages."""

    def __init__(self, name):
        self.disk = host.dir / name
        self.disk.mkdir(mode=0o700)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=700", "tmpfs", str(self.disk)],
                       check=True)
        self.daemon = Daemon(host, f"[policy default]\nsession_ttl = {TTL}s\n", clock=clock,
                             state_dir=self.disk)
        self.daemon.start()
        self.sessions = SessionList(self.daemon)

    def fill_disk(self):
        """Not a byte is left."""
        filler = os.open(self.disk / "filler", os.O_CREAT | os.O_WRONLY)
        try:
            while os.write(filler, bytes(4096)):
                pass
        except OSError:
            pass
        finally:
            os.close(filler)

    def make_room(self):
        """There is space again, and the store is told."""
        (self.disk / "filler").unlink()
        pass_time(self.daemon, HEARTBEAT + 0.1)


def login(user):
    """A program that leads one session."""
    app = PamApp(host)
    app.begin(1, "cockpit", user)
    assert app.open(1).name == "PAM_SUCCESS"
    return app


def test_a_death_while_the_disk_is_full_ends_the_session_when_there_is_room():
    world = World("death")
    app = login("alice")
    world.fill_disk()
    app.kill()
    eventually(lambda: "no room" in world.daemon.log())
    assert world.sessions.of(), "its row is still there"
    world.make_room()
    eventually(lambda: not world.sessions.of(), what="no session")
    world.daemon.stop()


def test_a_deadline_while_the_disk_is_full_is_not_tried_again_and_again():
    world = World("deadline")
    login("bob")
    world.fill_disk()
    pass_time(world.daemon, TTL + 1)
    eventually(lambda: "could not be kept" in world.daemon.log())
    pass_time(world.daemon, *[HEARTBEAT + 0.1] * 3)
    assert world.daemon.log().count("could not be kept") <= 4
    assert world.daemon.log().count("no room") <= 4
    world.make_room()
    eventually(lambda: {row["state"] for row in world.sessions.of()} <= {"ending"}, what="the session ends")
    world.daemon.stop()
