"""Carrying a container's streams between a hijacked connection and this process.

One poll loop moves both directions, so a container that does not read never blocks its output, and
memory is bounded: 64 KiB of input that the container has not taken, one buffer of output. The end
of input is passed on as a half-close while output goes on.
"""

from __future__ import annotations

import errno
import os
import select

from baleen.cli.escape import EscapeFilter
from baleen.client.multiplex import STDERR, SYSTEM_ERROR, Demultiplexer
from baleen.client.transport import shutdown_write

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from baleen.cli.signals import SignalWatch
    from baleen.client.client import HijackedStream, Response

__all__ = ["Pump", "wait_readable", "write_all"]

_INPUT_BYTES = 64 * 1024
_OUTPUT_BYTES = 256 * 1024


def write_all(descriptor: int, data: memoryview | bytes) -> None:
    """Write everything; waits where the descriptor is non-blocking."""
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(descriptor, view) :]
        except BlockingIOError:
            poller = select.poll()
            poller.register(descriptor, select.POLLOUT)
            poller.poll()


class Pump:
    """One attached session.

    Args:
        stream: the connection; not closed here.
        raw: whether output comes as it is (terminal) instead of in frames.
        stdin: descriptor to read input from, or None.
        keys: detach keys that are looked for in the input; empty for none.
        watch: signals to react to meanwhile, with `on_signal`.
        output_ends: whether the session lasts until the output's end, else until the input's.
    """

    def __init__(
        self,
        stream: HijackedStream,
        *,
        raw: bool,
        stdin: int | None,
        keys: bytes = b"",
        watch: SignalWatch | None = None,
        on_signal: Callable[[int], None] | None = None,
        output_ends: bool = True,
    ) -> None:
        self._stream = stream
        self._demultiplexer = None if raw else Demultiplexer()
        self._stdin = stdin
        self._escape = EscapeFilter(keys)
        self._watch = watch
        self._on_signal = on_signal
        self._output_ends = output_ends
        self._pending = memoryview(b"")
        self._input_open = stdin is not None
        self._write_open = True

    def run(self) -> bool:
        """Move bytes until the session ends; True when the user typed the detach keys.

        Raises:
            DataLoss: the engine's frames are malformed.
            BrokenPipeError: this process's own output is gone.
        """
        socket = self._stream.stream
        socket.setblocking(False)
        buffer = bytearray(_OUTPUT_BYTES)
        if self._stream.early:
            self._emit(memoryview(self._stream.early))
        if self._stdin is None:
            self._close_write()
        while True:
            ready = self._wait(socket)
            if self._watch is not None and self._watch.fileno() in ready and self._on_signal:
                for number in self._watch.take():
                    self._on_signal(number)
            if self._stdin is not None and self._stdin in ready and self._input_open:
                self._read_input()
                if self._escape.detached:
                    self._flush(socket)
                    return True
            if self._pending or getattr(socket, "unsent", False):
                self._flush(socket)
            if not self._input_open and not self._pending and self._write_open:
                self._close_write()
                if not self._output_ends:
                    return False
            if socket.fileno() in ready and not self._read_output(socket, buffer):
                return False

    def _wait(self, socket: socket.socket) -> set[int]:
        poller = select.poll()
        pending_tls = getattr(socket, "pending", None)
        unsent = self._pending or getattr(socket, "unsent", False)
        mask = select.POLLIN | (select.POLLOUT if unsent else 0)
        poller.register(socket, mask)
        if self._input_open and not self._pending and self._stdin is not None:
            poller.register(self._stdin, select.POLLIN)
        if self._watch is not None:
            poller.register(self._watch, select.POLLIN)
        ready = {number for number, _ in poller.poll(0 if pending_tls and pending_tls() else None)}
        if pending_tls and pending_tls():
            ready.add(socket.fileno())
        return ready

    def _read_input(self) -> None:
        assert self._stdin is not None
        try:
            data = os.read(self._stdin, _INPUT_BYTES)
        except BlockingIOError:
            return
        except OSError as err:
            # EIO: a terminal whose foreground we are not in; EBADF: closed by our parent.
            if err.errno not in {errno.EIO, errno.EBADF, errno.EISDIR}:
                raise
            data = b""
        if not data:
            self._input_open = False
            return
        self._pending = memoryview(self._escape.feed(data))

    def _flush(self, socket: socket.socket) -> None:
        flush = getattr(socket, "flush", None)
        try:
            if flush is not None:
                flush()
            while self._pending:
                self._pending = self._pending[socket.send(self._pending) :]
        except OSError as err:
            if isinstance(err, BlockingIOError):
                return
            # The container reads no more; its output may still come.
            self._pending = memoryview(b"")
            self._input_open = self._write_open = False

    def _close_write(self) -> None:
        self._write_open = False
        shutdown_write(self._stream.stream)

    def _read_output(self, socket: socket.socket, buffer: bytearray) -> bool:
        try:
            size = socket.recv_into(buffer)
        except OSError as err:
            if isinstance(err, BlockingIOError):
                return True
            if err.errno in {errno.ECONNRESET, errno.EPIPE}:
                return False
            raise
        if not size:
            return False
        self._emit(memoryview(buffer)[:size])
        return True

    def _emit(self, data: memoryview) -> None:
        if self._demultiplexer is None:
            write_all(1, data)
            return
        for stream, piece in self._demultiplexer.feed(data):
            write_all(2 if stream in {STDERR, SYSTEM_ERROR} else 1, piece)


def wait_readable(
    response: Response,
    watch: SignalWatch | None,
    on_signal: Callable[[int], None] | None,
    *,
    timeout_s: float | None = None,
) -> bool:
    """Wait until the body of `response` begins to arrive; False when the time is over."""
    while not response.buffered():
        poller = select.poll()
        poller.register(response, select.POLLIN)
        if watch is not None:
            poller.register(watch, select.POLLIN)
        ready = {n for n, _ in poller.poll(None if timeout_s is None else timeout_s * 1000)}
        if watch is not None and watch.fileno() in ready and on_signal is not None:
            for number in watch.take():
                on_signal(number)
        if response.fileno() in ready:
            return True
        if not ready:
            return False
    return True
