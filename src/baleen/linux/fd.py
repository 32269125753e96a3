"""One file descriptor with one owner."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

__all__ = ["Fd"]


class Fd:
    """Owns one descriptor and closes it once.

    It can be given wherever an integer descriptor is expected (`__index__`) and to `select.poll`
    (`fileno`). There is no finaliser on purpose: a forked child shares the numbers but not the
    ownership, and must not close by accident what it has already re-used.
    """

    __slots__ = ("_fd",)

    def __init__(self, fd: int) -> None:
        if fd < 0:
            raise ValueError(f"not a descriptor: {fd}")
        self._fd = fd

    def fileno(self) -> int:
        """The number; raises ValueError after `close` or `steal`."""
        if self._fd < 0:
            raise ValueError("descriptor is closed")
        return self._fd

    __index__ = fileno

    @property
    def closed(self) -> bool:
        """Whether `close` or `steal` was called."""
        return self._fd < 0

    def close(self) -> None:
        """Close the descriptor; a second call does nothing. Errors are not reported."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            try:
                os.close(fd)
            except OSError:
                # The number is gone in any case (close(2)); there is nobody to tell.
                return

    def steal(self) -> int:
        """Give the number away: the caller owns and closes it from now on."""
        fd = self.fileno()
        self._fd = -1
        return fd

    def dup(self) -> Fd:
        """A second, close-on-exec descriptor of the same open file."""
        return Fd(os.dup(self.fileno()))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Fd({self._fd})"
