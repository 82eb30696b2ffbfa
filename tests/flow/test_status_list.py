"""The signed status list: what a verifier that is not on this host sees of sessions, in public/status.jwt and
by GetStatusList."""
import itertools
import shutil
import time
import zlib

from harness import Clock, Daemon, Host, PamLogin, PamStack, Varlink, VarlinkError, eventually, jose
from harness.passing import pass_time, rounds
from harness.signing_keys import call, keys, kid_of, mint, rotate

VALID, INVALID = 0, 1
TTL = 900  # access_ttl
CALM = "[policy default]\nterminate = none\n"

host = Host()
PamStack(host, "sshd", like="bare")
_numbers = itertools.count()


def start(config=CALM, **arguments):
    """A daemon of the test's own, with a clock and a public folder that nobody has written to."""
    shutil.rmtree(host.runtime_dir / "public", ignore_errors=True)
    clock = Clock(host.dir / f"clock-{next(_numbers)}")
    return Daemon(host, config, clock=clock, **arguments).start()


def log_in(user="alice"):
    """A session, from an address of its own."""
    return PamLogin(host, user, rhost=f"192.0.2.{next(_numbers) % 200 + 20}")


def revoke(daemon, login):
    """Ends the session."""
    call(daemon, "RevokeSession", user=login.user, sessionId=login.sid)


def place_of(token):
    """(idx, uri), as an access token carries them."""
    entry = jose.split(token)[1]["status"]["status_list"]
    return entry["idx"], entry["uri"]


def list_path(daemon):
    """The file."""
    return daemon.runtime_dir / "public" / "status.jwt"


def read_list(daemon, text=None):
    """(claims, bytes) as a verifier off the host has them: signature by openssl, list by zlib."""
    text = list_path(daemon).read_text("ascii") if text is None else text
    header, claims, _signature = jose.split(text)
    assert set(header) == {"alg", "kid", "typ"}
    assert (header["alg"], header["typ"]) == ("ES256", "statuslist+jwt")
    key, = (key for key in call(daemon, "GetKeys")["keys"] if key["kid"] == header["kid"])
    assert jose.verify(text, key)
    assert set(claims) == {"sub", "iat", "exp", "ttl", "status_list"}
    assert set(claims["status_list"]) == {"bits", "lst"} and claims["status_list"]["bits"] == 8
    return claims, zlib.decompress(jose.decode(claims["status_list"]["lst"]))


def status_of(daemon, token):
    """What the list in the file says of an access token."""
    index, uri = place_of(token)
    claims, statuses = read_list(daemon)
    assert claims["sub"] == uri
    return statuses[index]


def wait_status(daemon, token, status):
    """Returns when the file says so; the list is written at most once a second."""
    eventually(lambda: status_of(daemon, token) == status, 3, f"a list that says {status}")


def identity(daemon):
    """Of the file as it is: another writing is another file."""
    stat = list_path(daemon).stat()
    return stat.st_ino, stat.st_mtime_ns


# ---- what it says ------------------------------------------------------------------------------------------

def test_a_session_is_valid_while_it_lives_and_invalid_within_about_a_second_of_its_end():
    daemon = start("[token]\nissuer = https://issuer.example\n" + CALM)
    logins = [log_in() for _ in range(3)]
    tokens = [mint(daemon, login) for login in logins]
    assert {place_of(token)[1] for token in tokens} == {"https://issuer.example/status"}
    for token in tokens:
        wait_status(daemon, token, VALID)
    revoke(daemon, logins[0])
    answered = time.monotonic()
    wait_status(daemon, tokens[0], INVALID)
    assert time.monotonic() - answered < 2
    assert logins[1].log_out().rc == 0
    wait_status(daemon, tokens[1], INVALID)
    assert status_of(daemon, tokens[2]) == VALID
    assert sum(read_list(daemon)[1]) == len(read_list(daemon)[1]) - 1


def test_the_list_is_the_byte_array_of_the_status_page():
    daemon = start()
    token = mint(daemon, log_in())
    wait_status(daemon, token, VALID)
    assert read_list(daemon)[1] == (daemon.runtime_dir / "public" / "status").read_bytes()[4096:]


def test_it_lives_as_long_as_the_longest_token_and_names_no_other_time():
    daemon = start(CALM + "[policy long]\nusers = bob\naccess_ttl = 30m\n")
    before = int(time.time())
    claims, _statuses = read_list(daemon)
    assert before - 5 <= claims["iat"] <= before + 1
    assert claims["exp"] == claims["iat"] + 1800 and claims["ttl"] == 60


def test_anyone_gets_the_same_by_the_method():
    daemon = start()
    token = mint(daemon, log_in())
    wait_status(daemon, token, VALID)
    rounds(daemon)
    for user in (None, "alice", "mallory", 54321):
        reply = call(daemon, "GetStatusList", user=user)
        assert reply == {"statusList": list_path(daemon).read_text("ascii")}
    assert list_path(daemon).stat().st_mode & 0o777 == 0o644
    try:
        call(daemon, "GetStatusList", x=1)
    except VarlinkError as error:
        assert error.name == "org.varlink.service.InvalidParameter"
        return
    raise AssertionError("a parameter that is none of its was taken")


def test_it_is_no_access_token():
    daemon = start()
    text = list_path(daemon).read_text("ascii")
    assert call(daemon, "Introspect", token=text) == {"active": False, "reason": "wrong-type"}


# ---- when it is written ------------------------------------------------------------------------------------

def test_it_is_there_when_the_daemon_is_ready_and_says_what_was_missed_while_it_was_away():
    daemon = start()
    stays, dies = log_in(), log_in("bob")
    tokens = [mint(daemon, login) for login in (stays, dies)]
    for token in tokens:
        wait_status(daemon, token, VALID)
    daemon.kill()
    dies.kill()
    daemon.start()
    assert [status_of(daemon, token) for token in tokens] == [VALID, INVALID]


def test_what_ended_last_is_in_it_when_the_daemon_has_stopped():
    daemon = start()
    login = log_in()
    token = mint(daemon, login)
    wait_status(daemon, token, VALID)
    key, = (key for key in call(daemon, "GetKeys")["keys"] if key["kid"] == kid_of(token))
    revoke(daemon, login)
    daemon.stop()
    text = list_path(daemon).read_text("ascii")
    assert jose.verify(text, key)
    lst = jose.split(text)[1]["status_list"]["lst"]
    assert zlib.decompress(jose.decode(lst))[place_of(token)[0]] == INVALID


def test_many_ends_are_written_at_most_once_a_second():
    daemon = start()
    logins = [log_in() for _ in range(24)]
    tokens = [mint(daemon, login) for login in logins]
    for token in tokens:
        wait_status(daemon, token, VALID)
    pass_time(daemon, 2)
    began, seen = time.monotonic(), {identity(daemon)}
    client = Varlink(daemon, user="alice")
    for login in logins:
        client.call("RevokeSession", sessionId=login.sid)
        seen.add(identity(daemon))
    assert len(seen) - 1 <= 1 + (time.monotonic() - began), len(seen)
    for step in range(3):  # moved by hand: it was due long ago, and is written once
        pass_time(daemon, 1)
        eventually(lambda: all(status_of(daemon, token) == INVALID for token in tokens), 3, f"all, {step}")
    quiet = identity(daemon)
    for _ in range(5):
        pass_time(daemon, 1)
    assert identity(daemon) == quiet


def test_it_is_not_written_while_nothing_changes_but_before_half_of_its_time_is_over():
    daemon = start()
    token = mint(daemon, log_in())
    wait_status(daemon, token, VALID)
    before, claims = identity(daemon), read_list(daemon)[0]
    pass_time(daemon, 1, 10, 60, TTL // 2 - 80)
    assert identity(daemon) == before
    pass_time(daemon, 12)
    eventually(lambda: identity(daemon) != before, what="a new list")
    fresh = read_list(daemon)[0]
    assert fresh["iat"] - claims["iat"] >= TTL // 2 and fresh["exp"] == fresh["iat"] + TTL


def test_a_rotation_has_it_signed_by_the_new_key_and_the_old_one_stays_good_as_long_as_the_list():
    daemon = start()
    token = mint(daemon, log_in())
    wait_status(daemon, token, VALID)
    old = list_path(daemon).read_text("ascii")
    pass_time(daemon, 2)
    reply = rotate(daemon)
    eventually(lambda: kid_of(list_path(daemon).read_text("ascii")) == reply["kid"], 3, "the new list")
    assert status_of(daemon, token) == VALID
    pass_time(daemon, TTL - 10)
    assert kid_of(old) in keys(daemon)["retiring"]
    read_list(daemon, old)


def test_keys_that_are_revoked_take_their_list_with_them():
    daemon = start()
    token = mint(daemon, log_in())
    wait_status(daemon, token, VALID)
    reply = rotate(daemon, compromised=True)
    eventually(lambda: kid_of(list_path(daemon).read_text("ascii")) == reply["kid"], 3, "the new list")
    assert status_of(daemon, token) == VALID


def test_an_issuer_that_is_reloaded_renames_the_list():
    daemon = start()
    daemon.write_config("[token]\nissuer = https://other.example\n" + CALM)
    call(daemon, "Reload")
    token = mint(daemon, log_in())
    uri = place_of(token)[1]
    assert uri == "https://other.example/status"
    eventually(lambda: read_list(daemon)[0]["sub"] == uri, 3, "the list of the new name")
    wait_status(daemon, token, VALID)


def test_a_list_that_cannot_be_written_is_said_once_and_tried_again():
    daemon = start()
    login = log_in()
    token = mint(daemon, login)
    wait_status(daemon, token, VALID)
    blocker = daemon.runtime_dir / "public" / ".publish-status.jwt"
    blocker.mkdir()
    end = daemon.log_end()
    revoke(daemon, login)
    pass_time(daemon, 1, 1, 1)
    daemon.wait_for_log("status.jwt: Is a directory; it is tried again", after=end)
    pass_time(daemon, 1, 1, 1)
    assert status_of(daemon, token) == VALID
    blocker.rmdir()
    pass_time(daemon, 1)
    wait_status(daemon, token, INVALID)
    assert daemon.log(after=end).count("cannot write") == 1


def test_a_daemon_that_cannot_write_it_works_and_says_that_there_is_none():
    daemon = start()
    daemon.stop()
    list_path(daemon).unlink()
    blocker = daemon.runtime_dir / "public" / ".publish-status.jwt"
    blocker.mkdir()
    daemon.start()
    token = mint(daemon, log_in())
    try:
        call(daemon, "GetStatusList", user="alice")
        raise AssertionError("there is a list")
    except VarlinkError as error:
        assert error.name == "org.sessjwt.NotPublished" and "status list" in error.parameters["reason"]
    blocker.rmdir()
    pass_time(daemon, 1)
    eventually(lambda: list_path(daemon).exists(), 3, "a list")
    wait_status(daemon, token, VALID)
