"""Accounts of an htpasswd file, read again when it changes.

A name that is not in the file is checked against somebody else's hash and fails, so it takes as
long as one that is. Which one is chosen by a secret of this process, the same for the same name.

A right password is remembered for a minute as a keyed hash together with the stored one, because
clients send it with every request; a changed line of the file makes that useless at once.

See: htpasswd(1); Docker's registry configuration, "htpasswd".
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import time
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from baleen.errors import InvalidArgument
from baleen.registry.auth import passwords
from baleen.registry.auth.accounts import Account
from baleen.registry.auth.guesses import GuessLimit
from baleen.registry.auth.watched_file import WatchedFile

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["HtpasswdAccounts", "parse_htpasswd"]

_FILE_LIMIT = 16 * 1024 * 1024
_REMEMBERED_FOR_S = 60.0
_MOST_REMEMBERED = 4096
# Stands for everybody in an empty file: bcrypt, cost 10, of random bytes nobody has kept.
_NOBODY = "$2b$10$DJI1PNlcavnBVxp.143bZuATzvKxZn3sea7T0J9bmaAPDz2vtPy1S"


def parse_htpasswd(text: str) -> dict[str, str]:
    """Parse a file into stored hashes by name.

    Empty lines and lines that begin with `#` mean nothing. The first line of a name counts.

    Raises:
        InvalidArgument: with the line's number, never its content.
    """
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        name, colon, stored = stripped.partition(":")
        if not colon or not name:
            raise InvalidArgument(f"htpasswd: line {number} is not name:hash")
        try:
            passwords.check_form(stored)
        except InvalidArgument as err:
            raise InvalidArgument(f"htpasswd: line {number}: {err.message}", hint=err.hint) from err
        found.setdefault(name, stored)
    return found


class HtpasswdAccounts:
    """Accounts from a file; two threads hash, so a flood of logins does not take the machine.

    A file that became unreadable or malformed leaves the accounts as they were and calls
    `complain` once for each change.

    Raises:
        InvalidArgument: the file is malformed when this is made.
        OSError: it cannot be read then.
    """

    def __init__(
        self,
        path: Path,
        *,
        complain: Callable[[str], None] = lambda _: None,
        guesses: GuessLimit | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._file = WatchedFile(
            path,
            lambda content: parse_htpasswd(content.decode(errors="surrogateescape")),
            limit_bytes=_FILE_LIMIT,
            complain=complain,
        )
        self._clock = clock
        self._guesses = guesses if guesses is not None else GuessLimit(clock=clock)
        self._secret = os.urandom(32)
        self._right: OrderedDict[bytes, float] = OrderedDict()
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="htpasswd")

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def authenticate(self, user: str, password: str, address: str) -> Account | None:
        """See `Accounts.authenticate`."""
        everybody = self._file.current()
        stored = everybody.get(user)
        if stored is not None and self._is_remembered(self._seal(user, stored, password)):
            return Account(user, _generation(stored))
        self._guesses.begin(user, address)
        compared = stored if stored is not None else self._somebody(everybody, user)
        is_right = await asyncio.get_running_loop().run_in_executor(
            self._threads, passwords.matches, compared, password
        )
        if not is_right or stored is None:
            return None
        self._guesses.was_right(user, address)
        self._remember(self._seal(user, stored, password))
        return Account(user, _generation(stored))

    async def find(self, user: str) -> Account | None:
        """See `Accounts.find`."""
        stored = self._file.current().get(user)
        return Account(user, _generation(stored)) if stored is not None else None

    def _somebody(self, everybody: dict[str, str], user: str) -> str:
        others = list(everybody.values())
        if not others:
            return _NOBODY
        number = hmac.digest(self._secret, user.encode(errors="surrogateescape"), "sha256")
        return others[int.from_bytes(number[:8], "big") % len(others)]

    def _seal(self, user: str, stored: str, password: str) -> bytes:
        text = "\0".join((user, stored, password)).encode(errors="surrogateescape")
        return hmac.digest(self._secret, text, "sha256")

    def _is_remembered(self, seal: bytes) -> bool:
        until = self._right.get(seal)
        return until is not None and self._clock() < until

    def _remember(self, seal: bytes) -> None:
        self._right[seal] = self._clock() + _REMEMBERED_FOR_S
        self._right.move_to_end(seal)
        if len(self._right) > _MOST_REMEMBERED:
            self._right.popitem(last=False)


def _generation(stored: str) -> str:
    """Another text for another password; says nothing about the hash."""
    return hashlib.sha256(b"generation\0" + stored.encode()).hexdigest()[:32]
