"""Hooks: programs of the caller's that run at six moments of a container's life.

    prestart, createRuntime     on the host          mounts are made, the root is not entered
    createContainer             in the container     the same moment; the program is the host's
    startContainer              in the container     just before the program of the container
    poststart                   on the host          that runs
    poststop                    on the host          nothing of the container is left

Each gets the container's state as JSON on its standard input, nothing of our environment and no
descriptor of ours. One that fails or takes longer than its timeout is the failure of the start;
after poststop it is a warning. Loaded only for documents that have hooks.

See: OCI runtime-spec config.md, POSIX-platform Hooks; runtime.md, Lifecycle; posix_spawn(3).
"""

from __future__ import annotations

import json
import os
import select
import signal
import time

from baleen.linux.process import CLOSE_RANGE_CLOEXEC, close_range, pidfd_open
from baleen.linux.record import record
from baleen.runtime.failure import LaunchError, reason
from baleen.runtime.fields import Fields
from baleen.runtime.process_spec import refuse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Final

    from baleen.linux.fd import Fd
    from baleen.runtime.spec import Spec

__all__ = [
    "KINDS",
    "STATE_VERSION",
    "Hook",
    "HookRunner",
    "hook_runner",
    "parse_hooks",
    "run_poststop",
    "state_document",
]

KINDS: Final = (
    "prestart",
    "createRuntime",
    "createContainer",
    "startContainer",
    "poststart",
    "poststop",
)
STATE_VERSION: Final = "1.2.0"
_MAX_TIMEOUT_S: Final = 365 * 24 * 3600
_MOST_OUTPUT: Final = 2048
_ALL_SIGNALS: Final = tuple(signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP})


@record(frozen=True, slots=True)
class Hook:
    """One program; `argv` is not empty; without a timeout it may take for ever."""

    path: str
    argv: tuple[bytes, ...]
    env: Mapping[bytes, bytes]
    timeout_s: int | None


def parse_hooks(document: Fields) -> dict[str, tuple[Hook, ...]] | None:
    """The hooks of a config.json by kind; None if it has none. Raises LaunchError."""
    fields = document.object("hooks")
    found = {
        kind: tuple(_parse_hook(entry) for entry in fields.objects(kind))
        for kind in KINDS
        if fields.raw(kind)
    }
    return found or None


def _parse_hook(entry: Fields) -> Hook:
    path = entry.text("path")
    if not path.startswith("/"):
        raise refuse(f"{entry.where}path {path!r} is not absolute")
    env = {}
    for item in entry.texts("env"):
        name, equals, value = item.partition("=")
        if not name or not equals:
            raise refuse(f"{entry.where}env: {item!r} is not NAME=value")
        env[os.fsencode(name)] = os.fsencode(value)
    timeout_s = None
    if entry.has("timeout"):
        timeout_s = entry.integer("timeout", 0, low=1, high=_MAX_TIMEOUT_S)
    argv = tuple(os.fsencode(argument) for argument in entry.texts("args"))
    return Hook(path, argv or (os.fsencode(path),), env, timeout_s)


def state_document(
    container_id: str, bundle: str, annotations: Mapping[str, str], status: str, pid: int
) -> dict[str, object]:
    """The state of a container as runtime.md has it; pid 0 is left out."""
    state: dict[str, object] = {
        "ociVersion": STATE_VERSION,
        "id": container_id,
        "status": status,
        "bundle": bundle,
        "annotations": dict(annotations),
    }
    if pid:
        state["pid"] = pid
    return state


@record(frozen=True, slots=True)
class HookRunner:
    """Runs the hooks of one container, in whatever namespaces the caller is in."""

    hooks: Mapping[str, tuple[Hook, ...]]
    container_id: str
    bundle: str
    annotations: Mapping[str, str]

    def has(self, *kinds: str) -> bool:
        """Whether there is any hook of these kinds."""
        return any(kind in self.hooks for kind in kinds)

    def run(self, kind: str, status: str, pid: int) -> None:
        """Run all of a kind, one after the other; `pid` is PID 1 as the hook is to see it.

        Raises LaunchError for the first that fails, the others are not run then.
        """
        for index, hook in enumerate(self.hooks.get(kind, ())):
            _run(f'{kind} hook #{index} "{hook.path}"', hook, self._state(status, pid))

    def run_on_host(self, kind: str, status: str, pid: int) -> None:
        """As `run`, for a process of ours that has more open than a hook may see."""
        if kind in self.hooks:
            close_range(3, flags=CLOSE_RANGE_CLOEXEC)
            self.run(kind, status, pid)

    def run_poststop(self) -> list[str]:
        """Run all of the last kind; returns what went wrong, for the log."""
        warnings = []
        close_range(3, flags=CLOSE_RANGE_CLOEXEC)
        for index, hook in enumerate(self.hooks.get("poststop", ())):
            name = f'poststop hook #{index} "{hook.path}"'
            try:
                _run(name, hook, self._state("stopped", 0))
            except LaunchError as error:
                warnings.append(str(error))
        return warnings

    def _state(self, status: str, pid: int) -> bytes:
        state = state_document(self.container_id, self.bundle, self.annotations, status, pid)
        return json.dumps(state).encode()


def hook_runner(spec: Spec, container_id: str, bundle: str) -> HookRunner | None:
    """The runner of a document's hooks, None if it has none; a name is found if none is given."""
    if spec.hooks is None:
        return None
    bundle = os.path.abspath(bundle)
    name = container_id or os.path.basename(bundle)
    return HookRunner(spec.hooks, name, bundle, spec.annotations)


def run_poststop(bundle: str, container_id: str) -> list[str]:
    """Run the last hooks of a bundle's config.json; returns what went wrong, for the log.

    For whoever owns the container at its end and has not read the document.
    """
    try:
        fd = os.open(f"{bundle}/config.json", os.O_RDONLY | os.O_CLOEXEC)
        with open(fd, "rb") as file:
            document = Fields(json.load(file), "")
        hooks = parse_hooks(document)
        if hooks is None:
            return []
        runner = HookRunner(hooks, container_id, bundle, document.text_map("annotations"))
    except (OSError, ValueError, RecursionError, LaunchError) as error:
        return [f"poststop hooks of {bundle}: {error}"]
    return runner.run_poststop()


def _above_streams(fd: int) -> int:
    """The same open file at a number above 2, where posix_spawn's own dup2 cannot hit it."""
    low = []
    while fd <= 2:
        low.append(fd)
        fd = os.dup(fd)
    for number in low:
        os.close(number)
    return fd


def _run(name: str, hook: Hook, state: bytes) -> None:
    stdin = _above_streams(os.memfd_create("state"))
    reader, writer = (_above_streams(fd) for fd in os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK))
    try:
        os.set_blocking(writer, True)
        os.write(stdin, state)
        os.lseek(stdin, 0, os.SEEK_SET)
        pid = _spawn(name, hook, stdin, writer)
        os.close(writer)
        writer = -1
        with pidfd_open(pid) as pidfd:
            output, in_time = _wait(pidfd, reader, hook.timeout_s)
            if not in_time:
                os.killpg(pid, signal.SIGKILL)
            _, status = os.waitpid(pid, 0)
    finally:
        for fd in (stdin, reader, writer):
            if fd >= 0:
                os.close(fd)
    if not in_time:
        raise _failed(name, f"it was killed after its timeout of {hook.timeout_s} s", output)
    code = os.waitstatus_to_exitcode(status)
    if code:
        ended = f"exit status {code}" if code > 0 else f"killed by signal {-code}"
        raise _failed(name, ended, output)


def _failed(name: str, why: str, output: bytes) -> LaunchError:
    text = output.decode(errors="replace").strip()
    message = f"error running {name}: {why}"
    return LaunchError("hooks", 0, f"{message}: {text}" if text else message, 128)


def _spawn(name: str, hook: Hook, stdin: int, output: int) -> int:
    streams = ((stdin, 0), (output, 1), (output, 2))
    try:
        return os.posix_spawn(
            hook.path,
            hook.argv,
            hook.env,
            file_actions=[(os.POSIX_SPAWN_DUP2, fd, target) for fd, target in streams],
            setpgroup=0,
            setsigmask=(),
            setsigdef=_ALL_SIGNALS,
        )
    except OSError as error:
        message = f"error running {name}: {reason(error)}"
        raise LaunchError("hooks", error.errno or 0, message, 128) from error


def _wait(pidfd: Fd, reader: int, timeout_s: int | None) -> tuple[bytes, bool]:
    """Its first output, and whether it has ended in time.

    What it leaves running may hold its output open: that is not waited for.
    """
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    output = b""
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    poll.register(reader, select.POLLIN)
    while True:
        left_s = None if deadline is None else max(0.0, deadline - time.monotonic())
        ready = {fd for fd, _ in poll.poll(None if left_s is None else left_s * 1000)}
        if reader in ready:
            data = _read(reader)
            output += data[: _MOST_OUTPUT - len(output)]
            if not data:
                poll.unregister(reader)
        elif pidfd.fileno() in ready:
            return output, True
        if left_s == 0.0:
            return output, pidfd.fileno() in ready


def _read(fd: int) -> bytes:
    try:
        return os.read(fd, 65536)
    except BlockingIOError:
        return b""
