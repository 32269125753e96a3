"""Signals as events of a poll loop.

While a watch is on, the watched signals do nothing but make its descriptor readable. A third
unhandled SIGINT or SIGTERM in a row breaks off whatever blocks (KeyboardInterrupt), so a dead
engine cannot hold the user.
"""

from __future__ import annotations

import contextlib
import os
import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import FrameType
    from typing import Self

__all__ = ["FORWARDED", "SignalWatch", "signal_name"]

# What `--sig-proxy` passes on: everything but what concerns this process's own children, pipes,
# sockets and job control by the kernel.
FORWARDED = (
    signal.SIGHUP,
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGALRM,
    signal.SIGTERM,
    signal.SIGTSTP,
    signal.SIGCONT,
)


def signal_name(number: int) -> str:
    """`INT` for 2: as the API takes it."""
    return signal.Signals(number).name.removeprefix("SIG")


class SignalWatch:
    """Watches signals between `with` and its end, then restores what was before."""

    def __init__(self, signals: Iterable[int]) -> None:
        self._signals = list(signals)
        self._before: dict[int, object] = {}
        self._read = self._write = -1
        self._wakeup_before = -1
        self._unhandled = 0

    def __enter__(self) -> Self:
        self._read, self._write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._wakeup_before = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        for number in self._signals:
            before = signal.getsignal(number)
            # nohup is to be respected; an ignored SIGINT only says that a shell put us in the
            # background, and Docker forwards it all the same.
            if before is signal.SIG_IGN and number == signal.SIGHUP:
                continue
            self._before[number] = before
            signal.signal(number, self._handle)
        return self

    def __exit__(self, *exc: object) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)  # type: ignore[arg-type]  # what getsignal gave
        self._before.clear()
        signal.set_wakeup_fd(self._wakeup_before)
        os.close(self._read)
        os.close(self._write)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if number in {signal.SIGINT, signal.SIGTERM}:
            self._unhandled += 1
            if self._unhandled >= 3:
                raise KeyboardInterrupt

    def fileno(self) -> int:
        """Readable when signals arrived."""
        return self._read

    def take(self) -> list[int]:
        """The signals since the last call, in order."""
        self._unhandled = 0
        with contextlib.suppress(BlockingIOError):
            return list(os.read(self._read, 256))
        return []
