"""The command against a daemon that answers from a table: what is asked, what is printed, which status."""
import json
import os
import pathlib

from harness import need
from harness.canned import FOLDER, OTHER, SID, Canned, error, rows, says, session, sessjwt
from harness.paths import COMMAND
from harness.terminal import Terminal

need(COMMAND)

# ---- lists -------------------------------------------------------------------------------------------------

TABLE = """\
  SESSION  USER  SERVICE DEVICE FROM      SINCE            STATE
* 1a2b3c4d alice sshd    laptop 192.0.2.7 2026-01-02 03:04 live
  5e6f7a8b alice sshd    -      192.0.2.7 2026-01-02 03:04 ending
"""
TWO = rows(session(), session(OTHER, tty=None, deviceName="", state="ending"))


def test_no_verb_and_list_show_my_sessions():
    daemon = Canned(ListSessions=TWO)
    says(daemon.run(), 0, TABLE + "\n2 sessions.\n", "")
    says(daemon.run("list"), 0, TABLE + "\n2 sessions.\n", "")
    assert daemon.calls == [("ListSessions", {})] * 2


def test_the_options_of_list_are_its_parameters():
    daemon = Canned(ListSessions=rows())
    says(daemon.run("list", "--user", "bob", "--realm=r", "--all"), 0, "No sessions.\n", "")
    assert daemon.calls == [("ListSessions", {"user": "bob", "realm": "r", "all": True})]


def test_no_legend_leaves_the_rows():
    daemon = Canned(ListSessions=TWO)
    says(daemon.run("--no-legend", "--no-pager"), 0, "".join(TABLE.splitlines(True)[1:]), "")
    says(Canned(ListSessions=rows()).run("--no-legend"), 0, "", "")


def shown(daemon, **environment):
    """What list shows on a terminal. A variable that is None is unset."""
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "TERM": "xterm", "NO_COLOR": None, **environment}
    terminal = Terminal([COMMAND, "--socket", daemon.path],
                        env={name: value for name, value in environment.items() if value is not None})
    assert terminal.wait_closed() == 0, terminal.text()
    return terminal.text()


def test_the_current_session_is_bold_on_a_terminal_that_can():
    daemon = Canned(ListSessions=TWO)
    assert "\x1b[1m" in shown(daemon) and "\x1b[1m" in shown(daemon, NO_COLOR="")
    for environment in ({"TERM": None}, {"TERM": ""}, {"TERM": "dumb"}, {"NO_COLOR": "1"}):
        text = shown(daemon, **environment)
        assert "1a2b3c4d" in text and "\x1b" not in text, (environment, text)
    assert "\x1b" not in says(daemon.run(TERM="xterm"), 0).stdout


def test_json_prints_the_objects_unchanged():
    daemon = Canned(ListSessions=TWO)
    objects = {"sessions": [reply["parameters"]["session"] for reply in TWO]}
    short = says(daemon.run("-j"), 0, err="").stdout
    assert short == json.dumps(objects, separators=(",", ":")) + "\n"
    assert says(daemon.run("--json=short"), 0).stdout == short
    pretty = says(daemon.run("list", "--json=pretty"), 0).stdout
    assert pretty == json.dumps(objects, indent=2) + "\n"
    says(daemon.run("--json=off", "--no-legend"), 0, "".join(TABLE.splitlines(True)[1:]))
    says(Canned(ListSessions=rows()).run("-j"), 0, '{"sessions":[]}\n')
    says(Canned(ListSessions=rows()).run("--json=pretty"), 0, '{\n  "sessions": []\n}\n')


def test_json_keeps_what_stands_in_strings():
    text = 'a"\\{[,:  ]}é'
    reply = {"session": {"user": text, "empty": {}, "list": [1, "x"]}}
    daemon = Canned(GetSession={"parameters": reply})
    for mode in ("pretty", "short"):
        assert json.loads(says(daemon.run("show", SID, f"--json={mode}"), 0).stdout) == reply


def test_control_characters_are_escaped():
    evil = rows(session(deviceName="a\x1b]0;x\x07\x7f\u009b\u202eb\nc", user="é"))
    result = says(Canned(ListSessions=evil).run(), 0)
    assert r"a\x1b]0;x\x07\x7f\xc2\x9b\xe2\x80\xaeb\x0ac" in result.stdout
    assert "é" in result.stdout and "\x1b" not in result.stdout and len(result.stdout.splitlines()) == 4
    result = says(Canned(ListSessions=evil).run(LC_ALL="C"), 0)
    assert r"\xc3\xa9" in result.stdout and result.stdout.isascii()


def test_show_prints_each_member_that_there_is():
    daemon = Canned(GetSession={"parameters": {"session": session()}})
    out = says(daemon.run("show", SID.upper()), 0, err="").stdout
    lines = dict(line.split(maxsplit=1) for line in out.splitlines())
    assert lines["sessionId"] == SID and lines["methods"] == "key, pwd" and lines["current"] == "yes"
    assert lines["createdAt"] == "2026-01-02 03:04" and "expiresAt" not in lines
    assert daemon.calls == [("GetSession", {"sessionId": SID})]
    assert json.loads(says(daemon.run("show", SID, "-j"), 0).stdout) == {"session": session()}


# ---- which session -----------------------------------------------------------------------------------------

ENDED = {"parameters": {"session": session(OTHER), "revokedCount": 1}}


def test_self_is_the_session_that_is_current():
    daemon = Canned(ListSessions=TWO, GetSession={"parameters": {"session": session()}})
    says(daemon.run("show", "self"), 0)
    assert daemon.calls == [("ListSessions", {}), ("GetSession", {"sessionId": SID})]
    says(Canned(ListSessions=rows(session(OTHER))).run("show", "self"), 1, "",
         "sessjwt: You are in no session: name one.\n")


def test_the_end_of_an_id_means_the_one_session_that_has_it():
    daemon = Canned(ListSessions=TWO, RevokeSession=ENDED)
    says(daemon.run("revoke", "5E6F7A8B"), 0, "Ended session 5e6f7a8b (alice, laptop).\n", "")
    says(daemon.run("revoke", "00005e6f7a8b"), 0)
    assert daemon.calls[:2] == [("ListSessions", {"all": True}), ("RevokeSession", {"sessionId": OTHER})]


def test_who_may_not_see_all_looks_among_his_own():
    def answer(parameters):
        return error("org.varlink.service.PermissionDenied") if parameters.get("all") else TWO
    daemon = Canned(ListSessions=answer, RevokeSession=ENDED)
    says(daemon.run("revoke", "5e6f7a8b"), 0)
    methods = [method for method, _parameters in daemon.calls]
    assert methods == ["ListSessions", "ListSessions", "RevokeSession"]


def test_an_ambiguous_id_lists_the_matches_and_ends_nothing():
    twin = "119ab000-0000-7000-8000-00001a2b3c4d"
    daemon = Canned(ListSessions=rows(session(), session(OTHER), session(twin, user="b\x1bob")))
    says(daemon.run("revoke", "1a2b3c4d"), 1, "",
         "sessjwt: 2 sessions end with 1a2b3c4d; give more of the id:\n"
         f"  {SID} (alice)\n  {twin} (b\\x1bob)\n")
    assert len(daemon.calls) == 1


def test_an_id_that_nobody_has_is_told():
    says(Canned(ListSessions=TWO).run("revoke", "99999999"), 1, "",
         "sessjwt: No session that you may see ends with 99999999.\n")
    says(Canned(GetSession=error("SessionNotFound", sessionId=SID)).run("show", SID), 1, "",
         f"sessjwt: There is no such session, or it is not yours to see: {SID}\n")


def test_what_is_no_id_is_refused_before_anything_is_asked():
    daemon = Canned()
    for argument in ("1a2b3c4", "", "notanid-x", SID + "0", "%%%%%%%%"):
        result = says(daemon.run("revoke", argument), 2, "")
        assert "Usage: sessjwt [OPTION...] revoke SID|self [--reason TEXT]\n" in result.stderr
    assert daemon.calls == []


# ---- changes -----------------------------------------------------------------------------------------------

def test_revoke_sends_the_reason():
    daemon = Canned(RevokeSession=ENDED)
    says(daemon.run("revoke", OTHER, "--reason", "lost laptop"), 0)
    assert daemon.calls == [("RevokeSession", {"sessionId": OTHER, "reason": "lost laptop"})]
    assert json.loads(says(daemon.run("revoke", OTHER, "-j"), 0).stdout) == ENDED["parameters"]


def test_a_session_that_had_ended_is_not_said_to_be_ended():
    ended = session(OTHER, deviceName="", ip=None)
    daemon = Canned(RevokeSession={"parameters": {"session": ended, "revokedCount": 0}})
    says(daemon.run("revoke", OTHER), 0, "Session 5e6f7a8b (alice) had ended already.\n")


def test_logout_ends_the_session_it_runs_in():
    daemon = Canned(ListSessions=TWO, RevokeSession={"parameters": {"session": session(), "revokedCount": 1}})
    says(daemon.run("logout"), 0, "Ended session 1a2b3c4d (alice, laptop).\n", "")
    assert daemon.calls[-1] == ("RevokeSession", {"sessionId": SID, "reason": "logout"})


def ended(count):
    """What calls that end many are answered."""
    return {"parameters": {"sessions": [], "revokedCount": count}}


def test_logout_others_and_all_count():
    says(Canned(RevokeOthers=ended(0)).run("logout-others"), 0, "There was no other session.\n")
    says(Canned(RevokeOthers=ended(1)).run("logout-others"), 0, "Ended 1 session.\n")
    daemon = Canned(RevokeAll=ended(3))
    says(daemon.run("logout-all"), 0, "Ended 3 sessions.\n")
    says(daemon.run("logout-all", "--user", "bob", "--realm", "r", "-j"), 0,
         '{"sessions":[],"revokedCount":3}\n')
    says(daemon.run("logout-all", "bob"), 0, "Ended 3 sessions.\n")
    assert daemon.calls == [("RevokeAll", {}), ("RevokeAll", {"user": "bob", "realm": "r"}),
                            ("RevokeAll", {"user": "bob"})]
    says(Canned(RevokeOthers=error("NoSession")).run("logout-others"), 1, "",
         "sessjwt: You are in no session: name one.\n")


def test_reset_names_its_user():
    daemon = Canned(ResetUser=ended(1))
    says(daemon.run("reset", "bob", "--realm", "r"), 0, "Ended 1 session.\n")
    assert daemon.calls == [("ResetUser", {"user": "bob", "realm": "r"})]
    says(Canned(ResetUser=ended(0)).run("reset", "bob"), 0,
         "There was no session; no token of before counts any more.\n")
    says(Canned(ResetUser=error("UserNotFound", user="bo\x1bb")).run("reset", "bob"), 1, "",
         "sessjwt: There is no such user: bo\\x1bb\n")
    assert daemon.run("reset").returncode == 2


def test_purge_names_its_user():
    daemon = Canned(PurgeUser=ended(2))
    says(daemon.run("purge", "bob", "--realm", "r"), 0, "Ended 2 sessions.\n")
    assert daemon.calls == [("PurgeUser", {"user": "bob", "realm": "r"})]
    says(Canned(PurgeUser=ended(0)).run("purge", "bob"), 0,
         "There was no session; nothing else is kept of him.\n")
    says(Canned(PurgeUser=error("UserNotFound", user="bo\x1bb")).run("purge", "bob"), 1, "",
         "sessjwt: There is no such user: bo\\x1bb\n")
    assert daemon.run("purge").returncode == 2


def test_what_the_daemon_refuses_is_said_with_its_detail_escaped():
    daemon = Canned(RevokeAll=error("StoreUnavailable", reason="disk\x1b full"))
    says(daemon.run("logout-all"), 1, "",
         "sessjwt: The change could not be kept, nothing was changed: disk\\x1b full\n")


# ---- tokens ------------------------------------------------------------------------------------------------

MINTED = {"parameters": {"accessToken": "aaa.bbb.ccc", "tokenType": "Bearer", "expiresIn": 900,
                         "expiresAt": "2026-01-02T03:19:05.678Z", "sessionId": SID}}


def test_token_prints_the_token_and_nothing_else():
    daemon = Canned(MintToken=MINTED, ListSessions=TWO)
    says(daemon.run("token"), 0, "aaa.bbb.ccc\n", "")
    says(daemon.run("token", "self"), 0, "aaa.bbb.ccc\n", "")
    says(daemon.run("token", SID, "--audience", "files"), 0, "aaa.bbb.ccc\n", "")
    assert daemon.calls == [("MintToken", {}), ("MintToken", {}),
                            ("MintToken", {"sessionId": SID, "audience": "files"})]
    assert json.loads(says(daemon.run("token", "-j"), 0).stdout) == MINTED["parameters"]


PAIR = {"parameters": {**MINTED["parameters"], "refreshToken": "sjr1_new"}}


def test_token_refresh_prints_the_pair():
    daemon = Canned(IssueRefreshToken=PAIR, ListSessions=TWO)
    says(daemon.run("token", "--refresh"), 0, "aaa.bbb.ccc\nsjr1_new\n", "")
    says(daemon.run("token", SID, "--refresh"), 0, "aaa.bbb.ccc\nsjr1_new\n", "")
    assert daemon.calls == [("IssueRefreshToken", {}), ("IssueRefreshToken", {"sessionId": SID})]
    assert json.loads(says(daemon.run("token", "--refresh", "-j"), 0).stdout) == PAIR["parameters"]
    says(daemon.run("token", "--refresh", "--audience", "a"), 2, "")
    says(daemon.run("list", "--refresh"), 2, "")
    says(Canned(IssueRefreshToken=MINTED).run("token", "--refresh"), 1, "",
         "sessjwt: The daemon's answer breaks the protocol.\n")


def test_refresh_takes_what_token_refresh_or_itself_printed():
    daemon = Canned(Refresh=PAIR)
    for text in ("sjr1_old", " sjr1_old\n\n", "aaa.bbb.ccc\nsjr1_old\n", "no-token"):
        says(daemon.run("refresh", stdin=text), 0, "aaa.bbb.ccc\nsjr1_new\n", "")
    assert daemon.calls == [("Refresh", {"refreshToken": "sjr1_old"})] * 3 + [
        ("Refresh", {"refreshToken": "no-token"})]
    file = pathlib.Path(FOLDER, "pair")
    file.write_text("aaa.bbb.ccc\nsjr1_file\n", "ascii")
    assert json.loads(says(daemon.run("refresh", str(file), "--json=short"), 0).stdout) == PAIR["parameters"]
    assert daemon.calls[-1] == ("Refresh", {"refreshToken": "sjr1_file"})


def test_a_refresh_token_is_never_an_argument_and_never_repeated():
    daemon = Canned(Refresh=PAIR)
    result = says(daemon.run("refresh", "sjr1_secret"), 1, "")
    assert "sjr1_secret" not in result.stderr and not daemon.calls
    says(daemon.run("refresh", stdin="\n"), 1, "", "sessjwt: There is no token to look at.\n")
    says(daemon.run("refresh", stdin="x" * 9000), 1, "", "sessjwt: That is longer than any token.\n")


def test_refresh_says_why_not():
    sentences = {
        "InvalidRefreshToken": "That is not a refresh token of this host.",
        "RefreshTokenReused": "The refresh token was used already, as if it had been copied: its session has "
                              f"ended: {SID}",
        "RefreshTokenExpired": "The refresh token is good no more; its session can be issued another one: "
                               f"{SID}",
    }
    for name, sentence in sentences.items():
        daemon = Canned(Refresh=error(name, **({} if name.startswith("Invalid") else {"sessionId": SID})))
        says(daemon.run("refresh", stdin="t"), 1, "", f"sessjwt: {sentence}\n")


def test_no_token_is_no_success():
    says(Canned(MintToken=error("SessionEnded", sessionId=SID, endReason="evicted")).run("token"), 1, "",
         "sessjwt: The session is ending or over: evicted\n")
    says(Canned(MintToken={}).run("token"), 1, "", "sessjwt: The daemon's answer breaks the protocol.\n")


def test_a_token_that_could_not_be_written_is_no_success():
    with open("/dev/full", "w", encoding="ascii") as full:
        result = sessjwt("--socket", Canned(MintToken=MINTED).path, "token", stdout=full)
    assert result.returncode == 1 and "Cannot write" in result.stderr


ACTIVE = {"active": True, "sub": "alice", "aud": ["a", "b"], "exp": 1767323945, "sid": SID}


def test_verify_exits_0_for_a_live_token_only():
    daemon = Canned(Introspect={"parameters": ACTIVE})
    result = daemon.run("verify", "--audience", "a", "--realm=r", stdin="  aaa.bbb.ccc\n\n")
    out = says(result, 0, err="").stdout
    assert out.splitlines()[0] == "active"
    lines = dict(line.split(maxsplit=1) for line in out.splitlines()[1:])
    assert lines == {"sub": "alice", "aud": "a, b", "exp": "2026-01-02 03:19", "sid": SID}
    assert daemon.calls == [("Introspect", {"token": "aaa.bbb.ccc", "audience": "a", "realm": "r"})]
    assert json.loads(says(daemon.run("verify", "-", "-j", stdin="t"), 0).stdout) == ACTIVE
    says(Canned(Introspect={"parameters": {"active": False}}).run("verify", stdin="t"), 1, "inactive\n", "")
    daemon = Canned(Introspect={"parameters": {"active": False, "reason": "expired"}})
    says(daemon.run("verify", stdin="t"), 1, "inactive: expired\n", "")
    says(daemon.run("verify", "--json=short", stdin="t"), 1, '{"active":false,"reason":"expired"}\n', "")
    says(Canned(Introspect={}).run("verify", stdin="t"), 1, "")


def test_verify_asks_for_the_roles_it_is_given():
    daemon = Canned(Introspect={"parameters": {"active": False, "reason": "insufficient-role"}})
    says(daemon.run("verify", "--role", "admin", "--role=manager", stdin="t"), 1,
         "inactive: insufficient-role\n", "")
    assert daemon.calls == [("Introspect", {"token": "t", "roles": ["admin", "manager"]})]
    says(daemon.run("verify", *["--role=x"] * 17, stdin="t"), 2, "")


def test_verify_reads_a_file():
    (FOLDER / "token").write_text("aaa.bbb.ccc\n", "ascii")
    daemon = Canned(Introspect={"parameters": ACTIVE})
    says(daemon.run("verify", str(FOLDER / "token")), 0)
    assert daemon.calls[0][1] == {"token": "aaa.bbb.ccc"}
    result = says(daemon.run("verify", str(FOLDER / "gone")), 1, "")
    assert "Cannot read" in result.stderr and "gone" in result.stderr


def test_a_token_given_as_an_argument_is_not_repeated():
    result = says(Canned().run("verify", "eyJhbGciOiJFUzI1NiJ9.secret.secret"), 1, "")
    assert "secret" not in result.stderr


def test_what_cannot_be_a_token_is_not_sent():
    daemon = Canned()
    for text in ("", " \n", "aaa\0bbb", "x" * 8193, "x" * 100000):
        says(daemon.run("verify", stdin=text), 1, "")
    assert daemon.calls == []


# ---- the daemon --------------------------------------------------------------------------------------------

def health(**changes):
    """What GetHealth answers."""
    return {"parameters": {"ok": True, "version": "0.1.0", "uptime": 93784, "sessions": 1, **changes}}


def test_status_shows_the_daemon_and_my_session():
    says(Canned(GetHealth=health(), ListSessions=TWO).run("status"), 0,
         "sessjwtd 0.1.0 is well, up 1d 2h, 1 session.\n"
         "You are in session 1a2b3c4d (sshd, since 2026-01-02 03:04).\n", "")
    for uptime, text in ((0, "0s"), (59, "59s"), (60, "1m"), (7500, "2h 5m")):
        daemon = Canned(GetHealth=health(uptime=uptime), ListSessions=rows())
        assert f"up {text}," in says(daemon.run("status"), 0).stdout


DETAILS = {"devices": 3, "storeFill": 25, "stateDir": "/s", "loginProcesses": 1, "loginProcessesMax": 9,
           "configFiles": [], "configReadAt": "2026-01-01T00:00:00.000Z", "asks": False,
           "endsByScope": False, "tokenFiles": False}
KEYS = {"parameters": {"keys": [
    {"kid": "a", "state": "retiring"},
    {"kid": "b", "state": "active", "since": "2026-01-02T03:04:05.678Z",
     "until": "2026-02-02T03:04:05.678Z"}]}}


def test_status_shows_administrators_what_is_kept_and_root_the_key():
    locks = {"parameters": {"locks": [{}, {}]}}
    daemon = Canned(GetHealth=health(details=DETAILS), ListLocks=locks, ListKeys=KEYS, ListSessions=rows())
    lines = says(daemon.run("status"), 0, err="").stdout.splitlines()
    assert lines[1] == "3 devices known, 1 login process watched, 2.5% of the store used.", lines
    assert lines[2] == "2 locks hold now.", lines
    assert lines[3] == "The key signs since 2026-01-02 03:04, until 2026-02-02 03:04.", lines
    daemon = Canned(GetHealth=health(details=DETAILS), ListSessions=rows(), ListLocks=locks,
                    ListKeys=error("org.varlink.service.PermissionDenied"))
    assert "key" not in says(daemon.run("status"), 0, err="").stdout
    daemon = Canned(GetHealth=health(details=DETAILS), ListLocks=locks,
                    ListKeys=error("StoreUnavailable", reason="no"))
    says(daemon.run("status"), 1)


def test_status_of_a_daemon_that_is_not_well_fails():
    sick = health(ok=False, problems=["no group \x1bx", "disk full"], sessions=2)
    says(Canned(GetHealth=sick, ListSessions=rows()).run("status"), 1,
         "sessjwtd 0.1.0 is not well, up 1d 2h, 2 sessions.\n"
         "Problem: no group \\x1bx\nProblem: disk full\n"
         "You are in no session.\n", "")
    assert json.loads(says(Canned(GetHealth=sick).run("status", "-j"), 1).stdout) == sick["parameters"]


def test_a_daemon_that_is_not_there_is_named_with_a_hint():
    path = FOLDER / "nobody"
    for arguments in ((), ("status",), ("token",), ("logout-all",)):
        says(sessjwt("--socket", str(path), *arguments), 1, "",
             f"sessjwt: sessjwtd does not answer on {path}: There is no such socket.\n"
             "Is it running? Try: systemctl status sessjwtd.socket\n")


def test_cat_config_needs_no_daemon():
    result = sessjwt("--socket", "/nonexistent", "cat-config")
    assert result.returncode == 0, result
    assert not result.stdout or result.stdout.startswith("# /")


# ---- how it is called --------------------------------------------------------------------------------------

def test_help_lists_every_verb_and_option():
    out = says(sessjwt("--help"), 0, err="").stdout
    for word in ("list", "show", "revoke", "logout", "logout-others", "logout-all", "token", "verify",
                 "status", "cat-config", "--socket", "--json", "--no-legend", "--no-pager", "--version",
                 "-j", "-h"):
        assert word in out, word
    says(sessjwt("-h"), 0, out, "")
    assert "Usage: sessjwt [OPTION...] revoke SID|self" in says(sessjwt("revoke", "--help"), 0, err="").stdout


def test_version_is_one_line():
    assert says(sessjwt("--version"), 0, err="").stdout.split()[0] == "sessjwt"


def test_what_is_not_a_call_is_a_usage_error_and_asks_nothing():
    daemon = Canned()
    for arguments in (("nosuchverb",), ("--nosuchoption",), ("--json=yaml",), ("list", "x"), ("show",),
                      ("show", SID, SID), ("show", SID, "--all"), ("token", "--reason", "x"), ("reload",),
                      ("status", "--user", "x"), ("list", "--user"), ("list", "--audience=x")):
        result = says(daemon.run(*arguments), 2, "")
        assert "Usage: sessjwt" in result.stderr, result
    says(sessjwt("--socket", ""), 2, "")
    says(sessjwt("--socket", "x" * 200), 2, "")
    assert daemon.calls == []
