"""Trying again: how often, and how long to wait between."""

from __future__ import annotations

from typing import TYPE_CHECKING

from baleen.distribution.answers import retry_after_s, transient

if TYPE_CHECKING:
    from collections.abc import Callable

    from baleen.distribution.cancellation import Cancellation
    from baleen.distribution.settings import RegistrySettings
    from baleen.errors import BaleenError

__all__ = ["Backoff"]

_LONGEST_S = 15.0
# A rate limit that lasts for hours is an answer, not a reason to wait.
_PATIENCE_S = 60.0


class Backoff:
    """The tries of one thing: each wait twice the one before, or what Retry-After says."""

    def __init__(self, settings: RegistrySettings) -> None:
        self._attempts = settings.max_download_attempts
        self._delay_s = settings.retry_delay_s
        self._failures = 0

    def gained(self) -> None:
        """Begin anew: the last try brought us on."""
        self._failures = 0

    def failed(
        self,
        err: BaleenError,
        cancel: Cancellation,
        on_wait: Callable[[float], None] = lambda _: None,
    ) -> None:
        """Wait before the next try, after telling `on_wait` the seconds.

        Raises:
            BaleenError: `err` itself, when it is final or was the last try.
            Cancelled: the caller gave up.
        """
        self._failures += 1
        asked = retry_after_s(err)
        if not transient(err) or self._failures >= self._attempts:
            raise err
        if asked is not None and asked > _PATIENCE_S:
            raise err
        backoff = min(self._delay_s * 2 ** (self._failures - 1), _LONGEST_S)
        wait = asked if asked is not None else backoff
        on_wait(wait)
        cancel.wait(wait)
