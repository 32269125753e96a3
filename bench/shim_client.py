"""The daemon's side of zygote, shim and supervisor, without a daemon: what benches need of it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

_PROGRAM = "baleen.runtime.zygote_program"
_DEADLINE_S = 30.0
_DATAGRAM = 256 * 1024


class Supervisor:
    """Requests to one supervisor, and its events."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._sock.settimeout(_DEADLINE_S)
        self._seq = 0

    def close(self) -> None:
        self._sock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _receive(self) -> dict[str, Any] | None:
        data = self._sock.recv(_DATAGRAM)
        return json.loads(data) if data else None

    def call(self, op: str, **fields: object) -> dict[str, Any]:
        """The answer to a request (RuntimeError: it was refused)."""
        self._seq += 1
        self._sock.send(json.dumps({"seq": self._seq, "op": op, **fields}).encode())
        while (message := self._receive()) is not None:
            if message.get("reply") == self._seq:
                if not message["ok"]:
                    raise RuntimeError(message["error"])
                return message
        raise RuntimeError("the supervisor has ended")

    def execute(self, exec_id: str, process: dict[str, Any], program: str) -> None:
        """Run one more process, without streams, until it has ended."""
        self.call(
            "exec",
            exec_id=exec_id,
            process=process,
            open_stdin=False,
            detach_keys="",
            attach=None,
            seccomp_program=program,
        )
        while (message := self._receive()) is not None:
            if message.get("event") == "exec-exited":
                return

    def until_closed(self) -> None:
        """Wait for the end of the container and of what looked after it."""
        while self._receive() is not None:
            pass


class Zygote:
    """A zygote as the daemon starts it; `close` ends it, its shims go with their last container."""

    def __init__(self) -> None:
        self._sock, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-OO", "-m", _PROGRAM, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env={**os.environ, "MALLOC_ARENA_MAX": "1"},
            )

    def close(self) -> None:
        self._sock.close()
        self._process.wait(_DEADLINE_S)

    def spawn(self, request: Path) -> Supervisor:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            message = {"op": "spawn", "request": str(request)}
            socket.send_fds(self._sock, [json.dumps(message).encode()], [theirs.fileno()])
        return Supervisor(ours)

    def supervising_pss_mb(self) -> float:
        """The memory (10^6 bytes) of all processes that look after containers which run.

        That is each shim that has some, with what it has forked; not the shim that waits ahead.
        """
        total = 0
        for shim in _children(self._process.pid):
            helpers = [pid for pid in _children(shim) if _is_ours(pid)]
            if len(helpers) < len(_children(shim)):
                total += sum(_pss(pid) for pid in (shim, *helpers))
        return total / 1e6


def _children(pid: int) -> list[int]:
    return [int(text) for text in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _is_ours(pid: int) -> bool:
    return Path(f"/proc/{pid}/comm").read_text().startswith("baleen")


def _pss(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0
