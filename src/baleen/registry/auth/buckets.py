"""Token buckets: how often something may happen for each of many keys.

A bucket holds up to `burst` tokens and gets `per_second` new ones. Memory is bounded: above
`most_keys` the key that was used longest ago is forgotten, which gives it a full bucket again.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

__all__ = ["Buckets"]


class Buckets:
    """One bucket for each key; not thread-safe, as everything on the loop.

    Args:
        per_second: tokens that come back each second, above 0.
        burst: tokens of a full bucket, at least 1.
        most_keys: how many keys are remembered.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        per_second: float,
        burst: float,
        *,
        most_keys: int = 65_536,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        assert per_second > 0
        assert burst >= 1
        self._per_second = per_second
        self._burst = burst
        self._most_keys = most_keys
        self._clock = clock
        self._levels: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def take(self, key: Hashable) -> int:
        """Take one token of `key`; return 0, or the seconds until there is one, rounded up."""
        now = self._clock()
        level = self._level(key, now)
        if level < 1:
            self._keep(key, level, now)
            return max(1, math.ceil((1 - level) / self._per_second))
        self._keep(key, level - 1, now)
        return 0

    def give_back(self, key: Hashable) -> None:
        """Undo one `take` of `key`."""
        now = self._clock()
        self._keep(key, min(self._burst, self._level(key, now) + 1), now)

    def __len__(self) -> int:
        return len(self._levels)

    def _level(self, key: Hashable, now: float) -> float:
        level, then = self._levels.get(key, (self._burst, now))
        return min(self._burst, level + (now - then) * self._per_second)

    def _keep(self, key: Hashable, level: float, now: float) -> None:
        self._levels[key] = (level, now)
        self._levels.move_to_end(key)
        if len(self._levels) > self._most_keys:
            self._levels.popitem(last=False)
