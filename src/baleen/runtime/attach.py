"""One attached client: a stream socket that gets a process's output and gives it input.

Output is raw for a terminal, else framed: `stream (1 byte), 0, 0, 0, length (4 bytes, big endian)`
and then the bytes. What the client does not take at once waits in a bounded queue; the stream's
pump looks at `backlog` and stops reading the process before it grows, so a slow client holds up
its own container and nothing else. A client that has gone is dropped.

Bulk output can skip our memory: `splice` promises a frame of so many bytes, which are moved from
the process's pipe to the socket by the kernel. Until the promise is kept nothing else can be sent;
`settle` keeps it at once by reading the rest into the queue.

See: Engine API, "Attach to a container", Stream format; splice(2).
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import struct
from collections import deque
from itertools import islice
from select import EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT

from baleen.linux.splice import SPLICE_F_MOVE, SPLICE_F_NONBLOCK, splice

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from baleen.runtime.detach_keys import DetachMatcher
    from baleen.runtime.poller import Poller
else:
    Protocol = object

__all__ = ["Client", "ClientOwner", "frame_header"]

_HEADER = struct.Struct(">BxxxL")
_CHUNK = 64 * 1024
_SPLICE_CHUNK = 1024 * 1024
# Room in the socket, so that the two sides do not have to take turns for every chunk.
_SEND_BUFFER = 1024 * 1024
_SEND_FLAGS = socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL
# Unwanted input that is read before a close, in chunks; more than sockets hold by default.
_DISCARDED_CHUNKS = 64
# Buffers given to one sendmsg.
_GATHER = 32


def frame_header(stream: int, size: int) -> bytes:
    """Return the header of a frame: stream 1 is stdout, 2 stderr."""
    return _HEADER.pack(stream, size)


class ClientOwner(Protocol):
    """What a client tells the process's streams, which own it."""

    def stdin_data(self, data: bytes) -> None:
        """The client sent input."""

    def stdin_splice(self, fd: int) -> int:
        """Move input from the socket `fd` to the process.

        Returns 0 at the end of the input and -1 when the process does not take more now.
        Raises NotImplementedError when it has to be copied, BrokenPipeError when nobody reads.
        """

    def stdin_end(self, client: Client) -> None:
        """The client will send no more input."""

    def client_writable(self, client: Client) -> None:
        """Everything that waited for the client has been sent."""

    def client_closed(self, client: Client, reason: str) -> None:
        """The client is closed; called exactly once."""


class Client:
    """An attached client; owns `fd`, an AF_UNIX or AF_INET stream socket.

    Attributes:
        number: the daemon's name for it; None for an exec's.
        streams: which of stdout (1) and stderr (2) it gets.
        backlog: bytes that wait in the queue.
    """

    def __init__(
        self,
        poller: Poller,
        owner: ClientOwner,
        fd: int,
        *,
        number: int | None,
        streams: frozenset[int],
        stdin: bool,
        framed: bool,
        early: bytes = b"",
        matcher: DetachMatcher | None = None,
    ) -> None:
        self.number = number
        self.streams = streams
        self.framed = framed
        self.backlog = 0
        self._poller = poller
        self._owner = owner
        self._sock = socket.socket(fileno=fd)
        self._sock.setblocking(False)
        self._fd = fd
        self._early = early
        self._matcher = matcher
        self._queue: deque[memoryview] = deque()
        self._owed = 0
        self._owed_from = -1
        # stdin: whether more may come, and whether the process takes it now (not before it runs).
        self._stdin = stdin
        self._reading = False
        self._closing = ""
        self._open = True
        self._watched = True
        self._bulk = False
        poller.add(fd, 0, self._on_ready)
        self._events = 0

    @property
    def busy(self) -> bool:
        """Whether something waits to be sent."""
        return bool(self._queue or self._owed)

    @property
    def wants_stdin(self) -> bool:
        """Whether input may still come from this client."""
        return self._stdin

    # -- output ---------------------------------------------------------------------------------

    def send(self, stream: int, data: bytes) -> None:
        """Send or queue output; never blocks, never raises."""
        buffers = (frame_header(stream, len(data)), data) if self.framed else (data,)
        if not self._queue and not self._owed:
            try:
                sent = self._sock.sendmsg(buffers, (), _SEND_FLAGS)
            except BlockingIOError:
                sent = 0
            except OSError:
                self._output_lost()
                return
            for buffer in buffers:
                if sent < len(buffer):
                    self._enqueue(buffer, sent)
                sent = max(0, sent - len(buffer))
        else:
            for buffer in buffers:
                self._enqueue(buffer)
        if self._queue:
            self._update()

    def _enqueue(self, buffer: bytes, start: int = 0) -> None:
        self._queue.append(memoryview(buffer)[start:])
        self.backlog += len(buffer) - start

    def splice(self, stream: int, pipe: int, size: int) -> None:
        """Promise a frame of the `size` bytes that are in `pipe`, and move what can be moved.

        Only while not `busy`; `pipe` must have no other reader until it is not busy again.
        """
        if not self._bulk:
            self._bulk = True
            self._grow_buffer()
        header = frame_header(stream, size)
        try:
            sent = self._sock.send(header, _SEND_FLAGS | socket.MSG_MORE)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._output_lost()
            return
        if sent < len(header):
            self._enqueue(header, sent)
        self._owed, self._owed_from = size, pipe
        if not self._queue:
            self._pay()
        self._update()

    def _grow_buffer(self) -> None:
        try:
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        except OSError:
            return

    def _pay(self) -> None:
        """Move what is owed, as far as the socket takes it."""
        while self._owed:
            try:
                self._owed -= splice(
                    self._owed_from, self._fd, self._owed, SPLICE_F_MOVE | SPLICE_F_NONBLOCK
                )
            except BlockingIOError:
                return
            except OSError as err:
                if err.errno != errno.EINVAL:
                    self._output_lost()
                    return
                self.settle()  # a kind of socket that cannot be spliced to

    def settle(self) -> None:
        """Read what is still owed into the queue, because the pipe gets another reader."""
        while self._owed:
            data = os.read(self._owed_from, self._owed)
            if not data:
                raise AssertionError("a promised byte was not in the pipe")
            self._enqueue(data)
            self._owed -= len(data)

    def _flush(self) -> None:
        while self._queue:
            try:
                sent = self._sock.sendmsg(list(islice(self._queue, _GATHER)), (), _SEND_FLAGS)
            except BlockingIOError:
                return
            except OSError:
                self._output_lost()
                return
            self.backlog -= sent
            while self._queue and sent >= len(self._queue[0]):
                sent -= len(self._queue.popleft())
            if sent:
                self._queue[0] = self._queue[0][sent:]
        self._pay()

    def _output_lost(self) -> None:
        """The client takes no output any more; its input may still be on the way."""
        self.streams = frozenset()
        self._queue.clear()
        self.backlog = 0
        # What was owed stays in the pipe and goes to whoever reads it next.
        self._owed = 0
        if self._closing or not self._stdin:
            self._close(self._closing or "eof")
        else:
            self._owner.client_writable(self)

    # -- input ----------------------------------------------------------------------------------

    def set_reading(self, reading: bool) -> None:
        """Take input from the client, or leave it in the socket because the process is slow."""
        if self._closing:
            return
        self._reading = reading
        if reading and self._early:
            early, self._early = self._early, b""
            self._input(early)
        if self._open:
            if reading and not self._watched:
                self._watched = True
                self._events = 0
                self._poller.add(self._fd, 0, self._on_ready)
            self._update()

    def stop_stdin(self) -> None:
        """Take no more input: nobody reads it."""
        self._stdin = False
        self._early = b""
        if self._open:
            self._update()

    def _receive(self) -> None:
        try:
            if self._matcher is None:
                try:
                    moved = self._owner.stdin_splice(self._fd)
                except NotImplementedError:
                    pass
                else:
                    if moved == 0:
                        self._end_of_input()
                    return
            data = self._sock.recv(_CHUNK)
        except BlockingIOError:
            return
        except BrokenPipeError:
            self.stop_stdin()
            return
        except OSError:
            self._close("error")
            return
        if data:
            self._input(data)
        else:
            self._end_of_input()

    def _input(self, data: bytes) -> None:
        detach = False
        if self._matcher is not None:
            data, detach = self._matcher.feed(data)
        if data:
            self._owner.stdin_data(data)
        if detach:
            self.finish("detach-keys")

    def _end_of_input(self) -> None:
        held = self._matcher.flush() if self._matcher is not None else b""
        if held:
            self._owner.stdin_data(held)
        self._stdin = False
        self._owner.stdin_end(self)
        if self._open:
            self._update()

    # -- events and end -------------------------------------------------------------------------

    def _update(self) -> None:
        events = 0
        if self._stdin and self._reading and not self._closing:
            events = EPOLLIN
        if self._queue or self._owed:
            events |= EPOLLOUT
        if events != self._events and self._watched:
            self._events = events
            self._poller.modify(self._fd, events)

    def _on_ready(self, events: int) -> None:
        if events & EPOLLOUT:
            self._flush()
            if not self._open:
                return
            if not self._queue and not self._owed:
                if self._closing:
                    self._close(self._closing)
                    return
                self._owner.client_writable(self)
            self._update()
        if self._open and events & (EPOLLIN | EPOLLHUP | EPOLLERR):
            self._on_input_event(events)

    def _on_input_event(self, events: int) -> None:
        if self._stdin and self._reading and not self._closing:
            self._receive()
        elif events & (EPOLLHUP | EPOLLERR):
            if self._stdin and not self._closing:
                # Gone, but its last input is still in the socket; the process will want it.
                self._watched = False
                self._poller.remove(self._fd)
                self.streams = frozenset()
            else:
                self._close(self._closing or "eof")

    def finish(self, reason: str) -> None:
        """Close after everything queued was sent; `reason` goes to the daemon."""
        if not self._open or self._closing:
            return
        self._closing = reason
        self.settle()
        if self._queue and self._watched:
            self._update()
        else:
            self._close(reason)

    def drop(self) -> None:
        """Close now, whatever is queued."""
        self._close(self._closing or "error")

    def abandon(self) -> None:
        """Close our descriptor only: the connection lives on with the daemon. No callback."""
        if self._open:
            self._open = False
            self._poller.remove(self._fd)
            self._sock.close()

    def _close(self, reason: str) -> None:
        if not self._open:
            return
        self._open = False
        self._poller.remove(self._fd)
        self._queue.clear()
        self.backlog = 0
        self._owed = 0
        with contextlib.suppress(OSError):  # the client was faster
            # close(2) alone would not end the stream: the daemon may hold a copy for a moment.
            self._sock.shutdown(socket.SHUT_WR)
            self._discard_input()
        self._sock.close()
        self._owner.client_closed(self, reason)

    def _discard_input(self) -> None:
        """Read what nobody wants, else close(2) would reset the connection and its last output."""
        for _ in range(_DISCARDED_CHUNKS):
            if not self._sock.recv(_CHUNK):
                return
