"""A crowd that logs in, out and about while the daemon is killed with -9 at random instants and named points:
what was acknowledged holds after each restart. `make soak` does it 500 times."""
# timeout: 240
import os
import subprocess

from harness import Host
from soak.crash import CrashLoop
from soak.looking import STORE_LOOK

KILLS = 25
SEED = os.environ.get("SEED") or os.urandom(4).hex()

host = Host(users=())
loop = CrashLoop(host, SEED)


def found(text):
    """Whether the loop, at its next look, finds this; what it has found is forgotten."""
    loop.check()
    violations, loop.violations = loop.violations, []
    return any(text in violation for violation in violations)


def someone():
    """A person with a session, and the session."""
    while True:
        for person in loop.people:
            if person.logins:
                return person, person.logins[-1]
        loop.people[0].log_in()


def test_25_kills_lose_nothing_that_was_acknowledged():
    loop.run(KILLS)
    assert not loop.violations, "\n" + "\n".join(loop.figures())
    assert loop.operations["open"] > KILLS and loop.operations["close"] > 0


# ---- what it would find -----------------------------------------------------------------------------------

def test_a_session_that_was_acknowledged_and_is_not_there_would_be_found():
    loop.daemon.restart()
    loop.facts.set(("session", "00000000-0000-7000-8000-000000000000"), "live")
    assert found("session 00000000-0000-7000-8000-000000000000 is None, must be 'live'")
    loop.facts.forget(("session", "00000000-0000-7000-8000-000000000000"))
    assert not found("")


def test_a_session_whose_end_was_acknowledged_and_that_lives_would_be_found():
    person, login = someone()
    person.mint(login)
    person.may_end([login], "revoked")
    loop.facts.set(("session", login.sid), None)  # as if it were answered: it was never asked
    assert found(f"session {login.sid} is 'live', must be None")
    loop.facts.set(("session", login.sid), None)
    assert found(f"a token of {login.sid} is good")
    person.revoke(login)
    assert not found("")


def test_a_name_or_a_block_that_was_acknowledged_and_is_lost_would_be_found():
    person, login = someone()
    device_id = person.ids[login.device]
    loop.facts.set(("name", device_id), "no such name")
    assert found("must be 'no such name'")
    loop.facts.forget(("name", device_id))
    loop.facts.set(("device", device_id), "blocked")
    assert found("is 'known', must be 'blocked'")
    loop.facts.set(("device", device_id), "known")
    assert not found("")


def test_a_session_that_nobody_asked_for_would_be_found():
    person, login = someone()
    person.logins.remove(login)
    assert found(f"{login.sid} of {person.name} lives, and nobody asked for it")
    person.logins.append(login)
    assert not found("")


def test_a_login_or_an_end_that_history_does_not_hold_would_be_found():
    person, login = someone()
    loop.check_new("00000000-0000-7000-8000-000000000000")
    assert found("history has no login of 00000000-0000-7000-8000-000000000000")
    person.log_out(login)
    person.ends[login.sid] = {"evicted"}
    assert found(f"history has ['logout'] of the end of {login.sid}")
    assert not found("")


def test_a_byte_of_the_page_that_is_wrong_would_be_found():
    with open(loop.daemon.runtime_dir / "public" / "status", "r+b", buffering=0) as page:
        for index in range(4096, 8192):
            was = os.pread(page.fileno(), 1, index)
            if was == b"\1":
                break
        os.pwrite(page.fileno(), b"\0", index)
        assert found(f"says 0 of {index - 4096}, and should say 1")
        os.pwrite(page.fileno(), was, index)
    assert not found("")


def test_an_index_that_dangles_would_be_found():
    _person, login = someone()
    loop.daemon.kill()
    subprocess.run([STORE_LOOK, "--break", login.sid, loop.daemon.state_dir], check=True)
    loop.check_while_down()
    assert any("not found by its sid" in violation for violation in loop.violations), loop.violations
