"""The way out of the network namespace: slirp4netns or pasta, programs of the host.

Both are a user's network stack: they take packets from a tap device in the namespace and open
ordinary sockets of the host for them. Neither is let reach the host's loopback interface, nor
forwards a port into the namespace: published ports are ours, see `ports`.

See: slirp4netns(1), pasta(1).
"""

from __future__ import annotations

import os
import select
import shutil
import signal
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Final

from baleen.errors import FailedPrecondition, InvalidArgument

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["NETWORK_PROGRAMS", "Connection", "connect", "installed_programs"]

NETWORK_PROGRAMS: Final = ("slirp4netns", "pasta")
_DNS: Final = {"slirp4netns": "10.0.2.3", "pasta": "169.254.1.1"}
_PATIENCE_S: Final = 10.0


@dataclass(slots=True)
class Connection:
    """A running program. `dns` is the address at which it answers for the host's servers.

    `life` is what slirp4netns ends with, should we end without a word.
    """

    program: str
    pid: int
    dns: str
    life: int

    def end(self) -> None:
        """End it; success means it is gone or was not there."""
        os.close(self.life)
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(self.pid, 0)


def installed_programs() -> list[str]:
    """Return those of the programs that are on PATH, the preferred one first."""
    return [name for name in NETWORK_PROGRAMS if shutil.which(name) is not None]


def connect(holder: int, choice: str, log: Path) -> Connection | None:
    """Connect the namespaces of the process `holder`; None where that is not possible.

    Args:
        holder: its network and user namespace are meant.
        choice: "auto", "none", or the program.
        log: what the program says.

    Raises:
        FailedPrecondition: the program that was asked for is not there or does not work.
    """
    if choice == "none":
        return None
    if choice not in ("auto", *NETWORK_PROGRAMS):
        raise InvalidArgument(f"{choice[:64]!r} is no way out of a network namespace")
    candidates = installed_programs() if choice == "auto" else [choice]
    for program in candidates:
        path = shutil.which(program)
        if path is None:
            raise FailedPrecondition(f"{program} is not installed", hint=f"install {program}")
        connection = _start(path, program, holder, log)
        if connection is not None:
            return connection
        if choice == program:
            raise FailedPrecondition(f"{program} does not start; see {log}")
    return None


def _start(path: str, program: str, holder: int, log: Path) -> Connection | None:
    """Return it once the network is there, None if it ended before that."""
    reading, ready = os.pipe()
    exit_reading, life = os.pipe()
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    namespace = f"/proc/{holder}/ns"
    if program == "slirp4netns":
        command = [
            path, "--configure", "--mtu=65520", "--disable-host-loopback", "--ready-fd=3",
            "--exit-fd=4", "--netns-type=path", f"--userns-path={namespace}/user",
            f"{namespace}/net", "tap0",
        ]  # fmt: skip
    else:
        command = [
            path, "--config-net", "--ipv4-only", "--no-map-gw", "--foreground", "--quiet",
            "--tcp-ports", "none", "--udp-ports", "none", "--tcp-ns", "none", "--udp-ns", "none",
            "--dns-forward", _DNS["pasta"], "--ns-ifname", "tap0", "--stderr",
            "--pid", "/proc/self/fd/3",
            "--userns", f"{namespace}/user", "--netns", f"{namespace}/net",
        ]  # fmt: skip
    try:
        pid = os.posix_spawn(
            path,
            command,
            os.environ,
            file_actions=[
                (os.POSIX_SPAWN_DUP2, null, 0),
                (os.POSIX_SPAWN_DUP2, output, 1),
                (os.POSIX_SPAWN_DUP2, output, 2),
                # Where both come from may be where they go to.
                (os.POSIX_SPAWN_DUP2, ready, 103),
                (os.POSIX_SPAWN_DUP2, exit_reading, 104),
                (os.POSIX_SPAWN_DUP2, 103, 3),
                (os.POSIX_SPAWN_DUP2, 104, 4),
                (os.POSIX_SPAWN_CLOSE, 103),
                (os.POSIX_SPAWN_CLOSE, 104),
            ],
            # pasta takes it for an error that Python ignores it.
            setsigdef=[signal.SIGPIPE],
        )
    finally:
        for fd in (ready, exit_reading, output, null):
            os.close(fd)
    try:
        if _is_ready(pid, reading):
            return Connection(program, pid, _DNS[program], life)
    finally:
        os.close(reading)
    os.close(life)
    return None


def _is_ready(pid: int, reading: int) -> bool:
    """Wait for the first byte on the pipe; a program that is too slow or has ended is reaped."""
    deadline = monotonic() + _PATIENCE_S
    while (left := deadline - monotonic()) > 0:
        if not select.select([reading], [], [], left)[0]:
            break
        if os.read(reading, 64):
            return True
        break  # it has ended, or closed the pipe
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return False
