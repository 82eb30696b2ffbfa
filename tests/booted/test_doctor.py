"""sessjwt doctor on a host that boots: well as pam-auth-update leaves it, and what it finds is there."""
# timeout: 300
import json

from harness.booted import Booted
from harness.waiting import eventually

host = Booted()
host.trust("alice", "laptop")
LINES = "pam_sessjwt.so"


def doctor(user=None):
    """What it finds."""
    result = host.run("sessjwt doctor --json=short", user)
    assert not result.err, result
    answer = json.loads(result.out)
    assert result.rc == (0 if answer["ok"] else 1), result
    return answer


def texts():
    """Of its findings."""
    return [finding["text"] for finding in doctor()["findings"]]


def test_lines_in_one_service_are_right_and_those_without_are_noted():
    answer = doctor()
    assert answer["ok"] and answer["services"] == ["sshd"] and not answer["skipped"], answer
    assert all("does not have our session line" in finding["text"] and finding["grade"] == "note"
               for finding in answer["findings"]), answer


def test_nothing_is_found_where_pam_auth_update_has_put_the_lines():
    host.must(f"sed -i /{LINES}/d /etc/pam.d/sshd")
    assert texts() == ["no service in /etc/pam.d has our session line: no login has a session"]
    host.must("DEBIAN_FRONTEND=noninteractive pam-auth-update --package --force --enable sessjwt")
    result = host.run("sessjwt doctor")
    assert (result.rc, result.out, result.err) == (0, "Nothing is wrong.\n", ""), result
    assert {"sshd", "login"} <= set(doctor()["services"])
    sid, _client = host.log_in("alice")
    assert sid and not texts()


def test_a_login_that_only_logind_knows_is_found_until_it_ends():
    host.must("systemctl stop sessjwtd.socket sessjwtd.service")
    _sid, client = host.log_in("alice")
    host.must("systemctl start sessjwtd.socket sessjwtd.service")
    found, = texts()
    assert found.startswith("the daemon does not know a login of alice by sshd, process "), found
    client.stdin.close()  # which ends what it runs
    client.wait(20)
    eventually(lambda: not texts(), 20, texts)


def test_the_daemon_stopped_and_the_module_gone_are_found():
    module = host.must("find /usr/lib -name pam_sessjwt.so").split()[0]
    host.must(f"mv {module} {module}.away; systemctl stop sessjwtd.socket sessjwtd.service")
    found = texts()
    assert any("sessjwtd does not answer on /run/sessjwt/org.sessjwt" in text for text in found), found
    assert any("the module pam_sessjwt.so is not there" in text for text in found), found
    assert host.ssh("alice", "echo in").out == "in\n"
    host.must(f"mv {module}.away {module}; systemctl start sessjwtd.socket sessjwtd.service")
    assert not texts()


def test_systemctl_status_counts_sessions_and_names_a_problem():
    sid, _client = host.log_in("alice")
    assert sid

    def says(text):
        return text in host.unit("sessjwtd.service", "StatusText")
    eventually(lambda: says(f"{len(host.sessions())} session"), 20)
    host.must("mkdir -p /etc/sessjwt; echo '[nothing]' >/etc/sessjwt/sessjwtd.conf")
    host.must("systemctl reload sessjwtd")
    eventually(lambda: says("problem: the configuration was not reloaded: /etc/sessjwt/sessjwtd.conf:1: "),
               20, lambda: host.unit("sessjwtd.service", "StatusText"))
    found = texts()
    assert any(text.startswith("the configuration is invalid: ") for text in found), found
    host.must("rm /etc/sessjwt/sessjwtd.conf; systemctl reload sessjwtd")
    eventually(lambda: not texts(), 20, texts)


def test_a_user_sees_what_users_can_see():
    answer = doctor("alice")
    assert answer["ok"] and answer["findings"] == [] and "store" in answer["skipped"], answer
