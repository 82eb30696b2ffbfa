"""Verbs of locks and keys, and what watch prints, against a daemon that answers from a table."""
import json

from harness import need
from harness.canned import SID, Canned, error, says
from harness.paths import COMMAND

need(COMMAND)
LOCK = {"realm": "default", "user": "alice", "kind": "admin", "since": "2026-01-02T03:04:05.678Z",
        "until": "2026-01-02T03:19:05.678Z", "reason": "too loud"}
GOES_ON = "Sessions go on; --end-sessions ends them.\n"
NOBODY = "sessjwt: This host knows no user nobody-here; the lock is kept all the same.\n"


def locked(count=0, **changes):
    """What LockUser answers."""
    return {"parameters": {"lock": LOCK | changes, "revokedCount": count}}


def rotated(ahead):
    """What RotateKey answers."""
    return {"parameters": {"kid": "k1", "nextKid": "k2", "publishedAhead": ahead}}


def test_a_lock_says_until_when_and_what_becomes_of_sessions():
    daemon = Canned(LockUser=locked())
    says(daemon.run("lock", "root", "--for", "15m", "--reason", "too loud"), 0,
         "Locked root until 2026-01-02 03:19.\n" + GOES_ON, "")
    says(daemon.run("lock", "root", "--no-legend"), 0, "Locked root until 2026-01-02 03:19.\n", "")
    assert daemon.calls == [("LockUser", {"user": "root", "reason": "too loud", "duration": 900}),
                            ("LockUser", {"user": "root"})]
    says(Canned(LockUser=locked(until=None)).run("lock", "root"), 0, "Locked root.\n" + GOES_ON, "")


def test_a_lock_that_ends_sessions_says_how_many():
    for count, words in ((0, "0 sessions"), (1, "1 session"), (3, "3 sessions")):
        daemon = Canned(LockUser=locked(count))
        says(daemon.run("lock", "root", "--end-sessions", "--no-legend"), 0,
             f"Locked root until 2026-01-02 03:19.\nEnded {words}.\n", "")
        assert daemon.calls == [("LockUser", {"user": "root", "endSessions": True})]


def test_a_lock_of_a_name_that_the_host_does_not_know_is_kept_and_said():
    says(Canned(LockUser=locked(until=None)).run("lock", "nobody-here", "--no-legend"), 0,
         "Locked nobody-here.\n", NOBODY)


def test_an_unlock_says_what_there_was():
    for count, words in ((0, "There was no lock; failures that were counted are forgotten."),
                         (1, "Ended 1 lock."), (2, "Ended 2 locks.")):
        daemon = Canned(UnlockUser={"parameters": {"unlockedCount": count}})
        says(daemon.run("unlock", "alice"), 0, words + "\n", "")


def test_replies_about_locks_and_keys_are_given_unchanged_as_json():
    replies = {"lock": ("LockUser", locked(2)),
               "unlock": ("UnlockUser", {"parameters": {"unlockedCount": 1}}),
               "locks": ("ListLocks", {"parameters": {"locks": [LOCK]}}),
               "rotate-key": ("RotateKey", rotated(9)),
               "keys": ("ListKeys", {"parameters": {"keys": []}})}
    for verb, (method, reply) in replies.items():
        arguments = ["alice"] if verb in ("lock", "unlock") else []
        says(Canned(**{method: reply}).run(verb, *arguments, "--json=short"), 0,
             json.dumps(reply["parameters"], separators=(",", ":")) + "\n", "")


def test_a_refusal_is_an_error_of_the_command():
    denied = error("org.varlink.service.PermissionDenied")
    for method, words in (("LockUser", "lock alice"), ("UnlockUser", "unlock alice"), ("ListLocks", "locks"),
                          ("RotateKey", "rotate-key"), ("ListKeys", "keys")):
        result = says(Canned(**{method: denied}).run(*words.split()), 1, "")
        assert result.stderr.startswith("sessjwt: "), result


def test_a_rotation_says_what_signs_what_is_refused_and_who_may_not_know_it_yet():
    signed = "Tokens are signed by k1 now.\n"
    refused = "Every token that was signed before is refused; sessions stay.\n"
    late = "It has been published for less than 10 seconds: verifiers that have just looked may refuse new " \
           "tokens for so long.\n"
    says(Canned(RotateKey=rotated(86400)).run("rotate-key"), 0, signed, "")
    says(Canned(RotateKey=rotated(3)).run("rotate-key"), 0, signed + late, "")
    says(Canned(RotateKey=rotated(3)).run("rotate-key", "--no-legend"), 0, signed, "")
    daemon = Canned(RotateKey=rotated(0))
    says(daemon.run("rotate-key", "--revoke"), 0, signed + refused + late, "")
    assert daemon.calls == [("RotateKey", {"compromised": True})]


# ---- watch -------------------------------------------------------------------------------------------------

def events(*several):
    """What Subscribe answers: that it has begun, the events, and an error at the end."""
    return [{"parameters": {}, "continues": True},
            *[{"parameters": {"event": event}, "continues": True} for event in several],
            error("EventsLost")]


def test_events_are_lines_with_what_they_have():
    login = {"time": "2026-01-02T03:04:05.678Z", "kind": "login", "user": "alice", "sessionId": SID,
             "service": "sshd", "deviceName": "laptop", "ip": "192.0.2.7"}
    evicted = login | {"kind": "evicted", "note": "phone at 192.0.2.8"}
    bare = {"time": "no time", "kind": "reloaded"}
    result = says(Canned(Subscribe=events(login, evicted, bare)).run("watch"), 1)
    lines = result.stdout.splitlines()
    line = f"2026-01-02 03:04 login alice {SID[-8:]} by sshd from laptop at 192.0.2.7"
    assert lines == [line, line.replace("login", "evicted") + " (phone at 192.0.2.8)",
                     "no time reloaded"], lines


def test_what_an_event_says_cannot_steer_the_terminal():
    event = {"time": "\x1b[2J", "kind": "login", "user": "a\x1b]0;x\x07", "deviceName": "\u202eb\nc",
             "note": "\r"}
    result = says(Canned(Subscribe=events(event)).run("watch"), 1)
    assert not set(result.stdout) & set("\x1b\x07\r\u202e"), result.stdout
    assert result.stdout.count("\n") == 1


def test_more_kinds_than_there_are_are_refused():
    kinds = [word for _ in range(70) for word in ("--kind", "login")]
    result = says(Canned().run("history", *kinds), 2, "")
    assert "--kind can be given" in result.stderr
