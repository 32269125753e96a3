"""A limit on guessed passwords, by user and by address.

Three buckets are asked before any hash is computed: of the pair, of the address alone (one guesser,
many names) and of the user alone (many guessers, one name). The last is wide, so that a stranger
needs many addresses to keep a user out. A password that was right gives its tokens back. IPv6
addresses count by their /64, which is what one customer has.
"""

from __future__ import annotations

import ipaddress
import time
from typing import TYPE_CHECKING

from baleen.errors import ResourceExhausted
from baleen.registry.auth.buckets import Buckets

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

__all__ = ["GuessLimit", "TooManyRequests", "address_key"]


class TooManyRequests(ResourceExhausted):
    """The caller has to wait.

    Attributes:
        retry_after_s: seconds after which the next try has a chance, for `Retry-After`.
    """

    def __init__(self, message: str, *, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class GuessLimit:
    """How many wrong passwords are heard: 10 at once for a user from one address, then 2 a minute.

    An address has 60 at once and 12 a minute, a user 200 at once and 20 a minute.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._buckets = (
            Buckets(2 / 60, 10, clock=clock),
            Buckets(12 / 60, 60, clock=clock),
            Buckets(20 / 60, 200, clock=clock),
        )

    def begin(self, user: str, address: str) -> None:
        """Count a guess that is about to be checked, so that guesses at the same time count too.

        Raises:
            TooManyRequests: it must not be checked.
        """
        taken: list[tuple[Buckets, Hashable]] = []
        for bucket, key in self._keys(user, address):
            wait = bucket.take(key)
            if wait:
                for other, other_key in taken:
                    other.give_back(other_key)
                raise TooManyRequests("too many failed logins; wait and retry", retry_after_s=wait)
            taken.append((bucket, key))

    def was_right(self, user: str, address: str) -> None:
        """Say that the guess was the password."""
        for bucket, key in self._keys(user, address):
            bucket.give_back(key)

    def _keys(self, user: str, address: str) -> list[tuple[Buckets, Hashable]]:
        place = address_key(address)
        keys: tuple[Hashable, ...] = ((user, place), place, user)
        return list(zip(self._buckets, keys, strict=True))


def address_key(address: str) -> str:
    """Return what an address counts as: itself, or its network for IPv6."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if parsed.version == 4:
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False))
