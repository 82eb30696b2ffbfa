"""sessjwt doctor: a good host has nothing wrong; what is wrong is found, said with how to mend it, and gone
when mended."""
# timeout: 300
import json
import os
import shutil

from harness import Daemon, eventually, namespaces
from harness.canned import Canned
from harness.canned import rows as session_rows
from harness.doctor_world import (COUNTED, clock, configure, daemon, doctor, finds, host, is_well, ssh, sshd,
                                  stack)
from harness.lifetime import later

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


def test_a_folder_of_token_files_that_anybody_can_list_is_found():
    configure("[token]\ntoken_file = yes\n")
    is_well()
    ssh.start("alice", key="laptop").wait_open()  # the first one makes it
    is_well()
    restored(daemon.runtime_dir / "public/tokens", 0o711, 0o755)
    finds("public", "/run/sessjwt/public/tokens belongs to uid 0 and has mode 040755")


def of_keys(*keys):
    """What is said of such keys by a daemon that has them."""
    told = Canned(GetHealth={"parameters": {"ok": True, "version": "0.1.0", "uptime": 1, "sessions": 0}},
                  ListKeys={"parameters": {"keys": list(keys)}}, ListSessions=session_rows(),
                  GetKeys={"parameters": {"keys": []}})
    findings = json.loads(told.run("doctor", "-j").stdout)["findings"]
    return [finding["text"] for finding in findings if finding["check"] == "keys"]


def test_a_key_that_should_have_gone_and_keys_that_are_missing_are_found():
    fresh = {"kid": "a", "state": "active", "until": "2999-01-01T00:00:00.000Z"}
    following = {"kid": "b", "state": "next"}
    assert of_keys(fresh, following) == []
    assert of_keys({**fresh, "until": "2001-01-01T00:00:00.000Z"}, following) == [
        "the key that signs should have been replaced at 2001-01-01T00:00:00.000Z"]
    assert of_keys(following) == ["no key signs: there are no tokens"]
    assert of_keys(fresh) == ["no next key is published ahead"]


def test_a_daemon_of_another_version_is_found():
    told = Canned(GetHealth={"parameters": {"ok": True, "version": "9", "uptime": 1, "sessions": 0}},
                  ListKeys={"parameters": {"keys": []}}, ListSessions=session_rows(),
                  GetKeys={"parameters": {"keys": []}})
    first = json.loads(told.run("doctor", "-j").stdout)["findings"][0]
    assert (first["check"], first["mend"]) == ("daemon", "systemctl restart sessjwtd"), first
    assert first["text"].startswith("sessjwtd is of version 9, this command of ")


def test_a_store_without_room_is_found():
    small = host.dir / "small"
    small.mkdir()
    namespaces.mount("tmpfs", small, "tmpfs", 0, "size=8m,mode=0700,nr_inodes=32")
    daemon.stop()
    other = Daemon(host, state_dir=small).start()
    found = {finding["text"] for finding in doctor(rc=1)["findings"] if finding["check"] == "store"}
    assert len(found) == 2 and any("MiB left: without room no login is kept" in text for text in found), found
    assert any("inodes left" in text for text in found), found
    other.stop()
    daemon.start()


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
