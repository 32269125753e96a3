"""The shim's side of a keeper: one container of a foreign runtime. See `keeper` for the messages.

Nothing here blocks but for the moment in which a keeper that ends is reaped.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
from select import EPOLLIN

from baleen.errors import InvalidArgument
from baleen.linux.fd import Fd
from baleen.runtime.failure import LaunchError
from baleen.runtime.protocol import decode, encode, receive
from baleen.runtime.worker import GO, START

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    from baleen.runtime.nursery import Hired, Nursery
    from baleen.runtime.poller import Deadline, Poller
    from baleen.runtime.prepare import Stdio
    from baleen.runtime.protocol import Message

__all__ = ["KeeperLink", "Made", "wait_exit"]

# How long a keeper may take to have its container deleted: two of its calls.
_DELETE_S: Final = 60.0
_KILLED: Final = 128 + signal.SIGKILL


class Made:
    """A process that the runtime has made: of the container, or an exec. The caller's."""

    __slots__ = ("console", "exit", "pid", "started_at")

    def __init__(self, message: Message, fds: list[int]) -> None:
        """Take over `fds`: the pipe of its exit code, and the terminal's master if it has one."""
        self.pid = int(str(message["pid"]))
        self.started_at = str(message.get("started_at", ""))
        os.set_blocking(fds[0], False)
        self.exit = Fd(fds[0])
        self.console = Fd(fds[1]) if len(fds) > 1 else None


def wait_exit(pipe: int, *, block: bool = True) -> int | None:
    """As `wait_pidfd`, by the pipe of `Made.exit`. Without a keeper the process was killed too."""
    if block:
        select.select([pipe], [], [])
    try:
        text = os.read(pipe, 16)
    except BlockingIOError:
        return None
    return int(text) if text else _KILLED


class KeeperLink:
    """One keeper. Owns its socket, and reaps it; to be given up by `close`, whatever happened."""

    def __init__(self, poller: Poller, hired: Hired, nursery: Nursery) -> None:
        """Take over a worker that has told its facts."""
        self._poller = poller
        self._hired: Hired | None = hired
        self._nursery: Nursery | None = nursery
        self._sequence = 0
        self._waiting: dict[int, Callable[[Made | LaunchError | None], None]] = {}
        self._on_netns: Callable[[Fd], bool] | None = None
        self._on_start: Callable[[Made | LaunchError], None] | None = None
        self._on_gone: Callable[[], None] | None = None
        self._patience: Deadline | None = None
        self._status = 0
        poller.add(hired.sock.fileno(), EPOLLIN, lambda _events: self._arrived())

    def start(
        self,
        stdio: Stdio | None,
        on_netns: Callable[[Fd], bool],
        on_end: Callable[[Made | LaunchError], None],
    ) -> None:
        """Have the container made, with these descriptors, which stay the caller's.

        `on_netns` is given a new network namespace, to keep; true: the keeper has waited until that
        returns. `on_end` gets the container's process when it runs, or why it does not.
        """
        self._on_netns, self._on_start = on_netns, on_end
        self._send(START, [] if stdio is None else [stdio.stdin, stdio.stdout, stdio.stderr])

    def exec(
        self, process: object, stdio: Stdio | None, on_end: Callable[[Made | LaunchError], None]
    ) -> None:
        """Have one more process made; as `start`."""

        def ended(result: Made | LaunchError | None) -> None:
            assert result is not None
            on_end(result)

        fds = [] if stdio is None else [stdio.stdin, stdio.stdout, stdio.stderr]
        self._request({"op": "exec", "process": process}, fds, ended)

    def signal(self, number: int, on_end: Callable[[LaunchError | None], None]) -> None:
        """Have a signal sent to the container; `on_end` is told why it was not."""

        def ended(result: Made | LaunchError | None) -> None:
            on_end(result if isinstance(result, LaunchError) else None)

        self._request({"op": "signal", "signal": number}, [], ended)

    def delete(self, on_gone: Callable[[], None]) -> None:
        """Have the container deleted; `on_gone` is called when its keeper has ended."""
        hired = self._hired
        if hired is None:
            on_gone()
            return
        self._on_gone = on_gone
        self._send(encode({"op": "delete"}), [])
        self._patience = self._poller.call_later(_DELETE_S, self._kill)

    def _request(
        self,
        message: Message,
        fds: list[int],
        on_end: Callable[[Made | LaunchError | None], None],
    ) -> None:
        if self._hired is None:
            on_end(self._gone())
            return
        self._sequence += 1
        self._waiting[self._sequence] = on_end
        self._send(encode({"seq": self._sequence, **message}), fds)

    def _send(self, data: bytes, fds: list[int]) -> None:
        assert self._hired is not None
        # That nobody is there shows in the next message.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            socket.send_fds(self._hired.sock, [data], fds, socket.MSG_NOSIGNAL)

    # -- what it says -----------------------------------------------------------------------------

    def _arrived(self) -> None:
        assert self._hired is not None
        try:
            data, fds = receive(self._hired.sock)
        except (ConnectionResetError, InvalidArgument):
            data, fds = b"", []
        if not data:
            self._ended()
            return
        message = decode(data)
        if "reply" in message:
            self._waiting.pop(int(str(message["reply"])))(_result(message, fds))
        elif message["event"] == "netns":
            assert self._on_netns is not None
            if self._on_netns(Fd(fds[0])):
                self._send(GO, [])
        else:
            self._start_ended(_result({"ok": message["event"] == "started", **message}, fds))

    def _start_ended(self, result: Made | LaunchError | None) -> None:
        on_end, self._on_start = self._on_start, None
        nursery, self._nursery = self._nursery, None
        if nursery is not None:
            # It is no worker any more, and others are not to wait for it.
            nursery.left()
        if on_end is not None and result is not None:
            on_end(result)

    def _ended(self) -> None:
        """It has ended, as told or not."""
        self._reap()
        self._start_ended(self._gone())
        waiting, self._waiting = self._waiting, {}
        for on_end in waiting.values():
            on_end(self._gone())
        on_gone, self._on_gone = self._on_gone, None
        if on_gone is not None:
            on_gone()

    def _gone(self) -> LaunchError:
        message = f"the process that keeps the container has ended (status {self._status})"
        return LaunchError("runtime", 0, message, 128)

    def _kill(self) -> None:
        if self._hired is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._hired.pid, signal.SIGKILL)

    def _reap(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
        hired, self._hired = self._hired, None
        if hired is not None:
            self._poller.remove(hired.sock.fileno())
            hired.sock.close()
            with contextlib.suppress(ChildProcessError):
                self._status = os.waitstatus_to_exitcode(os.waitpid(hired.pid, 0)[1])

    def close(self) -> None:
        """Kill the keeper if there still is one; what it has made is the caller's to end."""
        self._kill()
        self._reap()
        nursery, self._nursery = self._nursery, None
        if nursery is not None:
            nursery.left()


def _result(message: Message, fds: list[int]) -> Made | LaunchError | None:
    if message["ok"] is True:
        return Made(message, fds) if "pid" in message else None
    return LaunchError(
        str(message["stage"]),
        int(str(message["errno"])),
        str(message["message"]),
        int(str(message["exit_code"])),
    )
