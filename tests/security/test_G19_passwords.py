"""G19: passwords are stored weakly, timed, or guessed without end.

Attack: weak hashes; the time of a login with a known and with an unknown name; 10,000 guesses.
Must: bcrypt or Argon2id; no difference above noise; a limit by user and address.
"""

from __future__ import annotations

import asyncio
import statistics
import time

import bcrypt
import pytest
from token_world import world

from baleen.errors import InvalidArgument
from baleen.registry.auth import passwords
from baleen.registry.auth.guesses import TooManyRequests
from baleen.registry.auth.htpasswd import HtpasswdAccounts, parse_htpasswd


@pytest.mark.parametrize(
    "stored",
    [
        "secret",
        "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=",
        "$apr1$abcdefgh$0123456789012345678901",
        "$1$abcdefgh$0123456789012345678901",
        "$5$salt$0123456789012345678901234567890123456789012",
        "rqXexS6ZhobKA",
    ],
)
def test_weak_hashes_are_refused_when_the_file_is_read(stored):
    with pytest.raises(InvalidArgument, match="bcrypt and argon2id"):
        parse_htpasswd(f"ann:{stored}\n")


class Unlimited:
    def begin(self, user, address):
        pass

    def was_right(self, user, address):
        pass


async def test_known_and_unknown_names_take_the_same_time(tmp_path):
    path = tmp_path / "people"
    path.write_text(f"ann:{bcrypt.hashpw(b'secret', bcrypt.gensalt(8)).decode()}\n")
    accounts = HtpasswdAccounts(path, guesses=Unlimited())
    times = {"ann": [], "nobody": []}
    for _ in range(15):
        for name, taken in times.items():
            began = time.perf_counter()
            assert await accounts.authenticate(name, "wrong", "") is None
            taken.append(time.perf_counter() - began)
    accounts.close()
    known, unknown = (statistics.median(taken) for taken in times.values())
    # A name that costs no hash takes a hundredth of one that does.
    assert 0.5 < unknown / known < 2


async def test_each_guess_computes_exactly_one_hash(tmp_path, monkeypatch):
    path = tmp_path / "people"
    path.write_text(
        f"ann:{bcrypt.hashpw(b'secret', bcrypt.gensalt(4)).decode()}\n"
        f"bob:{passwords.stored_form('geheim')}\n"
    )
    computed = []
    matches = passwords.matches
    monkeypatch.setattr(passwords, "matches", lambda *given: computed.append(1) or matches(*given))
    accounts = HtpasswdAccounts(path, guesses=Unlimited())
    for name in ("ann", "bob", "nobody", "", "nobody else"):
        await accounts.authenticate(name, "wrong", "")
    accounts.close()
    assert len(computed) == 5


async def test_ten_thousand_guesses_are_mostly_not_heard(tmp_path):
    path = tmp_path / "people"
    path.write_text(f"ann:{bcrypt.hashpw(b'secret', bcrypt.gensalt(4)).decode()}\n")
    accounts = HtpasswdAccounts(path, clock=lambda: 0)
    heard = 0

    async def guess(number):
        nonlocal heard
        try:
            assert await accounts.authenticate("ann", f"guess {number}", "192.0.2.1") is None
            heard += 1
        except TooManyRequests:
            pass

    # At the same time, too: what is under way counts.
    async with asyncio.TaskGroup() as tasks:
        for number in range(10_000):
            tasks.create_task(guess(number))
    assert heard == 10
    with pytest.raises(TooManyRequests):
        await accounts.authenticate("ann", "secret", "192.0.2.1")
    assert await accounts.authenticate("ann", "secret", "192.0.2.2")
    accounts.close()


async def test_over_http_a_guesser_is_told_to_wait(tmp_path):
    async with world(tmp_path) as registry:
        answers = [await registry.ask("", f"ann:guess{number}") for number in range(12)]
        assert [answer.status for answer in answers] == [401] * 10 + [429] * 2
        assert int(answers[-1].headers["retry-after"]) > 0
        answers = [
            await registry.post(grant_type="password", username="ann", password="x")
            for _ in range(2)
        ]
        assert [answer.status for answer in answers] == [429, 429]
