"""The user's terminal: raw mode that is always taken back, its size."""

from __future__ import annotations

import contextlib
import os
import signal
import termios

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

__all__ = ["raw_terminal", "terminal_size"]

_ENDING = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


class _Terminated(BaseException):
    """A signal that ends the process; carries its number."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def _terminate(number: int, _frame: FrameType | None) -> None:
    raise _Terminated(number)


@contextlib.contextmanager
def raw_terminal(descriptor: int) -> Iterator[None]:
    """Bytes go through untouched, Ctrl-C included; the old mode comes back on every way out.

    Signals that end the process are turned into exceptions meanwhile, so that the mode is restored
    before they do. See: cfmakeraw in termios(3).
    """
    before = termios.tcgetattr(descriptor)
    handlers = {
        number: signal.signal(number, _terminate)
        for number in _ENDING
        if signal.getsignal(number) is signal.SIG_DFL
    }
    try:
        termios.tcsetattr(descriptor, termios.TCSANOW, _raw(before))
        yield
    except _Terminated as err:
        termios.tcsetattr(descriptor, termios.TCSANOW, before)
        signal.signal(err.number, signal.SIG_DFL)
        os.kill(os.getpid(), err.number)
        raise
    finally:
        with contextlib.suppress(termios.error):
            termios.tcsetattr(descriptor, termios.TCSANOW, before)
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _raw(mode: list[int | list[bytes | int]]) -> list[int | list[bytes | int]]:
    input_flags, output_flags, control_flags, local_flags, in_speed, out_speed, characters = mode
    assert isinstance(input_flags, int)
    assert isinstance(output_flags, int)
    assert isinstance(control_flags, int)
    assert isinstance(local_flags, int)
    assert isinstance(characters, list)
    translation = termios.INLCR | termios.IGNCR | termios.ICRNL | termios.IXON
    marks = termios.IGNBRK | termios.BRKINT | termios.PARMRK | termios.ISTRIP
    editing = termios.ECHO | termios.ECHONL | termios.ICANON | termios.ISIG | termios.IEXTEN
    characters = [*characters]
    characters[termios.VMIN], characters[termios.VTIME] = 1, 0
    return [
        input_flags & ~(translation | marks),
        output_flags & ~termios.OPOST,
        control_flags & ~(termios.CSIZE | termios.PARENB) | termios.CS8,
        local_flags & ~editing,
        in_speed,
        out_speed,
        characters,
    ]


def terminal_size(descriptor: int) -> tuple[int, int] | None:
    """Rows and columns, or None where there is no terminal or it has no size."""
    try:
        size = os.get_terminal_size(descriptor)
    except OSError:
        return None
    return (size.lines, size.columns) if size.lines or size.columns else None
