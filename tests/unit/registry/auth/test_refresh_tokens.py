from __future__ import annotations

import stat

import pytest

from baleen.errors import Unavailable
from baleen.registry.auth.accounts import Account
from baleen.registry.auth.refresh_tokens import RefreshTokens

ANN = Account("ann", "g1")


@pytest.fixture
def now():
    return [1_000_000.0]


@pytest.fixture
def tokens(tmp_path, now):
    tokens = RefreshTokens(tmp_path / "tokens", life_s=1000, clock=lambda: now[0])
    yield tokens
    tokens.close()


def test_a_token_is_its_accounts_at_its_service(tokens):
    token = tokens.issue(ANN, "registry", "docker")
    assert tokens.holder(token, "registry") == ("ann", "g1")
    assert tokens.holder(token, "other") is None
    assert tokens.holder(token + "x", "registry") is None
    assert tokens.holder("", "registry") is None


def test_revoked_it_is_void(tokens):
    token, another = (tokens.issue(ANN, "registry", "docker") for _ in range(2))
    tokens.revoke(token)
    tokens.revoke(token)
    assert tokens.holder(token, "registry") is None
    assert tokens.holder(another, "registry")
    tokens.revoke_all("ann")
    assert tokens.holder(another, "registry") is None


def test_a_database_that_fails_is_unavailable():
    tokens = RefreshTokens(":memory:")
    tokens.close()
    with pytest.raises(Unavailable):
        tokens.issue(ANN, "registry", "docker")
    with pytest.raises(Unavailable):
        tokens.holder("x", "registry")


def test_unused_it_expires(tokens, now):
    token = tokens.issue(ANN, "registry", "docker")
    now[0] += 1001
    assert tokens.holder(token, "registry") is None


def test_use_keeps_it(tmp_path):
    now = [0.0]
    tokens = RefreshTokens(":memory:", life_s=100_000, clock=lambda: now[0])
    token = tokens.issue(ANN, "registry", "docker")
    for _ in range(5):
        now[0] += 90_000
        assert tokens.holder(token, "registry")
    tokens.close()


def test_it_outlives_the_process_and_the_file_does_not_hold_it(tmp_path):
    first = RefreshTokens(tmp_path / "tokens")
    token = first.issue(ANN, "registry", "docker")
    first.close()
    second = RefreshTokens(tmp_path / "tokens")
    assert second.holder(token, "registry")
    second.close()
    for file in tmp_path.iterdir():
        assert token.encode() not in file.read_bytes()


def test_an_account_has_at_most_a_hundred(tokens, now):
    issued = []
    for _ in range(105):
        now[0] += 1
        issued.append(tokens.issue(ANN, "registry", "docker"))
    held = [token for token in issued if tokens.holder(token, "registry")]
    assert held == issued[5:]


def test_its_file_is_its_owners_and_one_that_is_none_is_an_error(tmp_path):
    path = tmp_path / "new" / "tokens"
    RefreshTokens(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.write_bytes(b"no database" * 1000)
    with pytest.raises(Unavailable, match="refresh tokens"):
        RefreshTokens(path)
