"""The signing keys: next, active, retiring, gone; published before they sign, and good as long as a token of
theirs can be."""
import json

from harness import Clock, Daemon, Host, PamLogin, PamStack, Varlink, VarlinkError, jose
from harness.passing import pass_time, rounds
from harness.signing_keys import (call, is_active, keys, kid_of, mint, published, rotate, wait_active,
                                  wait_no_retiring)

DAY = 86400
TTL = 900       # access_ttl
SLACK = 300     # what a retiring key is kept longer than its tokens
DENIED = "org.varlink.service.PermissionDenied"

host = Host()
host.add_group("sessjwt-admin", ["bob"])
host.install_command()
PamStack(host, "sshd", like="bare")
_worlds = 0


def start(config="", **arguments):
    """A daemon of the test's own, with a clock."""
    global _worlds
    _worlds += 1
    return Daemon(host, config, clock=Clock(host.dir / f"clock-{_worlds}"), **arguments).start()


def refusal(function, *arguments, **parameters):
    """The error of a call that must not be answered otherwise."""
    try:
        reply = function(*arguments, **parameters)
    except VarlinkError as error:
        return error
    raise AssertionError(f"it was answered: {reply}")


# ---- what there is -----------------------------------------------------------------------------------------

def test_from_the_first_start_on_there_is_one_that_signs_and_one_that_is_published_ahead():
    daemon = start()
    states = keys(daemon)
    assert [len(states[state]) for state in ("active", "next", "retiring")] == [1, 1, 0]
    assert published(daemon) == states["active"] + states["next"]
    daemon.kill()
    daemon.start()
    assert keys(daemon) == states


def test_listkeys_tells_all_but_what_is_private():
    daemon = start()
    rotate(daemon)
    listed = call(daemon, "ListKeys")["keys"]
    assert [key["state"] for key in listed] == ["retiring", "active", "next"]
    assert [key["sequence"] for key in listed] == [1, 2, 3]
    for key in listed:
        assert set(key) == {"kid", "state", "sequence", "createdAt", "since"} | (
            set() if key["state"] == "next" else {"until"}), key
    rows = [reply["key"] for reply in Varlink(daemon).call_more("ListKeys")]
    assert [row["kid"] for row in rows] == [key["kid"] for key in listed] == published(daemon)
    assert [set(row) for row in rows] == [set(key) for key in listed]


def test_only_root_lists_and_rotates():
    daemon = start()
    before = keys(daemon)
    for user in ("alice", "bob", 54321):
        for method, parameters in (("ListKeys", {}), ("RotateKey", {}), ("RotateKey", {"compromised": True}),
                                   ("RotateKey", {"no": 1})):
            assert refusal(call, daemon, method, user=user, **parameters).name == DENIED
    assert keys(daemon) == before


def test_parameters_that_are_not_theirs_are_refused():
    daemon = start()
    before = keys(daemon)
    for method, parameters in (("ListKeys", {"x": 1}), ("RotateKey", {"compromised": "yes"}),
                               ("RotateKey", {"compromised": 1}), ("RotateKey", {"x": 1})):
        error = refusal(call, daemon, method, **parameters)
        assert error.name == "org.varlink.service.InvalidParameter"
        assert error.parameters == {"parameter": next(iter(parameters))}
    assert keys(daemon) == before


# ---- rotation ----------------------------------------------------------------------------------------------

def test_a_token_from_before_a_rotation_verifies_until_it_expires_and_new_ones_have_the_next_key():
    daemon = start()
    login = PamLogin(host, "alice")
    before, old = keys(daemon), mint(daemon, login)
    pass_time(daemon, 60)
    reply = rotate(daemon)
    after, new = keys(daemon), mint(daemon, login)
    assert [reply["kid"]] == before["next"] == after["active"] and [reply["nextKid"]] == after["next"]
    assert reply["publishedAhead"] in (60, 61)
    assert after["retiring"] == before["active"]
    assert kid_of(old) in after["retiring"] and kid_of(new) in after["active"]
    pass_time(daemon, TTL - 65)
    assert is_active(daemon, old) and is_active(daemon, new)
    pass_time(daemon, 10)
    assert call(daemon, "Introspect", token=old) == {"active": False, "reason": "expired"}
    assert is_active(daemon, new)


def test_a_key_that_was_published_before_the_rotation_verifies_what_is_signed_after_it():
    daemon = start()
    login = PamLogin(host, "alice")
    had = {key["kid"]: key for key in call(daemon, "GetKeys")["keys"]}
    rotate(daemon)
    token = mint(daemon, login)
    assert jose.verify(token, had[kid_of(token)])


def test_what_is_published_is_there_before_the_reply_and_before_the_key_signs():
    daemon = start()
    login = PamLogin(host, "alice")
    for _ in range(3):
        reply = rotate(daemon)
        assert {reply["kid"], reply["nextKid"]} <= set(published(daemon))
        assert kid_of(mint(daemon, login)) == reply["kid"]
    daemon.stop()
    daemon.start(hooks="before-reply=stop")
    rotation = Varlink(daemon)
    rotation.send_call("RotateKey", {})
    daemon.wait_stopped()
    jwks = json.loads((daemon.runtime_dir / "public" / "jwks.json").read_text("utf-8"))
    daemon.resume()
    reply = rotation.read_reply()["parameters"]
    assert {reply["kid"], reply["nextKid"]} <= {key["kid"] for key in jwks["keys"]}


def test_a_retiring_key_goes_when_its_last_token_has_expired():
    daemon = start()
    old, = keys(daemon)["active"]
    rotate(daemon)
    pass_time(daemon, TTL + SLACK - 5)
    assert keys(daemon)["retiring"] == [old] and old in published(daemon)
    pass_time(daemon, 10)
    daemon.wait_for_log(f"signing key gone, its last token has expired: {old}")
    assert keys(daemon)["retiring"] == [] and old not in published(daemon)


def test_the_longest_token_of_any_policy_that_was_seen_decides_how_long_a_key_retires():
    daemon = start("[policy long]\nusers = bob\naccess_ttl = 4h\n")
    old, = keys(daemon)["active"]
    daemon.write_config("")
    call(daemon, "Reload")
    rotate(daemon)
    daemon.restart()
    pass_time(daemon, 4 * 3600 + SLACK - 5)
    assert keys(daemon)["retiring"] == [old]
    pass_time(daemon, 10)
    wait_no_retiring(daemon)


def test_a_longer_token_that_a_reload_brings_counts_too():
    daemon = start()
    old, = keys(daemon)["active"]
    daemon.write_config("[policy default]\naccess_ttl = 2h\n")
    call(daemon, "Reload")
    daemon.write_config("")
    call(daemon, "Reload")
    rotate(daemon)
    pass_time(daemon, TTL + SLACK + 5)
    assert keys(daemon)["retiring"] == [old]
    pass_time(daemon, 2 * 3600)
    wait_no_retiring(daemon)


def test_a_key_is_rotated_by_its_age():
    daemon = start("[token]\nkey_lifetime = 2d\n")
    before = keys(daemon)
    pass_time(daemon, 2 * DAY - 10)
    assert keys(daemon) == before
    pass_time(daemon, 20)
    daemon.wait_for_log("signing key rotated")
    after = keys(daemon)
    assert after["active"] == before["next"] and after["retiring"] == before["active"]
    pass_time(daemon, TTL + SLACK + 5)
    wait_no_retiring(daemon)


def test_a_rotation_by_age_is_never_sooner_than_a_retiring_key_goes():
    daemon = start("[token]\nkey_lifetime = 1h\n[policy default]\naccess_ttl = 24h\n")
    before = keys(daemon)
    pass_time(daemon, DAY)
    assert keys(daemon) == before
    pass_time(daemon, SLACK + 10)
    wait_active(daemon, before["next"])


def test_a_lifetime_that_a_reload_shortens_counts_at_once():
    daemon = start()
    before = keys(daemon)
    pass_time(daemon, 3 * 3600)
    assert keys(daemon) == before
    daemon.write_config("[token]\nkey_lifetime = 2h\n")
    call(daemon, "Reload")
    wait_active(daemon, before["next"])


# ---- clocks ------------------------------------------------------------------------------------------------

def test_a_clock_set_back_or_forward_neither_rotates_nor_keeps_a_key():
    daemon = start("[token]\nkey_lifetime = 2d\n")
    before = keys(daemon)
    daemon.clock.set_forward(400 * DAY)
    rounds(daemon, 4)
    assert keys(daemon) == before, "set forward"
    daemon.clock.set_back(800 * DAY)
    rounds(daemon, 4)
    assert keys(daemon) == before, "set back"
    pass_time(daemon, 2 * DAY + 10)
    wait_active(daemon, before["next"])
    after = keys(daemon)
    daemon.clock.set_forward(400 * DAY)
    rounds(daemon, 4)
    assert keys(daemon) == after, "retiring, set forward"
    daemon.clock.set_back(10 * DAY)
    pass_time(daemon, TTL + SLACK + 5)
    wait_no_retiring(daemon)


def test_a_clock_that_was_set_back_before_a_restart_does_not_matter_in_the_same_boot():
    daemon = start("[token]\nkey_lifetime = 2d\n")
    before = keys(daemon)
    pass_time(daemon, DAY)
    daemon.clock.set_back(300 * DAY)
    daemon.restart()
    pass_time(daemon, DAY - 60)
    assert keys(daemon) == before
    pass_time(daemon, 120)
    wait_active(daemon, before["next"])


def test_time_that_the_machine_was_off_counts_if_the_clock_went_on():
    daemon = start("[token]\nkey_lifetime = 30d\n", boot_id="11111111-1111-4111-8111-111111111111")
    before = keys(daemon)
    daemon.stop()
    daemon.boot_id = "22222222-2222-4222-8222-222222222222"
    daemon.clock.set_forward(29 * DAY)
    daemon.start()
    assert keys(daemon) == before
    daemon.stop()
    daemon.boot_id = "33333333-3333-4333-8333-333333333333"
    daemon.clock.set_back(300 * DAY)
    daemon.start()
    assert keys(daemon) == before, "what had passed is not forgotten, nor taken back"
    pass_time(daemon, DAY + 60)
    wait_active(daemon, before["next"])


def test_the_order_of_keys_does_not_follow_the_clock():
    daemon = start()
    first = keys(daemon)
    daemon.clock.set_back(500 * DAY)
    rotate(daemon)
    daemon.restart()
    assert keys(daemon)["active"] == first["next"]
    assert [key["sequence"] for key in call(daemon, "ListKeys")["keys"]] == [1, 2, 3]


# ---- crashes -----------------------------------------------------------------------------------------------

def crash_in_rotation(point, **parameters):
    """A rotation during which the daemon dies at this point; returns it, restarted, and what was before."""
    daemon = start()
    login = PamLogin(host, "alice")
    before, token = keys(daemon), mint(daemon, login)
    daemon.stop()
    daemon.start(hooks=f"{point}=kill")
    Varlink(daemon).send_call("RotateKey", parameters)
    assert daemon.wait_ended() == -9, "the point was not reached"
    daemon.start()
    assert is_active(daemon, token) == ("compromised" not in parameters or point == "before-commit")
    assert kid_of(mint(daemon, login)) == keys(daemon)["active"][0]
    assert set(published(daemon)) == {kid for kids in keys(daemon).values() for kid in kids}
    login.log_out()
    return daemon, before


def test_a_rotation_that_was_not_committed_has_not_happened():
    daemon, before = crash_in_rotation("before-commit")
    assert keys(daemon) == before
    assert rotate(daemon)["kid"] == before["next"][0]


def test_a_rotation_that_was_committed_has_happened_whenever_the_daemon_dies():
    for point in ("after-commit", "before-reply", "after-reply"):
        daemon, before = crash_in_rotation(point)
        after = keys(daemon)
        assert after["active"] == before["next"] and after["retiring"] == before["active"], point
        daemon.stop()


def test_a_revocation_of_keys_holds_when_the_daemon_dies_behind_its_commit():
    for point in ("before-commit", "after-commit", "before-reply"):
        daemon, before = crash_in_rotation(point, compromised=True)
        assert (keys(daemon) == before) == (point == "before-commit"), point
        daemon.stop()


# ---- keys that are not to be trusted any more --------------------------------------------------------------

def test_revoked_keys_verify_nothing_from_the_reply_on_and_sessions_stay():
    daemon = start()
    login = PamLogin(host, "alice")
    oldest = mint(daemon, login)
    rotate(daemon)
    older, before = mint(daemon, login), keys(daemon)
    reply = rotate(daemon, compromised=True)
    assert reply["publishedAhead"] == 0
    for token in (oldest, older):
        assert call(daemon, "Introspect", token=token) == {"active": False, "reason": "unknown-key"}
    gone = {kid for kids in before.values() for kid in kids}
    assert not gone & set(published(daemon)) and set(published(daemon)) == {reply["kid"], reply["nextKid"]}
    assert min(key["sequence"] for key in call(daemon, "ListKeys")["keys"]) == 4
    token = mint(daemon, login)
    assert kid_of(token) == reply["kid"] and is_active(daemon, token)
    for kid in gone:
        assert f"signing key revoked, no token of it verifies: {kid} (admin)" in daemon.log()


# ---- bounds ------------------------------------------------------------------------------------------------

def test_so_many_rotations_that_the_keys_could_not_be_published_are_refused_and_nothing_breaks():
    daemon = start()
    login = PamLogin(host, "alice")
    token = mint(daemon, login)
    for _ in range(30):
        rotate(daemon)
    assert len(published(daemon)) == 32
    before = keys(daemon)
    error = refusal(rotate, daemon)
    assert (error.name, error.parameters) == ("org.sessjwt.TooManyKeys", {"limit": 32})
    assert keys(daemon) == before and is_active(daemon, token)
    pass_time(daemon, TTL + SLACK + 5)
    wait_no_retiring(daemon)
    rotate(daemon)
    for _ in range(29):
        rotate(daemon)
    rotate(daemon, compromised=True)
    assert len(published(daemon)) == 2


def test_a_rotation_that_cannot_be_published_says_so_and_the_former_key_signs_until_it_is():
    daemon = start()
    login = PamLogin(host, "alice")
    before, had = keys(daemon), published(daemon)
    path = daemon.runtime_dir / "public" / "jwks.json"
    blocker = daemon.runtime_dir / "public" / ".publish-jwks.json"
    blocker.mkdir()
    error = refusal(rotate, daemon)
    assert error.name == "org.sessjwt.NotPublished"
    assert [key["kid"] for key in json.loads(path.read_text("utf-8"))["keys"]] == had
    assert kid_of(mint(daemon, login)) == before["active"][0]
    blocker.rmdir()
    pass_time(daemon, 2)
    assert kid_of(mint(daemon, login)) == before["next"][0] in published(daemon)


def test_revoked_keys_that_cannot_be_replaced_in_public_are_taken_away():
    daemon = start()
    login = PamLogin(host, "alice")
    token = mint(daemon, login)
    path = daemon.runtime_dir / "public" / "jwks.json"
    blocker = daemon.runtime_dir / "public" / ".publish-jwks.json"
    blocker.mkdir()
    assert refusal(rotate, daemon, compromised=True).name == "org.sessjwt.NotPublished"
    assert not path.exists() and not is_active(daemon, token)
    blocker.rmdir()
    pass_time(daemon, 2)
    assert kid_of(mint(daemon, login)) in published(daemon)


# ---- the command -------------------------------------------------------------------------------------------

def sessjwt(daemon, user, *arguments):
    """The command, run by a user."""
    return host.run_as(user, "sessjwt", "--socket", str(daemon.varlink_socket), *arguments)


def test_the_command_shows_and_rotates_keys_for_root():
    daemon = start()
    before = keys(daemon)
    shown = sessjwt(daemon, "root", "keys")
    assert shown.returncode == 0, shown
    heading, *lines = shown.stdout.splitlines()
    assert heading.split() == ["KEY", "STATE", "CREATED", "SINCE", "UNTIL"]
    assert [line.split()[:2] for line in lines] == [[*before["active"], "active"], [*before["next"], "next"]]
    done = sessjwt(daemon, "root", "rotate-key")
    assert done.returncode == 0 and f"Tokens are signed by {before['next'][0]} now." in done.stdout, done
    assert keys(daemon)["active"] == before["next"]
    done = sessjwt(daemon, "root", "-j", "rotate-key", "--revoke")
    assert done.returncode == 0 and keys(daemon)["active"] == [json.loads(done.stdout)["kid"]], done
    for verb in ("keys", "rotate-key"):
        refused = sessjwt(daemon, "alice", verb)
        assert refused.returncode == 1 and "You may not do that" in refused.stderr, refused
