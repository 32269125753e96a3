"""The zygote: a lean process that forks the shims, which serve containers.

`python -m baleen.runtime.zygote FD`, where FD is the inherited end of a SOCK_SEQPACKET pair:

    daemon ── {"op": "spawn", "request": "<start.json>"} + [control socket, reserved…] ──► zygote
                                                                                            │
                                                                  shim with room  ◄─────────┘
           ◄─────────────────── answers on the control socket ──────┘

A shim with room for one more container is always there ahead. There is no answer on this socket:
a request that cannot be served closes the control socket, and the daemon sees its end. The zygote
ends when the daemon's end is closed; shims go on until their containers have ended.

A fork copies page tables, so the zygote imports only what shims and workers need, and never
anything else. Garbage collection is off: a collection would touch every page and unshare it.
Nothing of this process can be read or traced by a container, even one that shares the host's
processes: it is not dumpable, and its children inherit that until execve (CVE-2016-9962).

See: docs/architecture.md; prctl(2) PR_SET_DUMPABLE.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import socket
import sys

from baleen.errors import BaleenError, InvalidArgument
from baleen.linux.cgroup import detect
from baleen.linux.process import set_dumpable, set_name
from baleen.runtime.protocol import decode, receive
from baleen.runtime.shim import MOST_CONTAINERS, be_shim

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.linux.cgroup import CgroupDriver

__all__ = ["main", "serve"]


class _Shim:
    """A shim and how many containers it serves. Owns our end of its socket."""

    def __init__(self, cgroups: CgroupDriver) -> None:
        """Fork it (OSError)."""
        self.sock, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.containers = 0
        with theirs:
            try:
                pid = os.fork()
            except OSError:
                self.sock.close()
                raise
            if pid == 0:
                be_shim(theirs, cgroups)

    def give(self, request_path: str, fds: list[int]) -> bool:
        """Hand a container over; false if the shim is not there any more."""
        try:
            socket.send_fds(self.sock, [os.fsencode(request_path)], fds, socket.MSG_NOSIGNAL)
        except (BrokenPipeError, ConnectionResetError):
            return False
        self.containers += 1
        return True

    def listen(self) -> bool:
        """Note containers that have ended; false if the shim has."""
        try:
            data = self.sock.recv(64)
        except ConnectionResetError:
            return False
        self.containers -= len(data)
        return bool(data)


def _requested(message: dict[str, object], fds: list[int]) -> str:
    if message.get("op") != "spawn" or not fds:
        raise InvalidArgument("only spawn, with at least one descriptor, is understood")
    path = message.get("request")
    if not isinstance(path, str) or not path:
        raise InvalidArgument("request: a path is needed")
    return path


class _Zygote:
    """Keeps the shims that may get containers, the fullest that has room first."""

    def __init__(self, sock: socket.socket, cgroups: CgroupDriver) -> None:
        self._sock = sock
        self._cgroups = cgroups
        self._shims: list[_Shim] = []

    def serve(self) -> None:
        """Hand each request to a shim until the daemon's end is closed."""
        while True:
            self._have_room()
            readers = [self._sock, *(shim.sock for shim in self._shims)]
            ready, _, _ = select.select(readers, [], [])
            for shim in [shim for shim in self._shims if shim.sock in ready]:
                if not shim.listen():
                    self._drop(shim)
            if self._sock in ready and not self._request():
                break
        for shim in list(self._shims):
            self._drop(shim)

    def _drop(self, shim: _Shim) -> None:
        shim.sock.close()
        self._shims.remove(shim)

    def _have_room(self) -> None:
        """Have a shim with room at hand, and no idle one more than that."""
        if not any(shim.containers < MOST_CONTAINERS for shim in self._shims):
            try:
                self._shims.append(_Shim(self._cgroups))
            except OSError as err:
                _complain(err)
        idle = [shim for shim in self._shims if shim.containers == 0]
        if any(0 < shim.containers < MOST_CONTAINERS for shim in self._shims):
            surplus = idle
        else:
            surplus = idle[1:]
        for shim in surplus:
            self._drop(shim)

    def _request(self) -> bool:
        """Serve one request; false when there will be none any more."""
        try:
            data, fds = receive(self._sock)
        except InvalidArgument:
            return True
        except ConnectionResetError:
            return False
        if not data and not fds:
            return False
        try:
            self._give(_requested(decode(data), fds), fds)
        except (BaleenError, OSError, ValueError) as err:
            _complain(err)
        finally:
            for fd in fds:
                os.close(fd)
        return True

    def _give(self, path: str, fds: list[int]) -> None:
        room = [shim for shim in self._shims if shim.containers < MOST_CONTAINERS]
        for shim in sorted(room, key=lambda shim: -shim.containers):
            if shim.give(path, fds):
                return
            self._drop(shim)
        shim = _Shim(self._cgroups)
        self._shims.append(shim)
        shim.give(path, fds)


def _complain(err: Exception) -> None:
    # The daemon learns it from the end of the control socket; its log from here.
    print(f"baleen zygote: {err}", file=sys.stderr)  # noqa: T201


def serve(sock: socket.socket, cgroups: CgroupDriver) -> None:
    """Have a container served for each request until the other end is closed."""
    _Zygote(sock, cgroups).serve()


def main() -> None:
    """Run on the descriptor named by the only argument."""
    gc.disable()
    set_dumpable(dumpable=False)
    set_name("baleen-zygote")
    os.chdir("/")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    # A terminal's Ctrl-C is for the daemon; its end ends us.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with socket.socket(fileno=int(sys.argv[1])) as sock:
        os.set_inheritable(sock.fileno(), False)
        cgroups = detect()
        gc.collect()
        # Shims collect what they make themselves; what is here is never garbage.
        gc.freeze()
        serve(sock, cgroups)


if __name__ == "__main__":
    main()
