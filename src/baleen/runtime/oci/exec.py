"""`exec`: one more process in a container that is there."""

from __future__ import annotations

import contextlib
import os

from baleen.errors import FailedPrecondition, InvalidArgument
from baleen.errors import NotImplemented as Unsupported
from baleen.linux.process import pidfd_send_signal
from baleen.linux.record import replace
from baleen.runtime.foreground import caught_signals, relay
from baleen.runtime.launch import Stdio, exec_process
from baleen.runtime.namespace_plan import namespace_flags
from baleen.runtime.oci import console as sockets
from baleen.runtime.oci.access import group_of, open_init
from baleen.runtime.oci.bundle import decode, read_file
from baleen.runtime.oci.creation import ended_by_signals, write_pid_file
from baleen.runtime.oci.options import whole_number
from baleen.runtime.oci.state import Store
from baleen.runtime.prepare import prepare
from baleen.runtime.spec import parse_process, parse_spec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Final

    from baleen.runtime.launch import ExecProcess
    from baleen.runtime.oci.commands import Invocation
    from baleen.runtime.oci.options import Values
    from baleen.runtime.spec import Process

__all__ = ["execute", "wanted_process"]

_REFUSED: Final = ("cgroup",)
_LABELS: Final = (("apparmor", "apparmorProfile"), ("process-label", "selinuxLabel"))
_SIGKILL: Final = 9


def wanted_process(options: Values, command: list[str], config: object) -> Process:
    """The process that the options ask for.

    Either the `process` object of a file, or that of the container's document with another command
    and with what the options change of it. Raises InvalidArgument, NotImplemented or LaunchError.
    """
    for name in _REFUSED:
        if options.given(name):
            raise Unsupported(f"--{name} is not supported by this runtime")
    if options.number("preserve-fds"):
        raise Unsupported("--preserve-fds of an exec is not supported by this runtime")
    path = options.text("process")
    if path:
        return parse_process(decode(read_file(path), path))
    if not command:
        raise InvalidArgument("process args cannot be empty")
    process = config.get("process") if isinstance(config, dict) else None
    if not isinstance(process, dict):
        raise InvalidArgument("the container has no process to begin with: use --process")
    changed = process | {"args": command, "terminal": options.flag("tty")}
    if options.given("cwd"):
        changed["cwd"] = options.text("cwd")
    if options.texts("env"):
        changed["env"] = [*(process.get("env") or ()), *options.texts("env")]
    if options.given("no-new-privs"):
        changed["noNewPrivileges"] = options.flag("no-new-privs")
    if options.given("user") or options.texts("additional-gids"):
        changed["user"] = _user(options, process.get("user"))
    if options.texts("cap"):
        changed["capabilities"] = _capabilities(options.texts("cap"), process.get("capabilities"))
    return parse_process(changed | _labels(options))


def _labels(options: Values) -> dict[str, object]:
    return {field: options.text(name) for name, field in _LABELS if options.given(name)}


def _user(options: Values, user: object) -> dict[str, object]:
    changed: dict[str, object] = dict(user) if isinstance(user, dict) else {}
    if options.given("user"):
        uid, colon, gid = options.text("user").partition(":")
        changed["uid"] = whole_number(uid, "-user")
        if colon:
            changed["gid"] = whole_number(gid, "-user")
    if options.texts("additional-gids"):
        further = [
            whole_number(text, "-additional-gids") for text in options.texts("additional-gids")
        ]
        changed["additionalGids"] = [*_list(changed.get("additionalGids")), *further]
    return changed


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _capabilities(names: list[str], sets: object) -> dict[str, object]:
    changed: dict[str, object] = dict(sets) if isinstance(sets, dict) else {}
    kinds = ["bounding", "effective", "permitted"]
    if changed.get("inheritable"):
        kinds.append("ambient")  # a capability can only be ambient if it is inheritable too
    for kind in kinds:
        changed[kind] = [*_list(changed.get(kind)), *names]
    return changed


def execute(invocation: Invocation) -> int:
    """Returns the process's exit code, or 0 when it runs detached."""
    options = invocation.options
    name, *command = invocation.arguments
    entry = Store(invocation.root).open(name)
    values = entry.read()
    group = group_of(values)
    status = entry.status(values, group)
    if status in ("stopped", "creating"):
        raise FailedPrecondition(f"cannot exec in a {status} container")
    if status == "paused" and not options.flag("ignore-paused"):
        raise FailedPrecondition(
            "cannot exec in a paused container (use --ignore-paused to override)"
        )
    config = decode(entry.config(), entry.path("config.json"))
    process = wanted_process(options, command, config)
    detached = options.flag("detach")
    path = options.text("console-socket")
    sockets.check(terminal=process.terminal, detached=detached, path=path)
    # Copies, since the process's own 0, 1 and 2 are made of them.
    stdio = None if process.terminal else Stdio(*(os.dup(fd) for fd in range(3)))
    program = entry.filter()
    with contextlib.ExitStack() as undo:
        signals = -1
        if detached:
            undo.enter_context(ended_by_signals())
        else:
            signals = undo.enter_context(caught_signals())
        connection = undo.enter_context(sockets.connect(path)) if path else None
        started = exec_process(
            undo.enter_context(open_init(values)),
            namespace_flags(parse_spec(config).namespaces),
            replace(prepare(process, stdio, program), outlives_parent=detached),
            cgroup=group,
        )
        with _killed_on_failure(started):
            if connection is not None:
                assert started.console is not None, "a terminal was asked for"
                sockets.hand_over(connection, started.console)
            write_pid_file(invocation, started.pid)
        if detached:
            return 0
        return relay(started, signals)


@contextlib.contextmanager
def _killed_on_failure(started: ExecProcess) -> Iterator[None]:
    try:
        yield
    except BaseException:
        pidfd_send_signal(started.pidfd.fileno(), _SIGKILL)
        raise
