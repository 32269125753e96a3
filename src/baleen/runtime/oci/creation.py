"""Making a container, for `create` and `run`: everything up to a PID 1 that waits.

::

    read and check the bundle               bad input ends here, and nothing was made
    claim the name                          the record says "creating"
    launch.create                           PID 1 makes its namespaces, we its cgroup; its mounts
    loopback, then its mounts               prestart and createRuntime hooks within
    console socket, record

Each step has its undo pushed before it is needed: a failure, or a signal that would end us, leaves
nothing. If we are killed outright the kernel kills PID 1 with us, and `delete` finds the rest.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time

from baleen.errors import InvalidArgument
from baleen.errors import NotImplemented as Unsupported
from baleen.linux.cgroup import detect
from baleen.linux.record import record, replace
from baleen.runtime import launch
from baleen.runtime.default_spec import default_device_rules
from baleen.runtime.oci.bundle import read_bundle, seccomp_program
from baleen.runtime.oci.parking import Parking
from baleen.runtime.oci.state import Record, Store, check_id, started_at, write_whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator
    from types import FrameType
    from typing import NoReturn

    from baleen.linux.cgroup.driver import Cgroup, CgroupDriver
    from baleen.runtime.oci.bundle import Bundle
    from baleen.runtime.oci.commands import Invocation
    from baleen.runtime.oci.state import Entry

__all__ = [
    "Created",
    "create",
    "ended_by_signals",
    "group_path",
    "make_group",
    "now",
    "preserved_descriptors",
    "write_pid_file",
]


@record(frozen=True, slots=True)
class Created:
    """A container whose PID 1 is ready; `launch.Container.start` is the next step.

    `close` forgets our descriptors of it.
    """

    bundle: Bundle
    entry: Entry
    record: Record
    group: Cgroup
    container: launch.Container


@contextlib.contextmanager
def ended_by_signals() -> Iterator[None]:
    """While held, the signals that end a program raise SystemExit, so that undo steps run."""

    def end(number: int, _: FrameType | None) -> NoReturn:
        raise SystemExit(128 + number)

    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    previous = [signal.signal(number, end) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, previous, strict=True):
            signal.signal(number, handler)


def now() -> str:
    """The time as RFC 3339 has it, to the nanosecond."""
    seconds, nanoseconds = divmod(time.time_ns(), 10**9)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{nanoseconds:09d}Z"


def create(
    invocation: Invocation, undo: contextlib.ExitStack, *, detached: bool, parked: bool
) -> Created:
    """Make the container of `invocation`; what is on `undo` then takes it away again.

    Args:
        invocation: of a command with the options of `create`.
        undo: where each step's reverse is put before the next.
        detached: the container goes on when we end; its terminal goes to the console socket.
        parked: after `start` it waits for `release` by another process.
    """
    options = invocation.options
    name = check_id(invocation.arguments[0])
    preserved = preserved_descriptors(options.number("preserve-fds"))
    bundle = read_bundle(options.text("bundle", "."))
    if options.flag("no-pivot") and "user" in bundle.spec.namespaces:
        raise Unsupported("--no-pivot is not supported with a user namespace")
    process = bundle.spec.process
    if process is None:
        raise InvalidArgument("config.json has no process")
    use = bundle.spec.seccomp_use
    if parked and process.no_new_privileges and use is not None and use.listener_path:
        # The filter comes last then, when nobody is there any more to take its notifications.
        raise Unsupported("seccomp notifications with noNewPrivileges need `run`, not `create`")
    terminal, path = process.terminal, options.text("console-socket")
    console = None
    if terminal or path:
        from baleen.runtime.oci import console as sockets

        sockets.check(terminal=terminal, detached=detached, path=path)
        console = undo.enter_context(sockets.connect(path)) if path else None
    program = seccomp_program(bundle.spec)
    resources, driver = _resources(bundle), detect()
    if invocation.systemd_cgroup:
        _check_scope(driver, bundle.spec.cgroups_path)
    store = Store(invocation.root)
    values = Record(
        id=name,
        bundle=bundle.directory,
        rootfs=bundle.rootfs,
        created=now(),
        creator=os.getpid(),
        creator_start=started_at(os.getpid()),
        cgroup=group_path(bundle, name, systemd=invocation.systemd_cgroup),
        uid=os.geteuid(),
        shares_pids=bundle.spec.namespaces.get("pid", "host") is not None,
        annotations=dict(bundle.spec.annotations),
    )
    entry = store.claim(values, bundle.document, program)
    undo.callback(entry.remove)
    group = driver.open(values.cgroup)

    def make_it(pid: int) -> None:
        driver.create(values.cgroup, resources, pid)
        undo.callback(group.remove)
        undo.callback(group.kill)

    parking = None
    if parked:
        parking = Parking(entry.directory)
        undo.callback(parking.close)
    container = launch.create(
        bundle.spec,
        bundle=bundle.directory,
        rootfs=launch.Rootfs(path=bundle.rootfs),
        seccomp_program=program,
        stdio=None if terminal else launch.Stdio(0, 1, 2),
        cgroup=group,
        meanwhile=make_it,
        container_id=name,
        parking=parking,
        preserved=preserved,
        outlives_us=detached,
        new_keyring=not options.flag("no-new-keyring"),
        pivot=not options.flag("no-pivot"),
    )
    undo.callback(container.abandon)
    values = replace(values, pid=container.pid, start=started_at(container.pid))
    # Still "creating", but whoever finds it knows what to clean up.
    entry.write(values)
    if bundle.spec.namespaces.get("network", "") is None:
        from baleen.linux.netns import bring_up_loopback

        bring_up_loopback(container.netns)
    container.wait_ready()  # prestart and createRuntime hooks run within it
    for warning in container.warnings:
        invocation.report.warning(warning)
    if console is not None:
        hand_over_console(console, container)
    values = replace(values, creator=0, creator_start=0)
    entry.write(values)
    return Created(bundle, entry, values, group, container)


def write_pid_file(invocation: Invocation, pid: int) -> None:
    """Write the file of --pid-file, if one is wanted."""
    path = invocation.options.text("pid-file")
    if path:
        write_whole(os.path.abspath(path), b"%d" % pid)


def preserved_descriptors(count: int) -> tuple[int, ...]:
    """Descriptors 3 to 3 + `count`, all of which must be open. Raises InvalidArgument."""
    if not 0 <= count <= 1 << 16:
        raise InvalidArgument(f"--preserve-fds {count} is not a number of descriptors")
    for fd in range(3, 3 + count):
        try:
            os.fstat(fd)
        except OSError as error:
            raise InvalidArgument(f"--preserve-fds {count}: descriptor {fd} is not open") from error
    return tuple(range(3, 3 + count))


def group_path(bundle: Bundle, name: str, *, systemd: bool = False) -> str:
    """The absolute path of the control group that the document wants, or the name of a scope."""
    if systemd:
        return bundle.spec.cgroups_path or f":baleen:{name}"
    path = bundle.spec.cgroups_path or name
    return path if path.startswith("/") else f"/{path}"


def _check_scope(driver: CgroupDriver, path: str) -> None:
    from baleen.linux.cgroup.systemd import SystemdDriver, scope_of

    if not isinstance(driver, SystemdDriver):
        raise Unsupported(
            "systemd cgroup flag passed, but systemd support for managing cgroups is not available"
        )
    if path:
        scope_of(path)


def make_group(undo: contextlib.ExitStack, bundle: Bundle, path: str) -> Cgroup:
    """Make it with the limits of the document; what is on `undo` kills it and takes it away."""
    group = detect().create(path, _resources(bundle))
    undo.callback(group.remove)
    undo.callback(group.kill)
    return group


def _resources(bundle: Bundle) -> dict[str, object]:
    resources = dict(bundle.spec.resources)
    given = resources.get("devices")
    if given is None:
        given = []
    if not isinstance(given, list):
        raise InvalidArgument("linux.resources.devices: a list is needed")
    # As with runc: nothing that is not allowed, and what every container may use in any case.
    resources["devices"] = [{"allow": False, "access": "rwm"}, *given, *default_device_rules()]
    return resources


def hand_over_console(connection: socket.socket, container: launch.Container) -> None:
    from baleen.runtime.oci import console as sockets

    master = container.console
    assert master is not None, "a terminal was asked for"
    container.console = None
    sockets.hand_over(connection, master)
