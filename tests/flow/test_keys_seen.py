"""Keys that change faster than verifiers would look again by themselves."""
from harness import Daemon, Host, PamLogin, PamStack, jose
from harness.signing_keys import kid_of, mint, rotate
from soak.looking import Checker

host = Host()
PamStack(host, "sshd", like="bare")


def test_a_checker_knows_the_newest_key_however_often_they_rotate():
    daemon = Daemon(host).start()
    login = PamLogin(host, "alice")
    tokens = [mint(daemon, login)]
    checker = Checker(daemon, jose.split(tokens[0])[1]["iss"])
    assert checker.answers(tokens) == [0]
    for _ in range(5):
        rotate(daemon)
        tokens.append(mint(daemon, login))
        assert checker.answers(tokens[-1:]) == [0], f"the key of token {len(tokens)}"
    assert len({kid_of(token) for token in tokens}) == 6
    assert checker.answers(tokens) == [0] * 6
