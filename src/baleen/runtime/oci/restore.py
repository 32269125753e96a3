"""`restore`: make a container of a bundle and of an image that `checkpoint` has written.

As `run`, but the processes come from criu. All else, limits, mounts and rights, is what the
bundle's document says.
"""

from __future__ import annotations

import contextlib
import os

from baleen.errors import InvalidArgument
from baleen.errors import NotImplemented as Unsupported
from baleen.linux.fd import Fd
from baleen.linux.record import replace
from baleen.runtime.criu.dump import check_supported
from baleen.runtime.criu.images import check_image, open_directory, read_streams
from baleen.runtime.criu.restore import RestorePlan, restore
from baleen.runtime.criu.service import find_criu
from baleen.runtime.foreground import caught_signals, relay
from baleen.runtime.hooks import hook_runner
from baleen.runtime.oci import console as sockets
from baleen.runtime.oci.bundle import read_bundle, seccomp_program
from baleen.runtime.oci.checkpoint import common_options, image_path, work_path
from baleen.runtime.oci.creation import (
    ended_by_signals,
    group_path,
    make_group,
    now,
    write_pid_file,
)
from baleen.runtime.oci.state import Record, Store, check_id, started_at
from baleen.runtime.prepare import Rootfs, Stdio

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.runtime.criu.restore import Restored
    from baleen.runtime.oci.commands import Invocation

__all__ = ["execute"]

_ROOT = "criu-root"


def execute(invocation: Invocation) -> int:
    """Returns the container's exit code, or 0 when it was restored with --detach."""
    if invocation.options.flag("detach"):
        with ended_by_signals(), contextlib.ExitStack() as undo:
            restored = _restore(invocation, undo, detached=True)
            write_pid_file(invocation, restored.pid)
            undo.pop_all()
        return 0
    with caught_signals() as signals, contextlib.ExitStack() as undo:
        restored = _restore(invocation, undo, detached=False)
        write_pid_file(invocation, restored.pid)
        return relay(restored, signals)


def _restore(invocation: Invocation, undo: contextlib.ExitStack, *, detached: bool) -> Restored:
    options = invocation.options
    name = check_id(invocation.arguments[0])
    common = common_options(options)
    bundle = read_bundle(options.text("bundle", "."))
    if options.flag("no-pivot"):
        raise Unsupported("--no-pivot is not supported: criu can only pivot_root(2)")
    process = bundle.spec.process
    if process is None:
        raise InvalidArgument("config.json has no process")
    check_supported(bundle.spec)
    socket_path = options.text("console-socket")
    sockets.check(terminal=process.terminal, detached=detached, path=socket_path)
    criu = find_criu(invocation.criu)
    image = undo.enter_context(open_directory(image_path(options)))
    check_image(image, image_path(options), parents=True)
    streams = read_streams(image, image_path(options))
    console = undo.enter_context(sockets.connect(socket_path)) if socket_path else None
    program = seccomp_program(bundle.spec)
    values = Record(
        id=name,
        bundle=bundle.directory,
        rootfs=bundle.rootfs,
        created=now(),
        creator=os.getpid(),
        creator_start=started_at(os.getpid()),
        cgroup=group_path(bundle, name),
        uid=os.geteuid(),
        annotations=dict(bundle.spec.annotations),
    )
    entry = Store(invocation.root).claim(values, bundle.document, program)
    undo.callback(entry.remove)
    group = make_group(undo, bundle, values.cgroup)
    place = entry.path(_ROOT)
    os.mkdir(place, 0o700)
    hooks = hook_runner(bundle.spec, name, bundle.directory)
    try:
        with work_path(options, entry.directory) as work, contextlib.ExitStack() as held:
            plan = RestorePlan(
                criu=criu,
                image=image,
                work=work,
                streams=streams,
                spec=bundle.spec,
                bundle=bundle.directory,
                rootfs=Rootfs(path=bundle.rootfs),
                place=place,
                stdio=None if process.terminal else Stdio(0, 1, 2),
                cgroup=group,
                netns=_given_network(held, bundle.spec.namespaces.get("network")),
                seccomp=program is not None,
                tcp_established=options.flag("tcp-established"),
                ext_unix_sk=options.flag("ext-unix-sk"),
                shell_job=options.flag("shell-job"),
                file_locks=options.flag("file-locks"),
                auto_dedup=options.flag("auto-dedup"),
                empty_network=common.empty_network,
                cgroups=common.cgroups,
                lsm_profile=options.text("lsm-profile"),
                lsm_mount_context=options.text("lsm-mount-context"),
            )
            restored = restore(plan, hooks=hooks)
    finally:
        os.rmdir(place)
    undo.callback(restored.abandon)
    if console is not None:
        if restored.console is None:
            raise InvalidArgument("the checkpoint has no terminal, which config.json asks for")
        master, restored.console = restored.console, None
        sockets.hand_over(console, master)
    entry.write(
        replace(
            values, pid=restored.pid, start=started_at(restored.pid), creator=0, creator_start=0
        )
    )
    if hooks is not None:
        hooks.run_on_host("poststart", "running", restored.pid)
    return restored


def _given_network(held: contextlib.ExitStack, path: str | None) -> Fd | None:
    if path is None:
        return None
    try:
        return held.enter_context(Fd(os.open(path, os.O_RDONLY | os.O_CLOEXEC)))
    except OSError as error:
        raise InvalidArgument(
            f"cannot join the network namespace {path}: {error.strerror}"
        ) from error
