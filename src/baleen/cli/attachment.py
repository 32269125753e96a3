"""An attached container or exec: terminal set-up, signals, resizing, the pump, the exit code."""

from __future__ import annotations

import contextlib
import signal

from baleen.cli.escape import DEFAULT_KEYS
from baleen.cli.parsing.resources import parse_detach_keys
from baleen.cli.signals import FORWARDED, SignalWatch, signal_name
from baleen.cli.streaming import Pump, wait_readable
from baleen.cli.terminal import is_terminal
from baleen.client.client import segment
from baleen.errors import BaleenError, FailedPrecondition, Internal, InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from baleen.cli.session import Session
    from baleen.client.client import EngineClient, HijackedStream, Response

__all__ = [
    "Attachment",
    "check_terminal",
    "container_path",
    "detach_keys",
    "exit_code",
    "read_wait",
]


def check_terminal(*, tty: bool, stdin: bool) -> None:
    """Refuse a terminal for a container whose input is not one.

    Raises:
        FailedPrecondition: with Docker's words.
    """
    if tty and stdin and not is_terminal(0):
        raise FailedPrecondition("the input device is not a TTY")


def detach_keys(session: Session, given: str) -> tuple[str, bytes]:
    """The detach keys as text for the engine (empty: its default) and as bytes for us.

    Raises:
        InvalidArgument: not a key sequence.
    """
    text = given or session.setting("detachKeys")
    try:
        return text, parse_detach_keys(text or DEFAULT_KEYS)
    except InvalidArgument as err:
        raise InvalidArgument(f"invalid detach keys ({text}): {err.message}") from err


def read_wait(response: Response) -> int:
    """The exit code that a `/wait` answer carries.

    Raises:
        Internal: the engine could not wait.
    """
    answer = response.json()
    if not isinstance(answer, dict) or not isinstance(answer.get("StatusCode"), int):
        raise Internal("the engine's answer to wait has no status code")
    error = answer.get("Error")
    if isinstance(error, dict) and error.get("Message"):
        raise Internal(str(error["Message"]))
    return int(answer["StatusCode"])


def exit_code(response: Response, attachment: Attachment | None = None) -> int:
    """Wait for the container's end, forwarding signals meanwhile; its exit code."""
    if attachment is not None:
        wait_readable(response, attachment.watch, attachment.on_signal)
    return read_wait(response)


class Attachment:
    """Signals and terminal of one attached session; use it in a `with`.

    Args:
        client: used for forwarded signals and resizing while the stream is busy.
        resize_path: API path that takes the terminal's size.
        kill_path: API path that takes forwarded signals, or None.
        tty: whether the session is a terminal.
        stdin: whether our input is attached.
        sig_proxy: whether signals go to the container (never with a terminal).
    """

    def __init__(
        self,
        client: EngineClient,
        *,
        resize_path: str,
        kill_path: str | None,
        tty: bool,
        stdin: bool,
        sig_proxy: bool,
    ) -> None:
        self._client = client
        self._resize_path = resize_path
        self._kill_path = kill_path if sig_proxy and not tty else None
        self._tty = tty
        self._stdin = stdin
        signals: list[int] = []
        if self._kill_path is not None:
            signals += FORWARDED
        if tty and is_terminal(1):
            signals.append(signal.SIGWINCH)
        self.watch = SignalWatch(signals)
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Attachment:  # noqa: PYI034  # never subclassed
        self._stack.enter_context(self.watch)
        return self

    def __exit__(self, *exc: object) -> None:
        self._stack.close()

    def on_signal(self, number: int) -> None:
        """Resize the container's terminal, or pass the signal on; failures are not fatal."""
        if number == signal.SIGWINCH:
            self.resize()
        elif self._kill_path is not None:
            with contextlib.suppress(BaleenError, OSError):
                self._client.post(self._kill_path, signal=signal_name(number))

    def resize(self) -> bool:
        """Give the container the size of our terminal; whether the engine took it."""
        from baleen.cli.tty import terminal_size

        size = terminal_size(1)
        if size is None:
            return True
        try:
            self._client.post(self._resize_path, h=size[0], w=size[1])
        except (BaleenError, OSError):
            return False
        return True

    def pump(self, stream: HijackedStream, *, keys: bytes, output_ends: bool = True) -> bool:
        """Carry the streams to their end; True when the user detached."""
        raw = self._tty if stream.multiplexed is None else not stream.multiplexed
        pump = Pump(
            stream,
            raw=raw,
            stdin=0 if self._stdin else None,
            keys=keys if self._tty else b"",
            watch=self.watch,
            on_signal=self.on_signal,
            output_ends=output_ends,
        )
        return self._in_terminal(pump.run)

    def _in_terminal(self, run: Callable[[], bool]) -> bool:
        if not (self._tty and self._stdin and is_terminal(0)):
            return run()
        from baleen.cli.tty import raw_terminal

        with raw_terminal(0):
            return run()


def container_path(reference: str, action: str = "") -> str:
    """The API path of a container, or of one of its actions."""
    return f"/containers/{segment(reference)}" + (f"/{action}" if action else "")
