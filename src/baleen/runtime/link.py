"""The parent's end of the channel to a process that is set up; the messages are in `sync`."""

from __future__ import annotations

import contextlib
import socket

from baleen.linux.fd import Fd
from baleen.runtime.failure import LaunchError, decode_failure
from baleen.runtime.sync import CHANNEL_BYTES

__all__ = ["Link", "channel"]


class Link:
    """The parent's end of a channel, whose datagrams may have to be looked at twice."""

    __slots__ = ("_early", "_socket")

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._early: list[tuple[bytes, Fd | None]] = []

    def receive(self) -> tuple[bytes, Fd | None]:
        """The next datagram, empty at the end, and the descriptor that came with it.

        An end at which the other side had not read all of ours is an end like another: its last
        words are behind that error.
        """
        if self._early:
            return self._early.pop(0)
        try:
            data, fds, _, _ = socket.recv_fds(self._socket, CHANNEL_BYTES, 1)
        except ConnectionResetError:
            data, fds, _, _ = socket.recv_fds(self._socket, CHANNEL_BYTES, 1)
        return data, Fd(fds[0]) if fds else None

    def receive_pid(self) -> int:
        """The pid that the intermediate process tells, ahead of what came before it."""
        early: list[tuple[bytes, Fd | None]] = []
        while True:
            data, fd = self.receive()
            if data[:1] == b"P" and data[1:].isdigit():
                self._early = early
                return int(data[1:9])
            if not data:
                self._early = early
                for text, _ in early:
                    if text[:1] == b"{":
                        raise decode_failure(text)
                raise LaunchError("enter", 0, "the process that enters the container died", 128)
            early.append((data, fd))

    def send(self, message: bytes) -> None:
        """Send one datagram; that nobody is there to read it shows in the next `receive`."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._socket.send(message)

    def send_with_fds(self, message: bytes, fds: tuple[int, ...]) -> None:
        """As `send`, with descriptors, which stay ours too."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            socket.send_fds(self._socket, [message], fds)

    def fileno(self) -> int:
        """The descriptor, see select(2)."""
        return self._socket.fileno()

    def close(self) -> None:
        """Close the socket and descriptors that nobody took."""
        self._socket.close()
        for _, fd in self._early:
            if fd is not None:
                fd.close()
        self._early = []


def channel(undo: contextlib.ExitStack) -> tuple[Link, socket.socket]:
    """A link and the child's end of it, both closed by `undo`."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    link = Link(ours)
    undo.callback(link.close)
    undo.callback(theirs.close)
    return link, theirs
