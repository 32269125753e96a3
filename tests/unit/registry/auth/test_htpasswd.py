from __future__ import annotations

import bcrypt
import pytest

from baleen.errors import InvalidArgument
from baleen.registry.auth import passwords
from baleen.registry.auth.guesses import TooManyRequests
from baleen.registry.auth.htpasswd import HtpasswdAccounts, parse_htpasswd


def line(name, password):
    return f"{name}:{bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()}\n"


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "htpasswd"
    path.write_text("# people\n\n" + line("ann", "secret") + line("böb", "geheim"))
    return path


@pytest.fixture
def accounts(path):
    accounts = HtpasswdAccounts(path, complain=pytest.fail)
    yield accounts
    accounts.close()


async def test_the_right_password_gives_the_account(accounts):
    account = await accounts.authenticate("ann", "secret", "192.0.2.1")
    assert account is not None
    assert account.name == "ann"
    assert await accounts.find("ann") == account
    assert (await accounts.authenticate("böb", "geheim", "192.0.2.1")).name == "böb"


@pytest.mark.parametrize(
    ("user", "password"),
    [
        ("ann", "geheim"),
        ("ann", ""),
        ("carl", "secret"),
        ("", ""),
        ("ann\0", "secret"),
        ("ANN", "secret"),
    ],
)
async def test_anything_else_gives_none(accounts, user, password):
    assert await accounts.authenticate(user, password, "192.0.2.1") is None


async def test_a_changed_password_is_another_generation_and_the_old_one_is_void(accounts, path):
    before = await accounts.authenticate("ann", "secret", "192.0.2.1")
    path.write_text(line("ann", "another"))
    assert await accounts.authenticate("ann", "secret", "192.0.2.1") is None
    after = await accounts.authenticate("ann", "another", "192.0.2.1")
    assert after.generation != before.generation
    assert await accounts.find("böb") is None


async def test_a_right_password_is_hashed_once_a_minute(path, monkeypatch):
    now = [0.0]
    computed = []
    matches = passwords.matches
    monkeypatch.setattr(passwords, "matches", lambda *given: computed.append(1) or matches(*given))
    accounts = HtpasswdAccounts(path, clock=lambda: now[0])
    for _ in range(5):
        assert await accounts.authenticate("ann", "secret", "192.0.2.1")
    assert len(computed) == 1
    now[0] = 61
    assert await accounts.authenticate("ann", "secret", "192.0.2.1")
    assert len(computed) == 2
    accounts.close()


async def test_guesses_are_limited_and_who_is_logged_in_is_not_kept_out(accounts):
    assert await accounts.authenticate("ann", "secret", "192.0.2.1")
    for _ in range(10):
        assert await accounts.authenticate("ann", "wrong", "192.0.2.1") is None
    with pytest.raises(TooManyRequests):
        await accounts.authenticate("ann", "wrong", "192.0.2.1")
    assert await accounts.authenticate("ann", "secret", "192.0.2.1")
    assert await accounts.authenticate("ann", "wrong", "192.0.2.2") is None


async def test_an_empty_file_has_nobody(tmp_path):
    path = tmp_path / "htpasswd"
    path.touch()
    accounts = HtpasswdAccounts(path)
    assert await accounts.authenticate("ann", "secret", "") is None
    accounts.close()


@pytest.mark.parametrize(
    "text", ["ann", ":hash", "ann:", "ann:secret", "ann:{SHA}5en6G6MezRroT3X="]
)
def test_a_malformed_line_is_named_by_its_number(text):
    with pytest.raises(InvalidArgument, match="line 2") as caught:
        parse_htpasswd("# first\n" + text)
    assert "secret" not in str(caught.value)


def test_the_first_line_of_a_name_counts():
    first = line("ann", "a")
    assert parse_htpasswd(first + line("ann", "b")) == parse_htpasswd(first)
