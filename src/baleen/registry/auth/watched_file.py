"""A configuration file that is read again when it changes, and stays as it was if it became wrong.

Changes are noticed when the value is asked for, by one stat: no thread, no descriptor, and a file
that an editor or a Kubernetes secret replaces by renaming is seen too. Files are small; reading
blocks for well under a millisecond.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from baleen.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["WatchedFile"]

T = TypeVar("T")


class WatchedFile(Generic[T]):
    """The parsed content of a file.

    Args:
        path: of the file.
        parse: makes the value; raises InvalidArgument.
        limit_bytes: above which a file is refused.
        complain: is told, once for each change, why a changed file is not taken.

    Raises:
        InvalidArgument: the file is malformed or too large when this is made.
        OSError: it cannot be read then.
    """

    def __init__(
        self,
        path: Path,
        parse: Callable[[bytes], T],
        *,
        limit_bytes: int,
        complain: Callable[[str], None],
    ) -> None:
        self._path = path
        self._parse = parse
        self._limit_bytes = limit_bytes
        self._complain = complain
        self._stamp = self._stat()
        self._value = self._read()

    def current(self) -> T:
        """Return the value of the file as it is now, or the last good one."""
        stamp = self._stat()
        if stamp != self._stamp:
            self._stamp = stamp
            try:
                self._value = self._read()
            except (OSError, InvalidArgument) as err:
                self._complain(f"{self._path} has changed but what was read before stays: {err}")
        return self._value

    def _stat(self) -> tuple[int, int, int] | None:
        try:
            status = self._path.stat()
        except OSError:
            return None
        return (status.st_ino, status.st_mtime_ns, status.st_size)

    def _read(self) -> T:
        with self._path.open("rb") as file:
            content = file.read(self._limit_bytes + 1)
        if len(content) > self._limit_bytes:
            raise InvalidArgument(f"{self._path} is above {self._limit_bytes} bytes")
        return self._parse(content)
