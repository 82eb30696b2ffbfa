"""The Debian packages in the life of a host: installed, upgraded under live logins, removed, purged; and the
stacks of PAM with them, whatever has become of the daemon and the module."""
# timeout: 400
import contextlib
import shutil

from harness import packages, paths
from harness.booted import Booted, is_connected
from harness.skip import need
from harness.terminal import Terminal

PASSWORD = "correct-horse"
OURS = "libpam-sessjwt libsessjwt-dev libsessjwt0 sessjwt"
MODULE = "/usr/lib/*/security/pam_sessjwt.so"
DROP_IN = "/etc/sessjwt/sessjwtd.conf.d/mine.conf"
# Of Debian's cockpit-ws, for hosts without it: account and session, less a module that it brings itself.
COCKPIT = """\
account    required     pam_nologin.so
account    include      common-account
session    required     pam_selinux.so close
session    required     pam_loginuid.so
session    required     pam_selinux.so open env_params
session    optional     pam_keyinit.so force revoke
session    include      common-session
session    required     pam_env.so
session    required     pam_env.so user_readenv=1 envfile=/etc/default/locale
"""

need(paths.PAM_APP)
built = packages.built()


def prepared(root):
    """The packages, the next version of them, cockpit's stack, and a program that takes it."""
    for folder, files in (("now", built), ("next", packages.with_version(built, "9.1"))):
        (root / "srv" / folder).mkdir()
        for file in files:
            shutil.copy(file, root / "srv" / folder)
    (root / "var/lib/man-db/auto-update").unlink(missing_ok=True)  # an index of all pages takes its time
    cockpit = root / "etc/pam.d/cockpit"
    if not cockpit.exists():
        cockpit.write_text(COCKPIT, "ascii")
    shutil.copy(paths.PAM_APP, root / "usr/bin")


host = Booted(units="", prepare=prepared, install=False)
host.trust("alice", "laptop", "phone")
host.must(f"echo alice:{PASSWORD} | chpasswd")


def apt(words):
    """apt-get; it asks nothing and needs no network: what the packages depend on is there."""
    return host.must(f"DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends {words} 2>&1")


def is_installed():
    """Whether dpkg says so."""
    states = host.run("dpkg-query -W -f '${db:Status-Status} ' sessjwt libpam-sessjwt").out
    return states == "installed installed "


def installed():
    """As after the installation, whichever test was the last one."""
    if not is_installed():
        apt("install /srv/now/*.deb")


def by_key():
    """ssh with a key: what the login is told of its session."""
    return host.ssh("alice", "echo in:$SESSJWT_SESSION_ID")


def by_password():
    """ssh with a password."""
    options = ("PreferredAuthentications=password", "StrictHostKeyChecking=no", "LogLevel=ERROR",
               "UserKnownHostsFile=/dev/null")
    ssh = " ".join(["ssh -F none", *(f"-o{option}" for option in options), "alice@127.0.0.1"])
    return host.run(f"sshpass -p {PASSWORD} {ssh} 'echo in:$SESSJWT_SESSION_ID'")


def by_console():
    """login, on a terminal: what it shows behind `in:`."""
    terminal = Terminal(host.enter("script", "-qec", "login alice", "/dev/null"))
    at = terminal.expect("assword:", 20)
    terminal.type(PASSWORD + "\n")
    at = terminal.expect("$ ", 20, at)
    terminal.type("echo in:${SESSJWT_SESSION_ID:-none}:; exit\n")
    at = terminal.expect("\nin:", 20, at)
    terminal.expect(":", 20, at)
    said = terminal.text()[at:].split(":")[0]
    terminal.wait_closed(20)
    return said


def by_cockpit():
    """What account and session of cockpit's stack return: a line a step."""
    steps = ("start 1 cockpit alice", "account 1", "open 1", "getenv 1 SESSJWT_SESSION_ID", "close 1",
             "end 1", "quit")
    return host.run("pam_app /etc/pam.d", stdin="\n".join(steps) + "\n").out.splitlines()


def everybody_gets_in(with_session):
    """By each of the stacks; with a session or, as if there were no sessjwt, without."""
    for way in (by_key, by_password):
        result = way()
        assert result.rc == 0 and result.out.startswith("in:"), f"{way.__name__}: {result}"
        has_one = len(result.out.strip()) == len("in:") + 36
        assert has_one == with_session, f"{way.__name__}: {result}"
    assert (by_console() != "none") == with_session
    said = by_cockpit()
    assert all("PAM_SUCCESS" in said[step] for step in (0, 1, 2, 4)), said
    assert ("PAM_BAD_ITEM" not in said[3]) == with_session, said


def lines():
    """Those of PAM that name the module."""
    return host.run("grep -rh pam_sessjwt /etc/pam.d").out.splitlines()


def test_the_packages_and_pam_auth_update_lead_to_a_session_at_the_next_login():
    apt("install /srv/now/*.deb")
    host.must("DEBIAN_FRONTEND=noninteractive pam-auth-update --package")
    sid, client = host.log_in("alice")
    assert [session["sessionId"] for session in host.sessions()] == [sid]
    assert is_connected(client)
    assert host.must("sessjwt --version").strip().endswith(packages.field(built[0], "Version"))


def test_service_and_sockets_are_enabled_and_run_and_the_command_has_what_belongs_to_it():
    installed()
    for unit in ("sessjwtd.socket", "sessjwtd.service"):
        assert host.must(f"systemctl is-enabled {unit}").strip() == "enabled"
        assert host.unit(unit, "ActiveState") == "active"
    assert host.must("readlink /run/varlink/registry/org.sessjwt").strip() == "/run/sessjwt/org.sessjwt"
    assert host.must("ps -o user= -C sessjwtd").split() == ["sessjwt"]
    assert "has logged in" in host.must("journalctl --list-catalog b36335985f5d4e7e8ab736d5ad8eb287")
    assert "/etc/sessjwt/sessjwtd.conf" in host.must("dpkg-query -W -f '${Conffiles}' sessjwt")
    host.must("getent group sessjwt-admin; test -d /etc/sessjwt/sessjwtd.conf.d; man -w 5 sessjwtd.conf")


def test_the_lines_are_in_pam_once_each():
    installed()
    kinds = [line.split()[0] for line in lines()]
    assert sorted(kinds) == ["account", "password", "session", "session"]  # common-session, -noninteractive


def test_every_stack_lets_in_with_a_session():
    installed()
    everybody_gets_in(with_session=True)


def test_every_stack_lets_in_while_the_daemon_is_absent():
    installed()
    host.must("systemctl stop sessjwtd.service sessjwtd.socket")
    with contextlib.ExitStack() as after:
        after.callback(host.must, "systemctl start sessjwtd.socket sessjwtd.service")
        everybody_gets_in(with_session=False)


def test_every_stack_lets_in_while_the_daemon_is_stopped():
    installed()
    pid = host.unit("sessjwtd.service", "MainPID")
    host.must(f"kill -STOP {pid}")
    with contextlib.ExitStack() as after:
        after.callback(host.must, f"kill -CONT {pid}")
        everybody_gets_in(with_session=False)


def test_every_stack_lets_in_without_the_file_of_the_module():
    installed()
    host.must(f"mv {MODULE} /srv")
    with contextlib.ExitStack() as after:
        after.callback(host.must, "apt-get -q -y install --reinstall /srv/now/libpam-sessjwt_*.deb 2>&1")
        everybody_gets_in(with_session=False)
    everybody_gets_in(with_session=True)


def test_an_upgrade_ends_no_session_and_loses_none():
    installed()
    host.must(f"printf '[policy default]\\nmax_sessions = 9\\n' >{DROP_IN}")
    sid, client, token = log_in_with_token()
    before = host.unit("sessjwtd.service", "MainPID")
    sockets = host.unit("sessjwtd.socket", "ActiveEnterTimestampMonotonic")
    assert host.run("sessjwt verify", stdin=token).rc == 0
    apt("install /srv/next/*.deb")
    assert host.must("dpkg-query -W -f '${Version}' sessjwt") == "9.1"
    assert host.unit("sessjwtd.service", "MainPID") not in ("0", before)
    assert host.unit("sessjwtd.socket", "ActiveEnterTimestampMonotonic") == sockets
    assert sid in [session["sessionId"] for session in host.sessions()]
    assert not [entry for entry in host.journal(f"SESSJWT_SID={sid}") if "SESSJWT_REASON" in entry]
    assert is_connected(client)
    assert host.run("sessjwt verify", stdin=token).rc == 0
    assert len(lines()) == 4
    host.must(f"grep -q max_sessions {DROP_IN} && rm {DROP_IN}")
    everybody_gets_in(with_session=True)


def log_in_with_token():
    """A login that stays: its session, its client, a token of it."""
    sid, client = host.log_in("alice", options=["sessjwt token >token;"])
    return sid, client, host.must("cat /home/alice/token")


def leader_of(sid):
    """Its process."""
    return next(session["leader"] for session in host.sessions() if session["sessionId"] == sid)


def test_a_removal_takes_the_lines_away_and_leaves_every_login_and_its_processes():
    installed()
    sid, client = host.log_in("alice")
    leader = leader_of(sid)
    apt(f"remove {OURS}")
    assert not lines()
    assert host.run(f"ls {MODULE}").rc != 0
    assert is_connected(client)
    assert host.run(f"kill -0 {leader}").rc == 0
    everybody_gets_in(with_session=False)
    client.stdin.close()
    assert client.wait(20) == 0
    assert host.run("systemctl is-active sessjwtd.socket sessjwtd.service").out.split() == ["inactive"] * 2
    host.must("test -d /var/lib/sessjwt")


def test_after_a_removal_the_packages_come_back_to_what_they_knew():
    if is_installed():
        apt(f"remove {OURS}")
    host.must("test -s /var/lib/sessjwt/data.mdb")
    keys = host.must("ls -i /var/lib/sessjwt")
    apt("install /srv/now/*.deb")
    assert host.must("ls -i /var/lib/sessjwt") == keys
    everybody_gets_in(with_session=True)


def test_a_purge_leaves_nothing_but_the_user():
    installed()
    sid, client = host.log_in("alice")
    assert sid
    apt(f"purge {OURS}")
    assert is_connected(client)
    everybody_gets_in(with_session=False)
    for path in ("/run/sessjwt", "/run/varlink/registry/org.sessjwt"):
        assert host.run(f"test -e {path} -o -L {path}").rc != 0, path
    host.must("getent passwd sessjwt")
    assert not host.must("find /etc /usr /var/lib /var/cache -name '*sessjwt*' ! -path '/var/lib/dpkg/*'")
