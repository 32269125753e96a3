"""Entering the namespaces, made first if they are not there: what `baleend --rootless` begins with.

The process that calls `join` is in them afterwards, as root of the user namespace, and has the
same process id as before. It must have one thread.
"""

from __future__ import annotations

import fcntl
import json
import os
import select
import sys
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from baleen.errors import FailedPrecondition, Internal
from baleen.linux import namespaces as ns
from baleen.rootless.delegation import SUPERVISOR, enter_group, remove_group
from baleen.rootless.remains import end_all, namespace_id

__all__ = ["Surroundings", "end_everything", "join", "read_note"]

_PATIENCE_S: Final = 60.0
_MODULE: Final = "baleen.rootless.outside"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the namespaces have.

    Attributes:
        outside, holder: the two processes that keep them.
        user_namespace: its identity, "user:[...]".
        group: our control group's directory in the host's view, or None.
        network: the program that leads out, or "none".
        dns: where that program answers for the host's name servers, or "".
        warnings: for the user.
    """

    outside: int
    holder: int
    user_namespace: str
    group: Path | None
    network: str
    dns: str
    warnings: tuple[str, ...]


def read_note(state: Path) -> Surroundings | None:
    """Return what `outside` has noted, None if there is no note."""
    try:
        note = json.loads((state / "note.json").read_text(encoding="utf-8"))
        return Surroundings(
            int(note["outside"]),
            int(note["holder"]),
            str(note["user_namespace"]),
            Path(note["group"]) if note["group"] else None,
            str(note["network"]),
            str(note["dns"]),
            tuple(note["warnings"]),
        )
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as err:
        raise Internal(f"{state}/note.json is damaged: {err}") from err


def _is_kept(state: Path) -> bool:
    """Whether the process outside lives."""
    lock = os.open(state / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def join(state: Path, *, network: str, single: bool) -> Surroundings:
    """Enter the namespaces that belong to the directory `state`; make them if need be.

    Raises:
        FailedPrecondition: this host or user lacks something; says what.
    """
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = read_note(state) if _is_kept(state) else None
    if found is None or namespace_id(found.holder) != found.user_namespace:
        end_everything(state)
        _start(state, network, single=single)
        found = read_note(state)
        if found is None:
            raise Internal("the namespaces have ended at once")
    _enter(found)
    return found


def _start(state: Path, network: str, *, single: bool) -> None:
    reading, writing = os.pipe()
    os.set_inheritable(writing, True)
    command = [sys.executable, "-I", "-OO", "-m", _MODULE]
    command += [str(writing), str(state), network, "1" if single else "0"]
    try:
        pid = os.posix_spawn(sys.executable, command, os.environ)
    finally:
        os.close(writing)
    try:
        os.waitpid(pid, 0)
        ready = select.select([reading], [], [], _PATIENCE_S)[0]
        said = os.read(reading, 65536) if ready else b""
    finally:
        os.close(reading)
    if not said:
        raise FailedPrecondition(
            "the process that keeps the namespaces did not start",
            hint=f"see {state}/rootless.log",
        )
    failure = json.loads(said)
    if failure:
        raise FailedPrecondition(failure["error"], hint=failure["hint"])


def _enter(found: Surroundings) -> None:
    if found.group is not None:
        try:
            # While we still see where we come from.
            enter_group(found.group / SUPERVISOR)
        except OSError as err:
            raise FailedPrecondition(
                f"cannot enter the control group {found.group}: {err.strerror}",
                hint="start baleend from where it was started first (systemctl --user), "
                "or end everything with: baleend --rootless --uninstall",
            ) from err
    kinds = [("user", ns.CLONE_NEWUSER), ("mnt", ns.CLONE_NEWNS), ("net", ns.CLONE_NEWNET)]
    kinds.append(("ipc", ns.CLONE_NEWIPC))
    if found.group is not None:
        kinds.append(("cgroup", ns.CLONE_NEWCGROUP))
    with ExitStack() as stack:
        opened = []
        for kind, flag in kinds:
            fd = os.open(f"/proc/{found.holder}/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC)
            stack.callback(os.close, fd)
            opened.append((fd, flag))
        if namespace_id(found.holder) != found.user_namespace:
            raise FailedPrecondition("the namespaces have just ended", hint="try again")
        for fd, flag in opened:
            ns.setns(fd, flag)
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)
    os.chdir("/")


def end_everything(state: Path) -> bool:
    """End daemon, containers, holder and the process outside; returns whether there were any.

    What is on disk stays. Raises Internal if a process does not end.
    """
    found = read_note(state)
    if found is None:
        return False
    if namespace_id(found.outside, "user") == namespace_id("self", "user") and _is_kept(state):
        pidfd = -1
        with suppress(ProcessLookupError):
            pidfd = os.pidfd_open(found.outside)
        if pidfd >= 0:
            import signal

            try:
                signal.pidfd_send_signal(pidfd, signal.SIGTERM)
                select.select([pidfd], [], [], _PATIENCE_S)
            except ProcessLookupError:
                pass
            finally:
                os.close(pidfd)
    end_all(found.user_namespace)
    if found.group is not None:
        remove_group(found.group)
    for name in ("note.json", "ports.sock"):
        (state / name).unlink(missing_ok=True)
    return True
