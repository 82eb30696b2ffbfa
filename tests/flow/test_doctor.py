"""sessjwt doctor: a good host has nothing wrong; what is wrong is found, said with how to mend it, and gone
when mended."""
# timeout: 300
import json
import os
import shutil

from harness import Daemon, Host, PamStack, Ssh, Sshd, eventually, namespaces, paths
from harness.clock import Clock
from harness.lifetime import later

host = Host()
host.install_command()
host.add_group("sessjwt-admin", ["bob"])
clock = Clock(host.dir / "clock")
daemon = Daemon(host, clock=clock).start()
COUNTED = ("sshd", "login")
for service in COUNTED:
    PamStack(host, service)
sshd = Sshd(host)
ssh = Ssh(sshd)
ssh.trust("alice", "laptop")
sbin = host.dir / "sbin"
sbin.mkdir()
shutil.copy(paths.DAEMON, sbin / "sessjwtd")
namespaces.bind(sbin, "/usr/local/sbin")
namespaces.bind(sshd.config_file, "/etc/ssh/sshd_config")


def doctor(user="root", rc=None):
    """What it found, as its JSON has it."""
    done = host.run_as(user, "sessjwt", "doctor", "--json=short")
    assert not done.stderr, done
    answer = json.loads(done.stdout)
    assert done.returncode == (0 if answer["ok"] else 1), done
    assert rc is None or done.returncode == rc, done
    return answer


def is_well():
    """Fails with what is not; notes too."""
    answer = doctor(rc=0)
    assert answer["findings"] == [] and answer["skipped"] == [], answer


def finds(check, *words, grade="wrong"):
    """Exactly one finding, by this check; with words of its text or its advice."""
    answer = doctor(rc=1 if grade == "wrong" else 0)
    finding, = answer["findings"]
    assert (finding["check"], finding["grade"]) == (check, grade), finding
    for word in words:
        assert word in f"{finding['text']} | {finding['mend']}", (word, finding)
    return finding


def stack(service="sshd", text=None, **arguments):
    """Gives a service another stack until the test ends."""
    if text is None:
        text = PamStack(host, service, **arguments).text
    (host.pam_dir / service).write_text(text, "utf-8")
    later(lambda: PamStack(host, service))
    return text


GOOD = PamStack(host, "sshd").text
SESSION = next(line for line in GOOD.splitlines(True) if line.startswith("-session"))
ACCOUNT = next(line for line in GOOD.splitlines(True) if line.startswith("-account"))

# ---- a good host -------------------------------------------------------------------------------------------


def test_nothing_is_wrong_on_a_good_host():
    is_well()
    assert sorted(doctor()["services"]) == sorted(COUNTED)
    done = host.run_as("root", "sessjwt", "doctor")
    assert (done.returncode, done.stdout, done.stderr) == (0, "Nothing is wrong.\n", "")
    done = host.run_as("root", "sessjwt", "doctor", "--no-legend")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_what_only_root_can_see_is_said_to_others():
    answer = doctor("alice", rc=0)
    assert answer["findings"] == [] and answer["skipped"] == ["configuration", "sshd", "logins", "store",
                                                              "keys"], answer
    text = host.run_as("alice", "sessjwt", "doctor").stdout
    assert text == ("Not looked at, which only root can: configuration, sshd, logins, store, keys.\n"
                    "Nothing is wrong.\n"), text
    assert doctor("bob", rc=0)["skipped"] == ["configuration", "sshd", "store", "keys"]


def test_a_finding_is_said_with_how_to_mend_it():
    stack(account=False)
    done = host.run_as("root", "sessjwt", "doctor")
    assert done.returncode == 1 and not done.stderr
    assert done.stdout == ("wrong  pam: sshd has our session line, but no account line: locks do not hold "
                           "there.\n"
                           "       Add the account line of pam_sessjwt(8).\n1 thing is wrong.\n"), done.stdout


# ---- PAM ---------------------------------------------------------------------------------------------------

def test_a_stack_with_one_of_our_lines_lacks_the_other():
    stack(session=False)
    answer = doctor(rc=1)
    assert [finding["text"] for finding in answer["findings"]] == [
        "sshd has our account line, but no session line: its logins have no session",
        "sshd does not have our session line: its logins are no sessions"]


def test_a_host_without_our_lines_has_no_sessions():
    for service in COUNTED:
        stack(service, module=None)
    texts = [finding["text"] for finding in doctor(rc=1)["findings"]]
    assert texts == ["no service in /etc/pam.d has our session line: no login has a session"], texts


def test_a_counted_service_without_our_lines_is_worth_a_note():
    stack("login", module=None)
    finds("pam", "login does not have our session line", grade="note")


def test_a_pam_env_that_reads_users_files_before_our_line_is_found_wherever_it_stands():
    stack(position="after")
    finds("pam", "pam.d/sshd:", "pam_env reads users' files before our session line", "Move our session line")
    stack(text=GOOD.replace(SESSION, f"session include late\n{SESSION}"))
    (host.pam_dir / "late").write_text("session optional pam_env.so envfile=/x user_readenv=1\n", "ascii")
    later((host.pam_dir / "late").unlink)
    finds("pam", "pam.d/late:1: pam_env reads users' files")
    stack(text="auth optional pam_env.so user_readenv=1\n" + GOOD)
    finds("pam", "pam.d/sshd:1: pam_env", "Take user_readenv=1 away")


def test_a_control_that_lets_a_refused_login_pass_is_found():
    stack(session_control="optional")
    finds("pam", "a login that is refused goes on", "session_err")
    stack(account_control="optional")
    finds("pam", "a login that is refused goes on", "perm_denied")
    stack(session_control="[success=ok session_err=bad default=ignore]")
    finds("pam", "the lines behind still run", grade="note")


def test_a_control_that_locks_everybody_out_without_the_module_is_found():
    for control in ("required", "requisite", "[success=ok ignore=ignore default=bad]"):
        stack(session_control=control)
        texts = [finding["text"] for finding in doctor(rc=1)["findings"]]
        assert "without the module's file nobody can log in" in texts[0], texts


def test_a_line_of_ours_that_skips_others_is_found():
    stack(session_control="[success=done session_err=die default=ignore]")
    finds("pam", "goes past the lines behind it")


def test_a_line_that_goes_past_ours_is_found():
    stack(text=GOOD.replace(SESSION, f"session sufficient pam_permit.so\n{SESSION}"))
    finds("pam", "is not reached when pam.d/sshd:", "(pam_permit.so) succeeds")
    stack(text=GOOD.replace(ACCOUNT, f"account [success=1 default=ignore] pam_permit.so\n{ACCOUNT}"))
    finds("pam", "is not reached when")


def test_options_that_the_module_refuses_are_found():
    for arguments, words in (
            ({"options": "timeout=9s"}, "the option timeout=9s is unknown, repeated or out of its bounds"),
            ({"options": "realm=shop"}, "the configuration has no realm shop: such a login has no session"),
            ({"socket": "/run/other/login"},
             "asks another daemon, at /run/other/login in place of /run/sessjwt/login")):
        stack(**arguments)
        texts = [finding["text"].partition(": ") for finding in doctor(rc=1)["findings"]]
        assert len(texts) == 2 and all(text[2] == words for text in texts), texts  # both lines of ours


def test_on_error_deny_without_break_glass_is_worth_a_note():
    stack(options="on_error=deny")
    texts = {finding["text"] for finding in doctor(rc=0)["findings"]}
    assert len(texts) == 2 and all("nobody but root can log in" in text for text in texts), texts
    stack(options="on_error=deny break_glass=wheel")
    is_well()


def test_lines_that_stand_twice_or_cannot_be_read_are_found():
    stack(text=GOOD.replace(SESSION, SESSION + SESSION))
    finds("pam", "has our session line a second time")
    stack(text=GOOD + "sesion required pam_permit.so\n")
    texts = [finding["text"] for finding in doctor(rc=1)["findings"]]
    assert any("sshd cannot be read as PAM reads it: sshd:" in text for text in texts), texts


def test_our_line_belongs_behind_pam_loginuid():
    text = GOOD.replace(SESSION, "").replace("session  required  pam_loginuid.so\n",
                                             f"{SESSION}session  required  pam_loginuid.so\n")
    stack(text=text)
    finds("pam", "stands before pam_loginuid")


def test_the_lines_of_the_lock_are_three():
    module = SESSION.split()[-2]
    line = f"auth [default=ignore] {module} socket=/run/sessjwt/login"
    stack(text=f"{line} preauth\n{GOOD}")
    texts = [finding["text"] for finding in doctor(rc=1)["findings"]]
    assert texts == ["sshd has auth lines of ours, but none with authfail: the lock is not complete",
                     "sshd has auth lines of ours, but none with authsucc: the lock is not complete"], texts
    stack(text=f"{line} preauth\n{line} authfail\n{line} authsucc\n{GOOD}")
    is_well()
    stack(text=f"{line}\n{GOOD}")
    finds("pam", "an auth line of ours that does nothing")


# ---- the module's file -------------------------------------------------------------------------------------

def test_a_module_that_is_not_there_is_found():
    for service in COUNTED:
        stack(service, module="pam_sessjwt.so")
    texts = {finding["text"].partition(": ")[2] for finding in doctor(rc=1)["findings"]}
    assert texts == {"the module pam_sessjwt.so is not there: logins go on without a session"}, texts


def test_a_module_of_another_version_or_that_others_can_write_is_found():
    path = host.dir / "pam_sessjwt.so"
    path.write_bytes(paths.MODULE.read_bytes().replace(b"pam_sessjwt version ", b"pam_sessjwt version 9"))
    path.chmod(0o755)
    stack(module=path)
    finds("pam", f"{path} is not of version")
    shutil.copy(paths.MODULE, path)
    path.chmod(0o777)
    finds("pam", f"{path} belongs to uid 0 and has mode 0777")
    path.chmod(0o755)
    is_well()


# ---- sshd --------------------------------------------------------------------------------------------------

def sshd_config(old, new):
    """Changes the configuration that sshd -T shows, until the test ends."""
    text = sshd.config_file.read_text("ascii")
    sshd.config_file.write_text(text.replace(old, new), "ascii")
    later(lambda: sshd.config_file.write_text(text, "ascii"))


def test_an_sshd_without_pam_is_found():
    sshd_config("UsePAM yes", "UsePAM no")
    finds("sshd", "sshd does not use PAM", "Set UsePAM yes")


def test_an_sshd_that_cannot_ask_is_worth_a_note_where_a_policy_asks():
    sshd_config("KbdInteractiveAuthentication yes", "KbdInteractiveAuthentication no")
    is_well()
    configure("[policy default]\non_limit = ask\n")
    finds("sshd", "sshd cannot ask", grade="note")


def test_an_sshd_configuration_that_is_invalid_is_worth_a_note():
    sshd_config("UsePAM yes", "UsePAM perhaps")
    finds("sshd", "sshd -T tells nothing: ", grade="note")


# ---- configuration -----------------------------------------------------------------------------------------

def configure(text):
    """Gives the daemon another configuration until the test ends."""
    def take(wanted):
        daemon.write_config(wanted)
        after = daemon.log_end()
        daemon.reload()
        daemon.wait_for_log("configuration", after=after)
    take(text)
    later(lambda: take(""))


def test_a_configuration_that_was_changed_and_not_reloaded_is_found():
    is_well()
    daemon.write_config("# other\n")
    finds("configuration", "has changed since the daemon read it", "systemctl reload sessjwtd")
    folder = daemon.config_file.with_name("sessjwtd.conf.d")
    configure("")
    is_well()
    folder.mkdir()
    later(lambda: shutil.rmtree(folder))
    (folder / "a.conf").write_text("", "ascii")
    texts = [finding["text"] for finding in doctor(rc=1)["findings"]]
    assert "the daemon runs with other configuration files than there are now" in texts, texts


def test_a_configuration_that_is_invalid_is_found_before_the_next_start():
    later(lambda: configure(""))
    daemon.write_config("[policy default]\nmax_devices = many\n")
    texts = [finding["text"] for finding in doctor(rc=1)["findings"]]
    assert texts[0].startswith(f"the configuration is invalid: {daemon.config_file}:2: "), texts


def test_a_problem_of_the_daemon_s_is_told():
    configure("[policy x]\ngroups = nosuch\n")
    finds("daemon", "the daemon says: the configuration names groups that cannot be resolved")


def test_terminate_scope_needs_pam_systemd_before_our_line():
    configure("[policy default]\nterminate = scope\n")
    texts = [finding["text"] for finding in doctor(rc=1)["findings"]]
    assert len(texts) == 2 and all("pam_systemd makes no scope here" in text for text in texts), texts
    for service in COUNTED:
        text = PamStack(host, service).text
        stack(service, text=text.replace(SESSION, f"session optional pam_systemd.so\n{SESSION}"))
    is_well()
    stack(text=GOOD + "session optional pam_systemd.so\n")
    finds("pam", "stands before pam_systemd", grade="note")


# ---- sockets, page, public folder --------------------------------------------------------------------------

def restored(path, mode, wrong):
    """Another mode until the test ends."""
    os.chmod(path, wrong)
    later(lambda: os.chmod(path, mode))


def test_sockets_that_the_wrong_ones_can_use_are_found():
    os.chmod(daemon.login_socket, 0o666)
    finds("sockets", "/run/sessjwt/login has mode 0666; 0600 is right")
    os.chmod(daemon.login_socket, 0o600)
    os.chown(daemon.login_socket, 2000, 0)
    finds("sockets", "belongs to uid 2000", "logins ask only a socket of root's")
    os.chown(daemon.login_socket, 0, 0)
    os.chmod(daemon.runtime_dir, 0o777)
    finds("sockets", "/run/sessjwt belongs to uid 0 and has mode 0777")
    os.chmod(daemon.runtime_dir, 0o755)
    is_well()


def test_a_public_folder_that_verifiers_cannot_use_is_found():
    restored(daemon.runtime_dir / "public/jwks.json", 0o644, 0o600)
    finds("public", "jwks.json belongs to uid 0 and has mode 100600")
    os.chmod(daemon.runtime_dir / "public/jwks.json", 0o644)
    jwks = daemon.runtime_dir / "public/jwks.json"
    text = jwks.read_bytes()
    jwks.write_bytes(b'{"keys":[]}')
    texts = [finding["text"] for finding in doctor(rc=1)["findings"]]
    assert len(texts) == 2 and all("does not have the key" in text for text in texts), texts
    jwks.write_bytes(text)
    is_well()


def test_a_state_folder_that_others_can_read_is_found():
    restored(daemon.state_dir, 0o700, 0o750)
    finds("store", "has mode 0750: private keys are in it")


# ---- logins ------------------------------------------------------------------------------------------------

def test_a_login_that_the_daemon_knows_is_no_finding():
    client = ssh.start("alice", key="laptop", tty=True).wait_open()
    is_well()
    client.close()


def test_a_login_that_was_made_while_the_daemon_was_away_is_found_until_it_ends():
    daemon.stop()
    client = ssh.start("alice", key="laptop", tty=True).wait_open()
    daemon.start()
    finding = finds("logins", "the daemon does not know a login of alice by sshd, process ")
    pid = int(finding["text"].rpartition(" ")[2])
    assert os.path.exists(f"/proc/{pid}")
    client.close()
    eventually(lambda: doctor()["ok"], 10, "it has ended")


# ---- the daemon --------------------------------------------------------------------------------------------

def test_a_clock_that_was_set_back_is_found():
    clock.set_forward(3600)
    eventually(lambda: not doctor()["ok"], 10, "the page's time")
    clock.set_back(3600)
    finds("page", "the clock was set back", "ahead of it")
    daemon.stop()
    (daemon.runtime_dir / "public/status").unlink()
    daemon.start()
    is_well()


def test_a_daemon_that_is_frozen_is_found():
    daemon.pause()
    later(daemon.resume)
    eventually(lambda: any(finding["check"] == "page" for finding in doctor_of_frozen()), 30, "silence seen")


def doctor_of_frozen():
    """The page tells what the socket does not: --socket names one beside it on which nobody answers."""
    done = host.run_as("root", "sessjwt", "--socket", "/run/sessjwt/nobody", "doctor", "-j")
    return json.loads(done.stdout)["findings"]


def test_a_daemon_that_is_not_there_is_found_and_nothing_hangs():
    daemon.stop()
    later(daemon.start)
    answer = doctor(rc=1)
    by_check = {finding["check"] for finding in answer["findings"]}
    assert by_check == {"daemon", "sockets"}, answer
    first = answer["findings"][0]
    assert "sessjwtd does not answer on /run/sessjwt/org.sessjwt" in first["text"]
    assert "systemctl start sessjwtd.socket" in first["mend"]
