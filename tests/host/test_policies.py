"""The policies of doc/examples/policies.conf as they stand: customers, owners, partners and single devices
log in by real ssh."""
# timeout: 240
import calendar
import shlex
import shutil
import subprocess
import time

from harness import ROOT, Daemon, Host, PamStack, SessionList, Skip, Ssh, Sshd, Varlink, eventually, jose

KBD = "keyboard-interactive"
MINUTE, DAY = 60, 86400

host = Host()
for _user, _group in (("carl", "customers"), ("olga", "owners"), ("paul", "partners"),
                      ("sven", "single-device")):
    host.add_user(_user)
    host.add_group(_group, [_user])
daemon = Daemon(host, (ROOT / "doc/examples/policies.conf").read_text("utf-8")).start()
sessions = SessionList(daemon)
PamStack(host, "sshd")
ssh = Ssh(Sshd(host))


def trust(user, n):
    """n keys of his, each a device."""
    keys = [f"{user}-{i}" for i in range(n)]
    ssh.trust(user, *keys)
    return keys


def log_in(user, keys):
    """A login by each key, in this order."""
    return [ssh.start(user, key=key, source=f"192.0.2.{10 + i}").wait_open() for i, key in enumerate(keys)]


def is_here(login):
    """Whether what is typed is still answered."""
    return login.run("echo here") == "here\n"


def lifetimes(user, sid):
    """(seconds of an access token, days of a refresh token), as they are given out."""
    reply = Varlink(daemon, user=user).call("IssueRefreshToken", sessionId=sid)
    claims = jose.split(reply["accessToken"])[1]
    until = calendar.timegm(time.strptime(reply["refreshExpiresAt"][:19], "%Y-%m-%dT%H:%M:%S"))
    return claims["exp"] - claims["iat"], round((until - time.time()) / DAY, 2)


# ---- customers ---------------------------------------------------------------------------------------------

def test_the_sixth_device_of_a_customer_evicts_the_oldest_of_five():
    keys = trust("carl", 6)
    logins = log_in("carl", keys[:5])
    rows = sessions.of("carl")
    assert len({row["deviceId"] for row in rows}) == 5 and {row["policy"] for row in rows} == {"customer"}
    token = Varlink(daemon, user="carl").call("MintToken", sessionId=rows[0]["sessionId"])["accessToken"]
    sixth = ssh.start("carl", key=keys[5], source="192.0.2.20").wait_open()
    assert logins[0].wait_closed() == 255
    assert sessions.wait_end(rows[0]["sessionId"]) == "evicted"
    assert sessions.call("Introspect", token=token)["active"] is False
    assert all(map(is_here, [*logins[1:], sixth]))
    assert [row["sessionId"] for row in sessions.of("carl")][:4] == [row["sessionId"] for row in rows[1:]]


def test_the_tokens_of_a_customer_live_15_minutes_and_7_days():
    log_in("carl", trust("carl", 1))
    row = eventually(lambda: sessions.of("carl"))[-1]
    assert lifetimes("carl", row["sessionId"]) == (15 * MINUTE, 7)


# ---- owners ------------------------------------------------------------------------------------------------

def check_refused(result, rows, mark):
    """At open: nothing has run, the text names the others, none of them has gone."""
    assert result.rc == 254, result
    text = " ".join(result.text.split())
    assert "Too many sign-ins (policy owner)" in text
    for row in rows:
        wanted = f"{row['deviceName']} since {row['createdAt'][:16]}Z from {row['ip']}"
        assert wanted in text, (wanted, text)
    assert not mark.exists(), "a command ran"
    eventually(lambda: sessions.of("olga") == rows, what="the three sessions and no row of the refused login")


def test_the_fourth_device_of_an_owner_is_refused_at_open_by_key_and_by_password():
    keys = trust("olga", 4)
    logins = log_in("olga", keys[:3])
    rows = sessions.of("olga")
    assert len(rows) == 3 and {row["policy"] for row in rows} == {"owner"}
    mark = host.home("olga") / "mark"
    check_refused(ssh.run("olga", f"touch {mark}", key=keys[3], source="192.0.2.30"), rows, mark)
    for method in ("password", KBD):
        result = ssh.run("olga", f"touch {mark}", password=True, method=method, source="192.0.2.31")
        check_refused(result, rows, mark)
    assert all(map(is_here, logins))
    assert not any(sessions.ends(row["sessionId"]) for row in rows)
    logins[1].log_out()
    eventually(lambda: len(sessions.of("olga")) == 2)
    assert ssh.run("olga", "echo in", key=keys[3]).out == "in\n", "there is room again"


def test_a_device_of_an_owner_that_is_signed_in_gets_in_again():
    keys = trust("olga", 3)
    log_in("olga", keys)
    assert ssh.run("olga", "echo in", key=keys[1], source="192.0.2.40").out == "in\n"


def test_the_tokens_of_an_owner_live_30_minutes_and_30_days():
    log_in("olga", trust("olga", 1))
    assert lifetimes("olga", sessions.of("olga")[-1]["sessionId"]) == (30 * MINUTE, 30)


# ---- partners ----------------------------------------------------------------------------------------------

def test_a_partner_has_two_devices_and_tokens_of_2_hours_and_30_days():
    keys = trust("paul", 3)
    logins = log_in("paul", keys[:2])
    first, second = sessions.of("paul")
    assert lifetimes("paul", second["sessionId"]) == (120 * MINUTE, 30)
    ssh.start("paul", key=keys[2]).wait_open()
    assert sessions.wait_end(first["sessionId"]) == "evicted"
    assert logins[0].wait_closed() == 255 and is_here(logins[1])


# ---- one device --------------------------------------------------------------------------------------------

def work_on_one_device(key):
    """Terminals, commands, copies and a tunnel at once. Returns what stays."""
    path = host.dir / "a-file"
    path.write_text("text", "ascii")
    first = ssh.start("sven", key=key, tty=True).wait_open()
    stay = [first, *(ssh.start("sven", key=key, tty=True).wait_open() for _ in range(3))]
    stay.append(ssh.start("sven", key=key, shell=False).wait_open())
    assert ssh.scp("sven", path, host.home("sven") / "by-scp", key=key).rc == 0
    assert ssh.sftp("sven", f"put {path} {host.home('sven') / 'by-sftp'}\n", key=key).rc == 0
    assert ssh.run("sven", "cat by-scp by-sftp", key=key, source="192.0.2.77").out == "texttext"
    return stay


def test_terminals_copies_and_tunnels_of_one_device_never_evict_each_other():
    keys = trust("sven", 2)
    before = daemon.log_end()
    stay = work_on_one_device(keys[0])
    assert "evicted" not in daemon.log(before)
    eventually(lambda: len(sessions.of("sven")) == len(stay), what="a session a login that stays")
    assert all(login.is_open() for login in stay)
    phone = ssh.start("sven", key=keys[1]).wait_open()
    assert [login.wait_closed() for login in stay] == [255] * len(stay), "another device ends them all"
    assert is_here(phone)


def test_rsync_of_the_same_device_evicts_nobody():
    program = shutil.which("rsync")
    if not program:
        raise Skip("there is no rsync")
    keys = trust("sven", 1)
    login, = log_in("sven", keys)
    path = host.dir / "a-file"
    path.write_text("text", "ascii")
    *words, server = ssh.arguments("ssh", "sven", key=keys[0])
    subprocess.run([program, f"--rsync-path={program}", "-e", shlex.join(words), str(path),
                    f"{server}:by-rsync"], check=True, timeout=30)
    assert (host.home("sven") / "by-rsync").read_text("ascii") == "text" and is_here(login)


# ---- everybody else ----------------------------------------------------------------------------------------

def test_who_is_in_no_class_is_seen_and_not_limited():
    keys = trust("alice", 3)
    logins = log_in("alice", keys)
    rows = sessions.of("alice")
    assert {row["policy"] for row in rows} == {"default"} and len(rows) == 3
    assert all(map(is_here, logins))


def test_the_example_is_valid_and_its_policies_are_told_apart():
    assert Varlink(daemon).call("GetHealth")["ok"], "each of its groups is there"
    for user, policy in (("carl", "customer"), ("olga", "owner"), ("paul", "partner"),
                         ("sven", "single-device"), ("alice", "default")):
        assert sessions.call("ExplainPolicy", user=user)["policy"] == policy
