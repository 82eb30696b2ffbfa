"""The configuration: what is wrong with it is said by file, line and key, at start, on demand and at a
reload, which then changes nothing; what is right counts from the next login."""
import os
import subprocess

from harness import Daemon, DaemonFailed, Host, PamLogin, PamStack, Varlink, VarlinkError, eventually, jose

INVALID = "org.sessjwt.ConfigurationInvalid"
# A file's text, the line that is wrong, and what is said of it.
WRONG = (
    ("[policy default]\nmax_devices = many\n", 2, "max_devices: 'many' is not a number"),
    ("[policy default]\nmax_devices = -1\n", 2, "max_devices: '-1' is not a number"),
    ("[policy default]\nmax_devices =\n", 2, "max_devices: '' is not a number"),
    ("[policy default]\nmax_sessions = 99999999999999999999\n", 2, "max_sessions: "),
    ("[policy default]\n\n# comment\non_limit = explode\n", 4, "on_limit: "),
    ("[policy default]\nsession_ttl = 5\n", 2, "session_ttl: "),
    ("[policy default]\naccess_ttl = 0\n", 2, "access_ttl: "),
    ("[policy default]\naccess_ttl = 1w\n", 2, "access_ttl: "),
    ("[policy default]\nenforce = perhaps\n", 2, "enforce: 'perhaps' is neither yes nor no"),
    ("[policy default]\nterminate = everybody\n", 2, "terminate: "),
    ("[policy default]\nmax_device = 1\n", 2, "max_device: unknown key"),
    ("[policy default]\nmax_devices = 1\nmax_devices = 2\n", 3, "max_devices: given twice"),
    ("[policy default]\nusers = alice\n", 2, "users: "),
    ("[policy a]\nusers =\n", 2, "users: "),
    ("[policy a]\nusers = alice,bob\n", 2, "users: "),
    ("[policy a b]\n", 1, "[policy a b]: "),
    ("[policy]\n", 1, "[policy]: "),
    ("[police default]\n", 1, "[police default]: unknown section"),
    ("[token]\ntyp = jwt\n", 2, "typ: 'jwt' is no type of token"),
    ("[token]\nissuer = two words\n", 2, "issuer: "),
    ("[token]\nissuer = " + "x" * 300 + "\n", 2, "issuer: the value is longer than 256 bytes"),
    ("[services]\ncounted = s*d\n", 2, "counted: "),
    ("[daemon]\nuncounted_keys = MD5:aa\n", 2, "uncounted_keys: "),
    ("max_devices = 1\n", 1, "a key stands before any [section]"),
    ("[policy default\n", 1, "a section's line is [NAME]"),
    ("[policy default]\nmax_devices\n", 2, "the line has no ="),
    ("[policy default]\n= 1\n", 2, "no key stands before the ="),
    ("[policy default]\nmax_devices = 1\r\n", 2, "carriage return"),
    ("[policy default]\nmax_devices = \x1b[31m\n", 2, "control character"),
    ("[policy default]\nmax_devices = " + "1" * 5000 + "\n", 2, "longer than 4096 bytes"),
)

host = Host()
PamStack(host, "sshd", like="bare")
daemon = Daemon(host).start()
root = Varlink(daemon)


def error_of_reload():
    """What a reload is refused with."""
    try:
        raise AssertionError(root.call("Reload"))
    except VarlinkError as error:
        assert error.name == INVALID and set(error.parameters) == {"message"}, error
        return error.parameters["message"]


def reload_with(text):
    """Takes a new configuration."""
    daemon.write_config(text)
    assert root.call("Reload") == {}


def log_in(last, user="alice"):
    """A login from its own device."""
    return PamLogin(host, user, rhost=f"192.0.2.{last}")


def live(user="alice"):
    """The sids of a user's live sessions, oldest first."""
    return [session["sessionId"] for session in root.call("ListSessions", user=user)["sessions"]
            if session["state"] == "live"]


def check(text, *more):
    """Runs --check-config over a file of this text."""
    daemon.dir.joinpath("checked.conf").write_text(text, "utf-8")
    return subprocess.run([daemon.program, "--check-config", "--config", daemon.dir / "checked.conf", *more],
                          capture_output=True, text=True, timeout=20, check=False)


def test_an_invalid_file_is_refused_at_a_reload_by_file_line_and_key():
    for text, line, words in WRONG:
        daemon.write_config(text)
        end = daemon.log_end()
        message = error_of_reload()
        assert message.startswith(f"{daemon.config_file}:{line}: "), message
        assert words in message, (words, message)
        assert message in daemon.wait_for_log("configuration not reloaded, the old one stays", after=end)
    assert "\x1b" not in daemon.log()
    reload_with("")


def test_an_invalid_file_is_refused_on_demand_by_file_line_and_key():
    for text, line, words in WRONG:
        done = check(text)
        assert done.returncode == 1 and done.stdout == "", (text, done)
        assert done.stderr.startswith(f"{daemon.dir}/checked.conf:{line}: "), done.stderr
        assert words in done.stderr and done.stderr.count("\n") == 1, done.stderr


def test_the_daemon_does_not_start_on_an_invalid_file_and_says_why():
    for text, line, words in WRONG[:4]:
        other = Daemon(host, text, runtime_dir=host.dir / "elsewhere")
        try:
            other.start()
            raise AssertionError("it started")
        except DaemonFailed as error:
            assert f"{other.config_file}:{line}: " in str(error) and words in str(error), error
        assert other.process.returncode == 1
        assert os.listdir(other.state_dir) == [] and not (host.dir / "elsewhere").exists()


def test_a_file_that_is_not_there_or_not_trusted_is_refused_by_name():
    missing = daemon.dir / "missing.conf"
    done = subprocess.run([daemon.program, "--check-config", "--config", missing], capture_output=True,
                          text=True, check=False)
    assert done.returncode == 1 and f"{missing}: " in done.stderr and "No such file" in done.stderr
    daemon.write_config("")
    for mode, words in ((0o666, "mode 0666"), (0o620, "mode 0620")):
        daemon.config_file.chmod(mode)
        assert f"{daemon.config_file}: " in (said := error_of_reload()) and words in said, said
    daemon.config_file.chmod(0o644)
    os.chown(daemon.config_file, 2000, 2000)
    assert "belongs to uid 2000" in error_of_reload()
    os.chown(daemon.config_file, 0, 0)
    assert root.call("Reload") == {}


def test_what_is_printed_on_demand_is_read_again_as_the_same():
    text = ("[policy single]\nusers = alice b*\nmax_devices = 1\non_limit = ask\nask_fallback = deny\n"
            "[token]\ntyp = JWT\n[realm web]\n[policy web]\nrealm = web\nsession_ttl = 36h\n")
    first = check(text)
    assert first.returncode == 0 and first.stderr == "", first
    for line in ("[policy single]", "users = alice b*", "on_limit = ask", "ask_fallback = deny", "typ = JWT",
                 "session_ttl = 36h", "[policy default]", "access_ttl = 15m"):
        assert line in first.stdout.splitlines(), line
    again = check(first.stdout)
    assert again.returncode == 0
    assert again.stdout.partition("\n")[2] == first.stdout.partition("\n")[2]


def test_no_configuration_at_all_is_a_valid_one():
    assert check("").returncode == 0
    assert check("\n\n# nothing\n; at all\n").returncode == 0


def test_an_invalid_file_leaves_the_old_configuration_in_force():
    reload_with("[policy default]\nmax_devices = 1\n[token]\nissuer = https://first.example\n")
    first = log_in(20)
    daemon.write_config("[policy default]\nmax_devices = 5\n"
                        "[token]\nissuer = https://second.example\ntyp = x\n")
    assert f"{daemon.config_file}:5: typ: " in error_of_reload()
    second = log_in(21)
    assert live() == [second.sid] and first.sid != second.sid
    token = Varlink(daemon, user="alice").call("MintToken", sessionId=second.sid)["accessToken"]
    assert jose.split(token)[1]["iss"] == "https://first.example"
    reload_with("")


def test_a_signal_reloads_too():
    daemon.write_config("[token]\naudience = signalled\n")
    end = daemon.log_end()
    daemon.reload()
    daemon.wait_for_log("configuration reloaded", after=end)
    login = log_in(22)
    token = Varlink(daemon, user="alice").call("MintToken", sessionId=login.sid)["accessToken"]
    assert jose.split(token)[1]["aud"] == "signalled"
    daemon.write_config("[token]\naudience =\n")
    end = daemon.log_end()
    daemon.reload()
    line = daemon.wait_for_log("configuration not reloaded, the old one stays", after=end)
    assert f"{daemon.config_file}:2: audience: " in line
    token = Varlink(daemon, user="alice").call("MintToken", sessionId=login.sid)["accessToken"]
    assert jose.split(token)[1]["aud"] == "signalled"
    reload_with("")


def test_lowered_limits_apply_from_the_next_login():
    reload_with("")
    logins = [log_in(last) for last in range(30, 34)]
    reload_with("[policy default]\nmax_devices = 1\n")
    assert live() == [login.sid for login in logins]
    last = log_in(34)
    assert live() == [last.sid]
    reload_with("[policy default]\nmax_sessions = 1\non_limit = deny\n")
    assert live() == [last.sid]
    assert log_in(35).sid == ""
    reload_with("")
    assert log_in(36).sid


def test_a_login_keeps_the_name_of_a_policy_that_is_gone_and_its_tokens_count():
    reload_with("[policy partner]\nusers = bob\nrole_default = partner\nsession_ttl = 1h\n")
    login = log_in(40, "bob")
    client = Varlink(daemon, user="bob")
    before = client.call("MintToken", sessionId=login.sid)["accessToken"]
    reload_with("[policy default]\nrole_default = reader\n")
    session = client.call("GetSession", sessionId=login.sid)["session"]
    assert session["policy"] == "partner" and session["expiresAt"] and session["state"] == "live"
    after = client.call("MintToken", sessionId=login.sid)["accessToken"]
    assert [jose.split(token)[1]["role"] for token in (before, after)] == ["partner", "reader"]
    assert all(client.call("Introspect", token=token)["active"] for token in (before, after))
    assert root.call("RevokeSession", sessionId=login.sid)["revokedCount"] == 1
    reload_with("")


def test_a_group_that_is_unknown_is_a_problem_until_it_is_there():
    reload_with("[policy team]\ngroups = team-of-ours\nmax_sessions = 1\n")
    health = root.call("GetHealth")
    assert health["ok"] is False and "groups" in health["problems"][0]
    host.add_group("team-of-ours", ["mallory"])
    assert root.call("Reload") == {}
    assert root.call("GetHealth")["problems"] == []
    login = log_in(50, "mallory")
    assert root.call("GetSession", sessionId=login.sid)["session"]["policy"] == "team"
    reload_with("")


def test_many_reloads_at_once_are_all_answered():
    clients = [Varlink(daemon) for _ in range(10)]
    daemon.write_config("[token]\naudience = many\n")
    for _ in range(5):
        for client in clients:
            client.send_call("Reload")
        daemon.reload()
        for client in clients:
            assert client.read_reply() == {"parameters": {}}
    daemon.write_config("[token]\naudience = the last\n")
    for client in clients:
        client.send_call("Reload")
        client.send_call("Reload")
    assert all(client.read_reply()["error"] == INVALID for client in clients for _ in range(2))
    reload_with("")


def test_reloads_leave_nothing_open():
    fds = daemon.count_fds()
    for text in ("[token]\naudience = a\n", "[nonsense]\n", "") * 20:
        daemon.write_config(text)
        root.send_call("Reload")
        assert ("error" in root.read_reply()) == ("nonsense" in text)
    eventually(lambda: daemon.count_fds() <= fds, what="no descriptor more")


def test_an_unknown_option_or_argument_is_refused_and_the_version_is_told():
    for arguments, status in ((["--nonsense"], 2), (["stray"], 2), (["--config"], 2), (["--version"], 0),
                              (["--help"], 0)):
        done = subprocess.run([daemon.program, *arguments], capture_output=True, text=True, timeout=20,
                              check=False)
        assert done.returncode == status, (arguments, done)
        assert done.stdout if status == 0 else done.stderr
