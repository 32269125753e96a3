"""A TCP connection to whichever address of a host answers first.

Addresses are tried by turns of their families, each 0.25 s after the one before it unless that
failed sooner, so an address that swallows packets costs a quarter of a second.

See: RFC 8305 (Happy Eyeballs), sections 4 and 5.
"""

from __future__ import annotations

import errno
import os
import selectors
import socket
import threading
import time
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

from baleen.distribution.cancellation import Cancelled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from baleen.distribution.cancellation import Cancellation

__all__ = ["DialError", "dial", "lookup"]

_STAGGER_S = 0.25

Address = tuple[socket.AddressFamily, tuple[str | int | bytes, ...]]


class DialError(Exception):
    """No connection; the text names stage, address and cause, in the words of Docker's errors."""


def lookup(host: str, port: int, timeout_s: float, cancel: Cancellation) -> list[Address]:
    """Return the addresses of a name, the resolver's best first, families by turns.

    The resolver can not be interrupted: after a time-out or a cancellation its thread is left
    to end by itself.

    Raises:
        DialError: no such host, or no answer.
        Cancelled: the caller gave up.
    """
    answer: list[Address] = []
    failure: list[str] = []
    done = threading.Event()

    def ask() -> None:
        try:
            infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            answer.extend((family, address) for family, _, _, _, address in infos)
        except (OSError, UnicodeError) as err:
            failure.append(_resolver_words(err))
        finally:
            done.set()

    with cancel.on_cancel(done.set):
        threading.Thread(target=ask, name="resolver", daemon=True).start()
        answered = done.wait(timeout_s)
    cancel.check()
    if not answered:
        raise DialError(f"dial tcp: lookup {host}: i/o timeout")
    if failure or not answer:
        raise DialError(f"dial tcp: lookup {host}: {failure[0] if failure else 'no such host'}")
    return _by_turns(answer)


def _resolver_words(err: OSError | UnicodeError) -> str:
    if isinstance(err, socket.gaierror) and err.errno in (socket.EAI_NONAME, socket.EAI_NODATA):
        return "no such host"
    if isinstance(err, socket.gaierror) and err.errno == socket.EAI_AGAIN:
        return "server misbehaving: temporary failure in name resolution"
    return str(err.args[-1]) if err.args else type(err).__name__


def _by_turns(addresses: Iterable[Address]) -> list[Address]:
    unique = list(dict.fromkeys(addresses))
    if not unique:
        return []
    first = [address for address in unique if address[0] == unique[0][0]]
    others = [address for address in unique if address[0] != unique[0][0]]
    mixed: list[Address] = []
    for place in range(max(len(first), len(others))):
        mixed += first[place : place + 1] + others[place : place + 1]
    return mixed


def dial(
    host: str,
    port: int,
    timeout_s: float,
    cancel: Cancellation,
    *,
    permitted: Callable[[str], bool] = lambda _: True,
) -> socket.socket:
    """Return a connected TCP socket, which the caller closes; `permitted` may refuse addresses.

    Raises:
        DialError: nothing answered in time; says why of the last address.
        Cancelled: the caller gave up.
    """
    addresses = lookup(host, port, timeout_s, cancel)
    allowed = [address for address in addresses if permitted(str(address[1][0]))]
    if not allowed:
        raise DialError(f"dial tcp {_shown(addresses[0])}: the address is not permitted")
    return _Race(allowed, timeout_s, cancel).run()


class _Race:
    """Connection attempts of which the first to succeed wins."""

    def __init__(self, addresses: list[Address], timeout_s: float, cancel: Cancellation) -> None:
        self._addresses = addresses
        self._cancel = cancel
        self._deadline = time.monotonic() + timeout_s
        self._pending: dict[socket.socket, Address] = {}
        self._failure = ""

    def run(self) -> socket.socket:
        with ExitStack() as stack:
            selector = stack.enter_context(selectors.DefaultSelector())
            wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
            stack.callback(os.close, wake)
            stack.callback(self._close_all)
            stack.enter_context(self._cancel.on_cancel(lambda: os.eventfd_write(wake, 1)))
            selector.register(wake, selectors.EVENT_READ)
            return self._run(selector)

    def _run(self, selector: selectors.BaseSelector) -> socket.socket:
        waiting = list(self._addresses)
        next_start = time.monotonic()
        while True:
            now = time.monotonic()
            if waiting and (now >= next_start or not self._pending):
                self._start(waiting.pop(0), selector)
                next_start = now + _STAGGER_S
                continue
            if not self._pending:
                raise DialError(self._failure)
            until = min(self._deadline, next_start) if waiting else self._deadline
            ready = selector.select(max(0.0, until - now))
            if self._cancel.cancelled:
                raise Cancelled
            for key, _ in ready:
                winner = self._finish(key.fileobj, selector)
                if winner is not None:
                    return winner
            if not ready and time.monotonic() >= self._deadline:
                address = next(iter(self._pending.values()))
                raise DialError(f"dial tcp {_shown(address)}: i/o timeout")

    def _start(self, address: Address, selector: selectors.BaseSelector) -> None:
        family, place = address
        try:
            sock = socket.socket(family, socket.SOCK_STREAM)
        except OSError as err:
            self._failed(address, err.errno or 0)
            return
        sock.setblocking(False)
        code = sock.connect_ex(place)
        if code not in (0, errno.EINPROGRESS):
            sock.close()
            self._failed(address, code)
            return
        self._pending[sock] = address
        selector.register(sock, selectors.EVENT_WRITE)

    def _finish(self, sock: object, selector: selectors.BaseSelector) -> socket.socket | None:
        if not isinstance(sock, socket.socket):
            return None
        selector.unregister(sock)
        address = self._pending.pop(sock)
        code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code == 0:
            return sock
        sock.close()
        self._failed(address, code)
        return None

    def _failed(self, address: Address, code: int) -> None:
        self._failure = f"dial tcp {_shown(address)}: connect: {os.strerror(code).lower()}"

    def _close_all(self) -> None:
        for sock in self._pending:
            with suppress(OSError):
                sock.close()


def _shown(address: Address) -> str:
    host, port = str(address[1][0]), str(address[1][1])
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
