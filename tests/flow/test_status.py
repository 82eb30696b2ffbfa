"""The status page: applications verify in their own processes, and refuse a token from the moment on at which
its session's end is answered."""
# timeout: 240
import itertools
import os
import shutil
import time

from harness import Clock, Daemon, Host, PamLogin, PamStack, Varlink, VarlinkError, eventually, frame
from harness import jose, later, namespaces
from harness.passing import pass_time, rounds
from harness.signing_keys import is_active, mint, rotate, wait_no_retiring
from harness.varlink import ConnectionLost
from harness.verify_loop import EXPIRED, REVOKED, STALE, UNKNOWN_KEY, VerifyLoop

PROCESSES = 4
ACROSS = 1_000_000 // PROCESSES  # verifications in each process, across each reply
CALM = "[policy default]\nterminate = none\n"

host = Host()
PamStack(host, "sshd", like="bare")
_numbers = itertools.count()


def start(config=CALM, ready=True, hooks=None, **arguments):
    """A daemon of the test's own, with a clock and a public folder that nobody has written to."""
    shutil.rmtree(host.runtime_dir / "public", ignore_errors=True)
    clock = Clock(host.dir / f"clock-{next(_numbers)}")
    return Daemon(host, config, clock=clock, **arguments).start(ready=ready, hooks=hooks)


def log_in(user="alice"):
    """A session, from an address of its own."""
    return PamLogin(host, user, rhost=f"192.0.2.{next(_numbers) % 200 + 20}")


def revoke(daemon, login):
    """Ends the session; returns the moment at which the reply was there."""
    client = Varlink(daemon, user=login.user)
    client.send_call("RevokeSession", {"sessionId": login.sid})
    reply = client.read_reply()
    replied = time.monotonic_ns()
    assert reply and "error" not in reply, reply
    client.close()
    return replied


def loops_of(daemon, tokens):
    """The processes that verify all of these, their caches warm."""
    loops = [VerifyLoop(host, daemon, tokens) for _ in range(PROCESSES)]
    for loop in loops:
        for token in tokens:
            loop.wait_answer(token, 0)
        loop.wait_calls(10 * len(tokens))
    return loops


def verify_across(loops, action):
    """Does something while a million verifications go on, half of them before and half behind it."""
    for loop in loops:
        loop.wait_calls(ACROSS // 2)
    result = action()
    for loop in loops:
        loop.wait_calls(ACROSS // 2)
    return result


def assert_refused_since(loops, token, moment):
    """Not one call that started later has accepted it, and there were some."""
    for loop in loops:
        seen = loop.seen(token)
        assert seen.last_call > moment and seen.last_answer == REVOKED, seen
        assert seen.last_accepted <= moment, f"accepted {seen.last_accepted - moment} ns after the reply"
        assert seen.accepted > 0 and seen.odd_answer == 0, seen


def assert_always_accepted(loops, token):
    """Not one call has refused it."""
    for loop in loops:
        assert loop.seen(token).refused_first == 0, loop.seen(token)


def index_of(token):
    """Its place on the page."""
    return jose.split(token)[1]["status"]["status_list"]["idx"]


# ---- not one after the reply -------------------------------------------------------------------------------

def test_not_one_of_a_million_verifications_is_accepted_after_the_reply_to_a_revocation():
    daemon = start()
    logins = [log_in() for _ in range(5)]
    tokens = [mint(daemon, login) for login in logins]
    loops = loops_of(daemon, tokens)
    for login, token in zip(logins[1:], tokens[1:]):
        replied = verify_across(loops, lambda login=login: revoke(daemon, login))
        assert_refused_since(loops, token, replied)
    assert_always_accepted(loops, tokens[0])


def test_when_a_reply_is_out_its_bytes_are_stored():
    """The daemon stops between the reply and whatever it does next."""
    daemon = start("[policy default]\nterminate = none\nmax_devices = 1\n[policy many]\nusers = bob\n"
                   "terminate = none\n")
    evicted, revoked = log_in(), log_in("bob")
    tokens = [mint(daemon, login) for login in (evicted, revoked)]
    loops = loops_of(daemon, tokens)
    for token, end in ((tokens[0], log_in), (tokens[1], lambda: revoke(daemon, revoked))):
        daemon.restart(hooks="after-reply=stop")
        end()
        moment = time.monotonic_ns()
        daemon.wait_stopped()
        for loop in loops:
            loop.wait_calls(ACROSS)
        assert_refused_since(loops, token, moment)
        daemon.resume()


def test_the_same_holds_for_logout_eviction_and_an_end_of_all():
    daemon = start("[policy default]\nterminate = none\nmax_devices = 1\n[policy many]\nusers = bob\n"
                   "terminate = none\n")
    first = log_in()
    token = mint(daemon, first)
    both = [log_in("bob"), log_in("bob")]
    bobs = [mint(daemon, login) for login in both]
    loops = loops_of(daemon, [token, *bobs])
    second = log_in()  # evicts the first, and is answered
    moment = time.monotonic_ns()
    later_token = mint(daemon, second)
    for loop in loops:
        loop.add(later_token)
        loop.wait_answer(later_token, 0)
        loop.wait_calls(1000)
    assert_refused_since(loops, token, moment)
    assert second.log_out().rc == 0
    moment = time.monotonic_ns()
    for loop in loops:
        loop.wait_calls(1000)
    assert_refused_since(loops, later_token, moment)
    client = Varlink(daemon, user="bob")
    assert client.call("RevokeAll")["revokedCount"] == 2
    moment = time.monotonic_ns()
    for loop in loops:
        loop.wait_calls(1000)
    for each in bobs:
        assert_refused_since(loops, each, moment)


def test_the_same_holds_across_a_crash_and_a_restart():
    daemon = start()
    stays, goes, dies = log_in(), log_in(), log_in("bob")
    tokens = [mint(daemon, login) for login in (stays, goes, dies)]
    loops = loops_of(daemon, tokens)
    daemon.kill()
    for loop in loops:
        loop.wait_calls(ACROSS // 2)
    dies.kill()
    daemon.start()
    ready = time.monotonic_ns()
    for loop in loops:
        loop.wait_calls(ACROSS // 2)
    assert_refused_since(loops, tokens[2], ready)
    replied = verify_across(loops, lambda: revoke(daemon, goes))
    assert_refused_since(loops, tokens[1], replied)
    daemon.restart()
    for loop in loops:
        loop.wait_calls(ACROSS // 2)
    assert_always_accepted(loops, tokens[0])


def test_the_same_holds_while_the_page_grows():
    daemon = start(environment={"SESSJWT_TEST_STATUS_ROOM": "4"})
    page = host.runtime_dir / "public" / "status"
    before, size = log_in(), page.stat().st_size
    tokens = [mint(daemon, before)]
    loops = loops_of(daemon, tokens)
    others = [log_in() for _ in range(24)]
    assert page.stat().st_size > size
    for login in others:
        tokens.append(mint(daemon, login))
        for loop in loops:
            loop.add(tokens[-1])
    for loop in loops:
        for token in tokens:
            loop.wait_answer(token, 0)
    for login, token in ((before, tokens[0]), (others[-1], tokens[-1])):
        replied = verify_across(loops, lambda login=login: revoke(daemon, login))
        assert_refused_since(loops, token, replied)
    for token in tokens[1:-1]:
        assert_always_accepted(loops, token)


def test_the_same_holds_across_a_rotation_of_keys():
    daemon = start()
    old, new = log_in(), log_in()
    old_token = mint(daemon, old)
    loops = loops_of(daemon, [old_token])
    rotate(daemon)
    new_token = mint(daemon, new)
    for loop in loops:
        loop.add(new_token)
        loop.wait_answer(new_token, 0)
    assert_always_accepted(loops, old_token)
    for login, token in ((old, old_token), (new, new_token)):
        replied = verify_across(loops, lambda login=login: revoke(daemon, login))
        assert_refused_since(loops, token, replied)


def test_keys_that_are_revoked_are_forgotten_by_caches_too():
    daemon = start()
    login = log_in()
    token = mint(daemon, login)
    loop, = loops_of(daemon, [token])[:1]
    rotate(daemon, compromised=True)
    assert loop.answer(token) == UNKNOWN_KEY
    token = mint(daemon, login)
    loop.add(token)
    loop.wait_answer(token, 0)


# ---- a crash between the commit and the byte ---------------------------------------------------------------

def test_an_end_that_was_committed_is_an_end_though_the_daemon_died_before_its_byte():
    for point in ("after-commit", "before-status", "after-status"):
        daemon = start()
        login, other = log_in(), log_in()
        token, kept = mint(daemon, login), mint(daemon, other)
        loop = VerifyLoop(host, daemon, [token, kept])
        loop.wait_answer(token, 0)
        daemon.stop()
        daemon.start(hooks=f"{point}=kill")
        try:
            Varlink(daemon, user="alice").call("RevokeSession", sessionId=login.sid)
            raise AssertionError("it was answered")
        except (ConnectionLost, ConnectionResetError):
            assert daemon.wait_ended() == -9
        assert loop.answer(token) == (REVOKED if point == "after-status" else 0), point
        daemon.start()
        assert loop.answer(token) == REVOKED, point
        assert loop.answer(kept) == 0 and loop.seen(kept).refused_first == 0, point
        daemon.stop()
        loop.close()


def test_a_page_that_was_lost_is_made_again_with_what_lives():
    daemon = start()
    login, ended = log_in(), log_in()
    token, gone = mint(daemon, login), mint(daemon, ended)
    revoke(daemon, ended)
    daemon.stop()
    (host.runtime_dir / "public" / "status").unlink()
    daemon.start()
    loop = VerifyLoop(host, daemon, [token, gone])
    loop.wait_answer(token, 0)
    loop.wait_answer(gone, REVOKED)


def test_garbage_in_its_place_is_replaced_and_never_crashes_a_verifier():
    daemon = start()
    token = mint(daemon, log_in())
    page = host.runtime_dir / "public" / "status"
    daemon.stop()
    whole = page.read_bytes()
    for garbage in (b"", b"x" * 100, b"\0" * 8192, whole[:4096], whole[:5000]):
        page.unlink()
        page.write_bytes(garbage)
        page.chmod(0o644)
        loop = VerifyLoop(host, daemon)
        assert loop.process.wait(10) == 1
        assert b"cannot verify" in loop.process.stderr.read()
    daemon.start()
    loop = VerifyLoop(host, daemon, [token])
    loop.wait_answer(token, 0)


# ---- where it works ----------------------------------------------------------------------------------------

def test_a_read_only_view_of_the_folder_is_enough():
    daemon = start()
    login = log_in()
    token = mint(daemon, login)
    view = host.dir / "view"
    view.mkdir()
    script = (f"mount --bind {host.runtime_dir}/public {view} && mount -o remount,ro,bind {view} && "
              f"mount -t tmpfs none {host.runtime_dir} && exec \"$@\"")
    loop = VerifyLoop(host, view, [token], before=("unshare", "--mount", "sh", "-c", script, "sh"))
    loop.wait_answer(token, 0)
    assert not os.path.exists(f"/proc/{loop.process.pid}/root{host.runtime_dir}/org.sessjwt")
    replied = revoke(daemon, login)
    loop.wait_calls(1000)
    assert_refused_since([loop], token, replied)


def test_a_daemon_that_is_stopped_makes_tokens_stale_for_who_asked_for_it():
    daemon = start()
    login = log_in()
    token = mint(daemon, login)
    strict, patient = VerifyLoop(host, daemon, [token], max_stale=2), VerifyLoop(host, daemon, [token])
    strict.wait_answer(token, 0)
    daemon.pause()
    strict.wait_answer(token, STALE)
    assert patient.answer(token) == 0
    daemon.resume()
    strict.wait_answer(token, 0)
    assert_always_accepted([patient], token)


# ---- no room -----------------------------------------------------------------------------------------------

def full(folder):
    """Fills a file system; returns the file that does."""
    filler = folder / "filler"
    with open(filler, "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass
    return filler


def small_file_system(folder, kib):
    """One in memory, of this size, there until the test's end."""
    folder.mkdir(exist_ok=True)
    namespaces.mount("tmpfs", folder, "tmpfs", 0, f"size={kib}k,mode=0755")
    later(lambda: namespaces.unmount(folder))


def open_by_frame(daemon, leader):
    """A login without PAM, for when there must be thousands."""
    return frame.ask(daemon, frame.request(rhost="192.0.2.77"), leader)


def test_without_room_for_the_page_a_login_is_refused_and_nothing_else_happens():
    public = host.runtime_dir / "public"
    shutil.rmtree(public, ignore_errors=True)
    small_file_system(public, 64)
    daemon = Daemon(host, CALM).start()
    login = log_in()
    token = mint(daemon, login)
    loop = VerifyLoop(host, daemon, [token])
    leader = os.pidfd_open(login.pid)
    later(lambda: os.close(leader))
    for _ in range(2047):  # half of the page, with the one before
        assert open_by_frame(daemon, leader).outcome == frame.OK
    filler = full(public)
    end = daemon.log_end()
    assert open_by_frame(daemon, leader).outcome == frame.FAILED
    daemon.wait_for_log("could not be kept: No space left", after=end)
    assert is_active(daemon, token) and loop.answer(token) == 0
    assert_always_accepted([loop], token)
    filler.unlink()
    assert open_by_frame(daemon, leader).outcome == frame.OK
    assert (public / "status").stat().st_size == 4096 + 8192
    assert loop.answer(token) == 0
    revoke(daemon, login)
    assert loop.answer(token) == REVOKED
    daemon.stop()
    loop.close()


def test_an_end_for_which_the_store_has_no_room_stands_and_is_kept_when_there_is_some():
    state = host.dir / f"state-{next(_numbers)}"
    small_file_system(state, 1024)
    state.chmod(0o700)
    daemon = start(state_dir=state)
    logins = [log_in() for _ in range(12)]
    tokens = [mint(daemon, login) for login in logins]
    loop = VerifyLoop(host, daemon, tokens)
    filler = full(state)
    refused = []
    for login, token in zip(logins, tokens):  # the pages that earlier changes freed may serve a few
        try:
            Varlink(daemon, user="alice").call("RevokeSession", sessionId=login.sid)
        except VarlinkError as error:
            assert error.name == "org.sessjwt.StoreUnavailable", error
            refused.append(login.sid)
        assert loop.answer(token) == REVOKED
    assert refused, "the store never was full"
    filler.unlink()
    client = Varlink(daemon)
    eventually(lambda: not client.call("ListSessions", all=True)["sessions"], 10, "every end kept")
    assert all(loop.answer(token) == REVOKED for token in tokens)
    daemon.stop()
    loop.close()


# ---- indices that are used again ---------------------------------------------------------------------------

def test_an_index_rests_while_a_key_that_signed_with_it_is_published():
    daemon = start(environment={"SESSJWT_TEST_STATUS_ROOM": "4"})
    login = log_in()
    ended = index_of(mint(daemon, login))
    login.log_out()
    rotate(daemon)
    seen = set()
    for _ in range(30):
        login = log_in()
        seen.add(index_of(mint(daemon, login)))
        login.log_out()
    assert ended not in seen and len(seen) == 30


def release_indices(daemon):
    """Makes every index that rests free: its keys go. What the clock says then is as it was before."""
    rotate(daemon)
    pass_time(daemon, 3600)
    wait_no_retiring(daemon)
    rounds(daemon)
    daemon.clock.advance(-3600)


def log_in_at(daemon, index):
    """Another session at this index of a page of two, and its token: one try in two finds it free."""
    for _ in range(30):
        login = log_in()
        token = mint(daemon, login)
        if index_of(token) == index:
            return token
        login.log_out()
        release_indices(daemon)
    raise AssertionError("the index was not used again")


def test_a_clock_that_is_set_back_revives_no_token_whose_index_is_another_session_s():
    daemon = start(environment={"SESSJWT_TEST_STATUS_ROOM": "2"})
    login = log_in()
    token = mint(daemon, login)
    loop = VerifyLoop(host, daemon, [token])
    loop.wait_answer(token, 0)
    login.log_out()
    release_indices(daemon)  # and the clock is set back: by it the token is good for another 15 minutes
    another = log_in_at(daemon, index_of(token))
    loop.add(another)
    loop.wait_answer(another, 0)
    assert loop.answer(token) in (EXPIRED, UNKNOWN_KEY)
    assert not is_active(daemon, token)
    fresh = VerifyLoop(host, daemon, [token, another])
    fresh.wait_answer(another, 0)
    assert fresh.answer(token) in (EXPIRED, UNKNOWN_KEY)
    assert loop.seen(token).odd_answer in (0, EXPIRED, UNKNOWN_KEY)
