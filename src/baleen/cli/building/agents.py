"""The ssh agents that a build may ask: what the engine sends goes to them, what they say back.

One thread for each connection reads from its agent. Another one sends something now and then, so
that the engine does not take the request for abandoned.
"""

from __future__ import annotations

import contextlib
import socket
import threading

from baleen.client.build_stream import AGENT, frame

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from baleen.client.models import JsonObject

__all__ = ["Agents"]

_PIECE = 64 << 10
_ALIVE_S = 5.0
_NOBODY = frame(AGENT, bytes(4))


class Agents:
    """A context manager; closes all connections at its end.

    Args:
        paths: sockets of agents by id.
        send: sends a piece of the request's body; called by one thread at a time.
    """

    def __init__(self, paths: dict[str, str], send: Callable[[bytes], None]) -> None:
        self._paths = paths
        self._send = send
        self._lock = threading.Lock()
        self._open: dict[int, socket.socket] = {}
        self._threads: list[threading.Thread] = []
        self._ended = threading.Event()

    def __enter__(self) -> Self:
        self._start(self._keep_alive)
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._ended.set()
        for stream in list(self._open.values()):
            with contextlib.suppress(OSError):
                stream.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for stream in self._open.values():
            stream.close()

    def opened(self, message: JsonObject) -> None:
        """Connect to the agent that a step asks for; one that is not there closes the channel."""
        channel = int(message.get("channel") or 0)
        stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            stream.connect(self._paths[str(message.get("id"))])
        except (OSError, KeyError):
            stream.close()
            self._answer(channel, b"")
            return
        self._open[channel] = stream
        self._start(lambda: self._read(channel, stream))

    def data(self, payload: bytes) -> None:
        """Take bytes for an agent: four of the channel, the rest; none: it is closed."""
        stream = self._open.get(int.from_bytes(payload[:4], "big"))
        if stream is None:
            return
        with contextlib.suppress(OSError):
            if len(payload) > 4:
                stream.sendall(payload[4:])
            else:
                stream.shutdown(socket.SHUT_RDWR)

    def _start(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _read(self, channel: int, stream: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := stream.recv(_PIECE):
                self._answer(channel, data)
        self._answer(channel, b"")

    def _answer(self, channel: int, data: bytes) -> None:
        with self._lock:
            self._send(frame(AGENT, channel.to_bytes(4, "big") + data))

    def _keep_alive(self) -> None:
        while not self._ended.wait(_ALIVE_S):
            with self._lock:
                self._send(_NOBODY)
