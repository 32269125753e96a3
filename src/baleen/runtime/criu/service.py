"""One `criu swrk` process: how it is executed, asked and understood when it fails.

::

    we, the peer                              criu swrk N
        ──── request ──────────────────────►      N is its end of a SOCK_SEQPACKET pair
        ◄─── notice: a stage, perhaps a descriptor
        ──── taken well or not ────────────►      (not: it undoes what it has done)
        ◄─── answer ────────────────────────      and it ends

Descriptors of directories are told by their numbers: criu opens /proc/PID/fd/N of the process that
made the pair. What is restored is inherited, so criu gets a closed set of descriptors, and an
environment that has nothing but a path.

See: criu(8); criu/cr-service.c.
"""

from __future__ import annotations

import os
import signal
import socket

from baleen.errors import Internal
from baleen.errors import NotImplemented as Unsupported
from baleen.linux.fd import Fd
from baleen.linux.process import close_all_except
from baleen.runtime.criu.messages import (
    DUMP,
    NOTIFY,
    RESTORE,
    SINGLE_PRE_DUMP,
    Answer,
    decode_answer,
    encode_request,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Final, NoReturn

__all__ = ["CriuFailed", "Service", "errors_of", "find_criu", "pair"]

_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_WHAT: Final = {DUMP: "checkpoint", SINGLE_PRE_DUMP: "pre-dump", RESTORE: "restore"}
_MOST_BYTES: Final = 1 << 20
_MOST_LOG: Final = 64 << 20
_TAIL: Final = 1 << 18
_MOST_ERRORS: Final = 3
# The last line says no more than that.
_SUMMARIES: Final = ("Dumping FAILED.", "Restoring FAILED.", "Pre-dumping FAILED.")
_LOG_FLAGS: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class CriuFailed(Internal):
    """criu did not do what it was asked; everything is as before."""


def find_criu(path: str = "") -> str:
    """The program's path: `path` if one is given, else where programs are. Raises NotImplemented.

    The environment's PATH is not asked: criu gets all rights.
    """
    places = [path] if path else [f"{directory}/criu" for directory in _PATH.split(":")]
    for place in places:
        if os.path.isabs(place) and os.path.isfile(place) and os.access(place, os.X_OK):
            return place
    where = path or "this host"
    raise Unsupported(
        f"checkpoint and restore need criu, and there is none at {where}; nothing was done"
        if path
        else "checkpoint and restore need criu, which is not installed on this host: install the"
        " package `criu`; nothing was done"
    )


def pair() -> tuple[socket.socket, socket.socket]:
    """Our end and criu's; whoever makes them is who criu takes descriptors from."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)


def errors_of(text: bytes) -> str:
    """The last errors in a log of criu's, oldest first, without times and places; "" for none."""
    found: list[str] = []
    for line in text.decode(errors="replace").splitlines():
        _, error, rest = line.partition("Error (")
        _, bracket, message = rest.partition("): ")
        if error and bracket and message.strip() not in _SUMMARIES:
            found.append(message.strip().rstrip("."))
    return "; ".join(dict.fromkeys(found[-_MOST_ERRORS:]))


def become_criu(
    path: str, end: int, *, errors: int, stdin: int = -1, inherited: Iterable[int] = ()
) -> NoReturn:
    """Execute criu in a forked child. `errors` gets what it says before it has a log.

    Of our descriptors it has `inherited` under the same numbers, which must be above 2.
    """
    null = os.open("/dev/null", os.O_RDWR)
    numbers = {end, *inherited}
    os.dup2(null if stdin < 0 else stdin, 0)
    os.dup2(null, 1)
    os.dup2(errors, 2)
    for number in numbers:
        os.set_inheritable(number, True)
    close_all_except({0, 1, 2, *numbers})
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        if signal.getsignal(number) != signal.SIG_DFL:
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    os.umask(0o077)
    os.execve(path, ["criu", "swrk", str(end)], {"PATH": _PATH})  # noqa: S606  # no shell


class Service:
    """Our side of the conversation.

    `sock` is taken over, `errors` and `work` (the directory of the log) stay the caller's.
    """

    def __init__(self, sock: socket.socket, errors: Fd, work: Fd, log: str) -> None:
        self._sock = sock
        self._errors = errors
        self._work = work
        self._log = log

    def ask(
        self,
        kind: int,
        options: bytes,
        on_notice: Callable[[Answer, Fd | None], None] | None = None,
    ) -> Answer:
        """Have it done; returns the final answer.

        `on_notice` is told of the stages, with the descriptor that came along, which it owns. What
        it raises makes criu give up, and is raised here once it has.

        Raises CriuFailed with the last errors of the log.
        """
        self._send(encode_request(kind, options))
        refusal: Exception | None = None
        while True:
            try:
                answer, fd = self._receive(kind)
            except CriuFailed:
                if refusal is not None:
                    raise refusal from None
                raise
            if answer.type != NOTIFY:
                break
            try:
                if on_notice is not None:
                    on_notice(answer, fd)
                elif fd is not None:
                    fd.close()
            except Exception as error:  # raised below
                refusal = error
            self._send(encode_request(NOTIFY, notify_success=refusal is None))
        if refusal is not None:
            raise refusal
        if not answer.success:
            raise self._failure(kind, answer)
        return answer

    def wait_end(self) -> None:
        """Block until criu has closed its end, as it does when it ends."""
        self._sock.shutdown(socket.SHUT_WR)
        while self._sock.recv(_MOST_BYTES):
            pass

    def _send(self, data: bytes) -> None:
        try:
            self._sock.send(data, socket.MSG_NOSIGNAL)
        except (BrokenPipeError, ConnectionResetError):
            return  # the next receive sees the end

    def _receive(self, kind: int) -> tuple[Answer, Fd | None]:
        try:
            data, fds, _, _ = socket.recv_fds(self._sock, _MOST_BYTES, 1)
        except ConnectionResetError:
            data, fds = b"", []
        fd = Fd(fds[0]) if fds else None
        try:
            if not data:
                raise self._failure(kind, None)
            return decode_answer(data), fd
        except (ValueError, CriuFailed) as error:
            if fd is not None:
                fd.close()
            if isinstance(error, CriuFailed):
                raise
            raise CriuFailed(f"criu sent what is no message: {error}") from error

    def _failure(self, kind: int, answer: Answer | None) -> CriuFailed:
        reason = errors_of(self._read_log()) or errors_of(_tail(self._errors.fileno()))
        if not reason and answer is not None:
            reason = answer.message or (os.strerror(answer.errno) if answer.errno > 0 else "")
        what = _WHAT.get(kind, "request")
        return CriuFailed(f"criu failed to {what}: {reason or 'it ended without a word'}")

    def _read_log(self) -> bytes:
        try:
            fd = os.open(self._log, _LOG_FLAGS, dir_fd=self._work.fileno())
        except OSError:
            return b""
        try:
            return _tail(fd)
        finally:
            os.close(fd)


def _tail(fd: int) -> bytes:
    size = os.fstat(fd).st_size
    return os.pread(fd, _TAIL, max(0, size - _TAIL)) if size <= _MOST_LOG else b""
