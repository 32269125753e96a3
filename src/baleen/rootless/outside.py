"""The process outside: makes the holder, and does for it what needs the host's own namespaces.

`python -m baleen.rootless.outside FD STATE_DIRECTORY NETWORK SINGLE_ID`, by `joining`. On FD it
says what became of it, as one JSON object; `note.json` in the directory then says for everybody
what there is. It lives as long as the holder; a lock on `lock` shows that it does. When it is told
to end (SIGTERM) everything in the namespaces ends, containers included.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import select
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from baleen.errors import BaleenError, FailedPrecondition
from baleen.linux.process import set_name
from baleen.rootless.connectivity import connect
from baleen.rootless.delegation import make_group, remove_group
from baleen.rootless.id_ranges import maps_of_user, write_maps
from baleen.rootless.inside import be_holder
from baleen.rootless.published import MESSAGE_BYTES, parse_wanted
from baleen.rootless.remains import end_all, namespace_id

if TYPE_CHECKING:
    from baleen.rootless.connectivity import Connection

__all__ = ["bind_outside", "main"]

_HINTS = {
    errno.EPERM: "this host keeps ordinary users from making user namespaces: see sysctl "
    "kernel.unprivileged_userns_clone and kernel.apparmor_restrict_unprivileged_userns",
    errno.EACCES: "a security module of this host keeps ordinary users from making namespaces",
    errno.ENOSPC: "raise sysctl user.max_user_namespaces",
    errno.EUSERS: "raise sysctl user.max_user_namespaces",
}
_KINDS = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}


def bind_outside(protocol: str, address: str, port: int) -> socket.socket:
    """Return a socket of the host's network at that address, listening if it is TCP (OSError)."""
    bound = socket.socket(socket.AF_INET, _KINDS[protocol] | socket.SOCK_CLOEXEC)
    try:
        if protocol == "tcp":
            # Only connections in TIME_WAIT are let be in the way: a listener excludes others.
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((address, port))
        if protocol == "tcp":
            bound.listen(1024)
    except BaseException:
        bound.close()
        raise
    return bound


class _Outside:
    """What has been made. `end` undoes it."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._user_namespace = ""
        self._group: Path | None = None
        self._connection: Connection | None = None
        self._channel: socket.socket
        self._holder = 0

    def start(self, network: str, *, single: bool) -> None:
        """Make everything and write the note. Raises BaleenError, OSError; then call `end`."""
        maps = maps_of_user(single=single)
        warnings = list(maps.warnings)
        self._group = make_group(f"baleen-{os.getpid()}")
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._holder = os.fork()
        if self._holder == 0:
            be_holder(theirs, self._state / "ports.sock", self._group)
        theirs.close()
        self._expect(b"N")
        self._user_namespace = namespace_id(self._holder)
        write_maps(self._holder, maps)
        self._channel.send(b"M")
        self._expect(b"R")
        self._connection = connect(self._holder, network, self._state / "network.log")
        if self._connection is None:
            warnings.append(
                "containers reach nothing outside of this engine's own networks: "
                + (
                    "--rootless-network is none"
                    if network == "none"
                    else "neither slirp4netns nor pasta works here (is /dev/net/tun yours to open?)"
                )
            )
        note = {
            "outside": os.getpid(),
            "holder": self._holder,
            "user_namespace": self._user_namespace,
            "group": str(self._group or ""),
            "network": self._connection.program if self._connection else "none",
            "dns": self._connection.dns if self._connection else "",
            "warnings": warnings,
        }
        temporary = self._state / "note.json.new"
        temporary.write_text(json.dumps(note), encoding="utf-8")
        temporary.rename(self._state / "note.json")

    def _expect(self, wanted: bytes) -> None:
        data = self._channel.recv(MESSAGE_BYTES)
        if data == wanted:
            return
        if not data:
            raise FailedPrecondition("cannot make namespaces: the process that does ended")
        said = json.loads(data)
        hint = _HINTS.get(int(said["errno"]), "")
        raise FailedPrecondition(f"cannot make namespaces: {said['error']}", hint=hint)

    def serve(self) -> None:
        """Make sockets for the holder until it ends or we are told to."""
        holder = os.pidfd_open(self._holder)
        wake, told = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(told)
        signal.signal(signal.SIGTERM, lambda _number, _frame: None)
        with suppress(OSError):
            while True:
                channel = self._channel.fileno()
                ready, _, _ = select.select([holder, wake, channel], [], [])
                if channel in ready:
                    self._bind()
                if wake in ready or holder in ready:
                    return

    def _bind(self) -> None:
        data = self._channel.recv(MESSAGE_BYTES)
        if not data:
            raise ConnectionResetError  # the holder has ended
        try:
            protocol, address, port = json.loads(data)["bind"]
            request: dict[str, object] = {"protocol": protocol, "host": [address, port]}
            parse_wanted(request, target=False)
            bound = bind_outside(protocol, address, port)
        except (OSError, ValueError) as err:
            number = (err.errno or errno.EIO) if isinstance(err, OSError) else errno.EINVAL
            self._channel.send(json.dumps({"errno": number}).encode())
            return
        with bound:
            socket.send_fds(self._channel, [b'{"errno": 0}'], [bound.fileno()])

    def end(self) -> None:
        """Remove the note, end all that is in the namespaces, and the network program."""
        for name in ("note.json", "ports.sock"):
            (self._state / name).unlink(missing_ok=True)
        if self._holder:
            with suppress(ProcessLookupError):
                os.kill(self._holder, signal.SIGKILL)
            with suppress(ChildProcessError):
                os.waitpid(self._holder, 0)
        end_all(self._user_namespace)
        if self._connection is not None:
            self._connection.end()
        if self._group is not None:
            remove_group(self._group)


def _detach(log: Path) -> None:
    """Leave the session and its streams: what we say goes into a file."""
    os.setsid()
    os.chdir("/")
    os.umask(0o077)
    null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    for source, target in ((null, 0), (output, 1), (output, 2)):
        os.dup2(source, target)
    os.close(null)
    os.close(output)


def main() -> int:
    """Run; see the module."""
    answer, state = int(sys.argv[1]), Path(sys.argv[2])
    os.set_inheritable(answer, False)
    # Nobody's child but init's: the daemon that starts us may end before us.
    if os.fork():
        os._exit(0)
    _detach(state / "rootless.log")
    set_name("baleen-outside")
    outside = _Outside(state)
    lock = os.open(state / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    said: dict[str, str] = {}
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        outside.start(sys.argv[3], single=sys.argv[4] == "1")
    except BlockingIOError:
        os._exit(0)  # another was faster; who waits for us will see it
    except BaleenError as err:
        said = {"error": err.message, "hint": err.hint}
    except OSError as err:
        said = {"error": f"cannot make namespaces: {err}", "hint": ""}
    os.write(answer, json.dumps(said).encode())
    os.close(answer)
    if not said:
        outside.serve()
    outside.end()
    return 0


if __name__ == "__main__":
    sys.exit(main())
