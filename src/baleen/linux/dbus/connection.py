"""A connection to a D-Bus peer or bus over a unix socket: log in, call, wait for signals.

::

    us                                           the other side
       ── NUL, AUTH EXTERNAL <our uid in hex>, BEGIN ──►   checked against SO_PEERCRED
       ◄── OK <guid> ───────────────────────────
       ── method call ─────────────────────────►
       ◄── signals ... return or error ─────────

BEGIN is sent along with AUTH: what follows it is looked at only when the login was accepted.

See: D-Bus Specification, Authentication Protocol.
"""

from __future__ import annotations

import errno
import os
import select
import socket
import time

from baleen.errors import BaleenError
from baleen.linux.dbus.message import (
    ERROR,
    HEAD_BYTES,
    METHOD_RETURN,
    SIGNAL,
    method_call,
    parse_message,
    size_of,
)
from baleen.linux.dbus.wire import MalformedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final, Self

    from baleen.linux.dbus.message import Message

__all__ = ["Connection", "DBusError"]

_MAX_LINE: Final = 512
_CHUNK: Final = 65536


class DBusError(BaleenError):
    """A call failed.

    Attributes:
        name: of the error that the other side answered with, for instance
            "org.freedesktop.DBus.Error.AccessDenied"; "" where it did not answer as it should.
        errno: of the system call that failed, or 0.
    """

    def __init__(self, message: str, *, name: str = "", errno: int = 0) -> None:
        super().__init__(message)
        self.name = name
        self.errno = errno


class Connection:
    """One connection; owns its socket, and is closed by `with` or `close`.

    Not to be used any more after an error without a name: half a message may be left unread.

    Attributes:
        deadline: time.monotonic() after which whatever waits raises DBusError (ETIMEDOUT).
    """

    def __init__(self, path: str, timeout_s: float) -> None:
        """Connect and log in. Raises DBusError."""
        self.deadline = time.monotonic() + timeout_s
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        self._buffer = bytearray()
        self._serial = 0
        self._kept: list[Message] = []
        self._keep: frozenset[str] = frozenset()
        try:
            self._socket.setblocking(False)
            self._connect()
            self._log_in()
        except BaseException:
            self._socket.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the socket; a second call does nothing."""
        self._socket.close()

    # -- calls and signals ----------------------------------------------------------------------

    def keep(self, *members: str) -> None:
        """Keep signals of these names, from now on, for `signal`; others are dropped."""
        self._keep = frozenset(members)

    def call(
        self,
        destination: str,
        path: str,
        interface: str,
        member: str,
        signature: str = "",
        *values: object,
    ) -> tuple[object, ...]:
        """Call a method and return what it returns.

        Raises DBusError: with a name for the method's own error.
        """
        self._serial += 1
        serial = self._serial
        self._send(
            method_call(serial, destination, path, interface, member, signature, values), member
        )
        try:
            while True:
                message = self._receive(member)
                if message.kind == SIGNAL:
                    self._take_signal(message)
                elif message.reply_serial != serial:
                    continue
                elif message.kind == METHOD_RETURN:
                    return message.body()
                elif message.kind == ERROR:
                    raise self._error(message)
        except MalformedError as error:
            raise self._broken(member, str(error)) from error

    def signal(self, wanted: Callable[[Message], bool]) -> Message:
        """Wait for a kept signal, also one that came during a call. Raises DBusError."""
        try:
            while True:
                while self._kept:
                    message = self._kept.pop(0)
                    if wanted(message):
                        return message
                message = self._receive("a signal")
                if message.kind == SIGNAL:
                    self._take_signal(message)
        except MalformedError as error:
            raise self._broken("a signal", str(error)) from error

    def _take_signal(self, message: Message) -> None:
        if message.member in self._keep:
            self._kept.append(message)

    def _error(self, message: Message) -> DBusError:
        text = ""
        if message.signature[:1] == "s":
            text = str(message.body()[0])
        return DBusError(text or message.error_name, name=message.error_name)

    def _broken(self, what: str, why: str, number: int = 0) -> DBusError:
        return DBusError(f"D-Bus at {self._path}, {what}: {why}", errno=number)

    # -- bytes ------------------------------------------------------------------------------------

    def _connect(self) -> None:
        while True:
            try:
                self._socket.connect(self._path)
            except BlockingIOError as error:
                # EAGAIN of a unix socket: the queue of those that want to connect is full.
                if time.monotonic() > self.deadline:
                    raise self._broken("connect", "timed out", errno.ETIMEDOUT) from error
                select.select((), (), (), 0.01)
            except OSError as error:
                reason = error.strerror or str(error)
                raise self._broken("connect", reason, error.errno or 0) from error
            else:
                return

    def _log_in(self) -> None:
        identity = str(os.geteuid()).encode().hex()
        self._send(b"\0AUTH EXTERNAL %s\r\nBEGIN\r\n" % identity.encode(), "login")
        while b"\r\n" not in self._buffer:
            if len(self._buffer) > _MAX_LINE:
                raise self._broken("login", "the answer is too long")
            self._fill("login")
        line, _, rest = bytes(self._buffer).partition(b"\r\n")
        if line != b"OK" and not line.startswith(b"OK "):
            shown = line[:80].decode("ascii", "replace")
            raise self._broken("login", f"refused: {shown}", errno.EACCES)
        self._buffer = bytearray(rest)

    def _receive(self, what: str) -> Message:
        while len(self._buffer) < HEAD_BYTES:
            self._fill(what)
        size = size_of(bytes(self._buffer[:HEAD_BYTES]))
        while len(self._buffer) < size:
            self._fill(what)
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return parse_message(data)

    def _send(self, data: bytes, what: str) -> None:
        view = memoryview(data)
        while view:
            try:
                view = view[self._socket.send(view, socket.MSG_NOSIGNAL) :]
            except BlockingIOError:
                self._wait(what, select.POLLOUT)
            except OSError as error:
                raise self._broken(what, error.strerror or "", error.errno or 0) from error

    def _fill(self, what: str) -> None:
        """Read what is there, or wait for it."""
        while True:
            try:
                data = self._socket.recv(_CHUNK)
            except BlockingIOError:
                self._wait(what, select.POLLIN)
                continue
            except OSError as error:
                raise self._broken(what, error.strerror or "", error.errno or 0) from error
            if not data:
                raise self._broken(what, "the connection was closed", errno.ECONNRESET)
            self._buffer += data
            return

    def _wait(self, what: str, events: int) -> None:
        left_s = self.deadline - time.monotonic()
        poll = select.poll()
        poll.register(self._socket, events)
        if left_s <= 0 or not poll.poll(left_s * 1000):
            raise self._broken(what, "timed out", errno.ETIMEDOUT)
