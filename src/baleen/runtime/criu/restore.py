"""A restore: from image files to a container's PID 1, in what its own document says.

::

    S, the caller                              H, forked: becomes criu
      network namespace, pipes are there
                                                 joins the control group
                                                 own mount namespace: the root, over an empty
                                                 directory of ours; places for the binds
                                                 own cgroup namespace, if the container has one
      ◄──── which bind goes where ───────────   execve
      ──── the request ──────────────────────►  makes namespaces and processes, still stopped
      ◄─── "setup-namespaces", pid ──────────   S: prestart and createRuntime hooks
      ◄─── a terminal's master ──────────────
      ◄─── "pre-resume" ─────────────────────   S looks at what it made, see `proving`
      ◄─── done ─────────────────────────────   PID 1 runs, H ends

PID 1 becomes criu's sibling, so a child of S, or, as H does, of S's parent.

What is not restored by criu but comes from the document: the control group with its limits, the
binds, the network namespace where it is external, and the root.

See: criu(8); `baleen.runtime.launch` for a start without an image.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import stat

from baleen.linux import mount as m
from baleen.linux import namespaces as ns
from baleen.linux import process as linux_process
from baleen.linux.capabilities import capget
from baleen.linux.fd import Fd
from baleen.linux.path import make_directory, make_file
from baleen.linux.record import record
from baleen.runtime.children import destroy
from baleen.runtime.criu import messages
from baleen.runtime.criu.dump import CGROUP_MODES, LOG_LEVEL, check_supported
from baleen.runtime.criu.external import NETWORK, external_mount
from baleen.runtime.criu.mounts import mount_id, read_mounts
from baleen.runtime.criu.proving import Bound, prove
from baleen.runtime.criu.service import CriuFailed, Service, become_criu, pair
from baleen.runtime.failure import LaunchError, decode_failure, encode_failure
from baleen.runtime.rootfs import attach_root, open_root

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from typing import Any, Final, NoReturn

    from baleen.linux.cgroup.driver import Cgroup
    from baleen.runtime.hooks import HookRunner
    from baleen.runtime.prepare import Rootfs, Stdio
    from baleen.runtime.spec import Spec

__all__ = ["RestorePlan", "Restored", "restore"]

_LOG: Final = "restore.log"
_LOWEST_FD: Final = 3
_CHUNK: Final = 1 << 16


@record(frozen=True, slots=True)
class RestorePlan:
    """All that a restore needs; everything stays the caller's.

    Attributes:
        criu: path of the program.
        image, work: directories of the image and of criu's log, restore.log.
        streams: of the image, see `images.read_streams`; `stdio` takes their places.
        place: an empty directory of ours, over which the root is mounted for criu.
        netns: the network namespace to be in; None: criu makes it of the image.
        lsm_profile, lsm_mount_context: as criu takes them.
    """

    criu: str
    image: Fd
    work: Fd
    streams: tuple[str, ...]
    spec: Spec
    bundle: str
    rootfs: Rootfs
    place: str
    stdio: Stdio | None
    cgroup: Cgroup
    netns: Fd | None
    seccomp: bool
    tcp_established: bool = False
    ext_unix_sk: bool = False
    shell_job: bool = False
    file_locks: bool = False
    auto_dedup: bool = False
    empty_network: bool = False
    cgroups: str = "ignore"
    lsm_profile: str = ""
    lsm_mount_context: str = ""


class Restored:
    """A container that runs again: as `launch.Container` is to those who watch it.

    Attributes:
        pid, pidfd: of PID 1. `console`: the terminal's master, if it had one.
    """

    def __init__(self, pid: int, pidfd: Fd, console: Fd | None) -> None:
        self.pid = pid
        self.pidfd = pidfd
        self.console = console

    def abandon(self) -> None:
        """Kill and reap it, and close the descriptors."""
        destroy(self.pidfd)
        self.close()

    def close(self) -> None:
        """Close the descriptors; the process goes on."""
        for fd in (self.pidfd, self.console):
            if fd is not None:
                fd.close()


class _Watch:
    """Takes criu's notices: keeps process and terminal, runs hooks, has the result proved."""

    def __init__(
        self,
        plan: RestorePlan,
        bound: Bound,
        helper: int,
        hooks: HookRunner | None,
        for_parent: Callable[[int, Fd | None], None] | None,
    ) -> None:
        self._plan = plan
        self._bound = bound
        self._helper = helper
        self._hooks = hooks
        self._for_parent = for_parent
        self.pid = 0
        self.pidfd: Fd | None = None
        self.console: Fd | None = None
        self.proved = False

    def notice(self, answer: messages.Answer, fd: Fd | None) -> None:
        if answer.stage == "orphan-pts-master" and self.console is None:
            self.console = fd
        elif fd is not None:
            fd.close()
        if answer.pid and self.pidfd is None:
            self._meet(answer.pid)
        if answer.stage == "setup-namespaces" and self._hooks is not None:
            for kind in ("prestart", "createRuntime"):
                self._hooks.run_on_host(kind, "creating", self.pid)
        if answer.stage == "pre-resume":
            # The last one: they have their final rights, and still stand.
            try:
                prove(self._plan.spec, self._bound, self._plan.cgroup, self.pid, self._helper)
            except BaseException:
                # criu would let them go all the same.
                self._plan.cgroup.kill()
                raise
            self.proved = True

    def _meet(self, pid: int) -> None:
        pidfd = linux_process.pidfd_open(pid)
        family = os.getpid() if self._for_parent is None else os.getppid()
        if linux_process.parent_of(pid) != family:
            pidfd.close()
            raise CriuFailed(f"criu restored process {pid}, which is no child of ours")
        self.pid, self.pidfd = pid, pidfd
        if self._for_parent is not None:
            self._for_parent(pid, pidfd)

    def close(self) -> None:
        """Kill what was restored, after a failure."""
        if self.pidfd is not None:
            destroy(self.pidfd)
        if self.console is not None:
            self.console.close()


def restore(
    plan: RestorePlan,
    *,
    hooks: HookRunner | None = None,
    for_parent: Callable[[int, Fd | None], None] | None = None,
) -> Restored:
    """Restore the container; returns when its processes run.

    Args:
        plan: what and where. The control group must exist, with its limits.
        hooks: of the document; those on the host that come before a start are run.
        for_parent: as of `launch.create`: PID 1 becomes a child of our parent.

    Raises:
        NotImplemented: see `dump.check_supported`.
        CriuFailed, PermissionDenied, LaunchError: nothing of the processes is left.
    """
    check_supported(plan.spec)
    with contextlib.ExitStack() as held:
        errors = held.enter_context(Fd(os.memfd_create("criu-errors")))
        ours, theirs = pair()
        held.callback(ours.close)
        held.callback(theirs.close)
        inherited, values = _inherit(held, plan)
        reader, writer = os.pipe2(os.O_CLOEXEC)
        told = held.enter_context(Fd(reader))
        tells = held.enter_context(Fd(writer))
        helper = os.fork() if for_parent is None else ns.clone_sibling()
        if helper == 0:
            _be_helper(plan, theirs, inherited, errors, tells)
        if for_parent is None:
            # Last of all: criu has ended when its end is closed.
            held.callback(os.waitpid, helper, 0)
        else:
            for_parent(helper, None)
        held.callback(ours.close)
        tells.close()
        theirs.close()
        facts = _told(told)
        if facts["external"]:
            values["external"] = facts["external"]
        watch = _Watch(plan, _bound(plan, facts), helper, hooks, for_parent)
        service = Service(ours, errors, plan.work, _LOG)
        try:
            service.ask(messages.RESTORE, messages.encode_options(values), watch.notice)
            if not watch.proved or watch.pidfd is None:
                raise CriuFailed("criu did not tell what it restored")
            service.wait_end()
        except BaseException:
            ours.close()
            watch.close()
            raise
    return Restored(watch.pid, watch.pidfd, watch.console)


def _inherit(held: contextlib.ExitStack, plan: RestorePlan) -> tuple[list[int], dict[str, object]]:
    """The descriptors that criu gets, which `held` closes, and the options of the request."""
    import fcntl

    inherited: list[int] = []
    keys: list[object] = []

    def pass_on(key: str, fd: int) -> None:
        # Above 2, which are criu's own.
        copy = held.enter_context(Fd(fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _LOWEST_FD)))
        inherited.append(copy.fileno())
        keys.append({"key": key, "fd": copy.fileno()})

    stdio = plan.stdio
    if stdio is not None:
        known = set()
        for key, fd in zip(plan.streams, (stdio.stdin, stdio.stdout, stdio.stderr), strict=True):
            if key and key not in known:
                known.add(key)
                pass_on(key, fd)
    if plan.netns is not None:
        pass_on(NETWORK, plan.netns.fileno())
    values: dict[str, object] = {
        "images_dir_fd": plan.image.fileno(),
        "work_dir_fd": plan.work.fileno(),
        "log_level": LOG_LEVEL,
        "log_file": _LOG,
        "root": plan.place,
        "rst_sibling": True,
        "notify_scripts": True,
        "orphan_pts_master": True,
        "tcp_established": plan.tcp_established,
        "ext_unix_sk": plan.ext_unix_sk,
        "shell_job": plan.shell_job,
        "file_locks": plan.file_locks,
        "auto_dedup": plan.auto_dedup,
        "ext_masters": True,
        "ext_sharing": True,
        "manage_cgroups": True,
        "manage_cgroups_mode": CGROUP_MODES[plan.cgroups],
        "inherit_fd": keys,
    }
    if plan.empty_network:
        values["empty_ns"] = ns.CLONE_NEWNET
    if plan.lsm_profile:
        values["lsm_profile"] = plan.lsm_profile
    if plan.lsm_mount_context:
        values["lsm_mount_context"] = plan.lsm_mount_context
    return inherited, values


def _bound(plan: RestorePlan, facts: dict[str, Any]) -> Bound:
    spec = plan.spec
    process = spec.process
    wanted = process.capabilities.bounding if process and process.capabilities else 0
    _, permitted, _ = capget()
    return Bound(
        capabilities=wanted & permitted,
        no_new_privileges=process is not None and process.no_new_privileges,
        filtered=plan.seccomp,
        network=0 if plan.netns is None else os.fstat(plan.netns.fileno()).st_ino,
        group=facts["cgroup"],
        devices=frozenset(facts["devices"]),
    )


# -- H --------------------------------------------------------------------------------------------


def _be_helper(
    plan: RestorePlan, end: socket.socket, inherited: list[int], errors: Fd, tells: Fd
) -> NoReturn:
    stage = "preparing the restore"
    try:
        linux_process.set_parent_death_signal(signal.SIGKILL)
        os.setsid()
        stage = "joining the cgroup"
        plan.cgroup.add(0)
        stage = "mounting the root file system"
        ns.unshare(ns.CLONE_NEWNS)
        m.mount(None, "/", None, m.MS_SLAVE | m.MS_REC)
        root = open_root(plan.rootfs)
        attach_root(root, plan.place)
        stage = "making places for mounts"
        facts = _prepare_mounts(plan, root)
        root.close()
        if plan.spec.namespaces.get("cgroup", "") is None:
            stage = "making namespaces"
            ns.unshare(ns.CLONE_NEWCGROUP)
            facts["cgroup"] = os.stat("/proc/self/ns/cgroup").st_ino
        process = plan.spec.process
        if process is not None and process.no_new_privileges:
            # criu 3.17 does not know of it; what it makes inherits it in any case.
            linux_process.set_no_new_privileges()
        stage = "executing criu"
        os.write(tells.fileno(), json.dumps(facts).encode())
        stdin = 0 if plan.shell_job else -1
        become_criu(
            plan.criu, end.fileno(), errors=errors.fileno(), stdin=stdin, inherited=inherited
        )
    except BaseException as error:  # S raises it
        with contextlib.suppress(OSError):
            os.write(tells.fileno(), b"\n" + encode_failure(stage, error))
    finally:
        os._exit(127)


def _prepare_mounts(plan: RestorePlan, root: Fd) -> dict[str, Any]:
    """Make the places that mounts need in the root.

    Returns the binds as criu takes them, and the devices of all that may be mounted.
    """
    lines = read_mounts(os.getpid())
    devices = {line.id: line.device for line in lines}
    external: list[str] = []
    used = {devices[mount_id(f"/proc/self/fdinfo/{root.fileno()}")]}
    covered: list[str] = []
    for mount in plan.spec.mounts:
        if mount.options.flags & m.MS_REMOUNT:
            continue
        source = os.path.realpath(os.path.join(plan.bundle, mount.source))
        place = mount.destination
        if not any(place.startswith(f"{above}/") for above in covered):
            directory = mount.type != "bind" or stat.S_ISDIR(os.stat(source).st_mode)
            make = make_directory if directory else make_file
            with make(root.fileno(), place) as made:
                # Symbolic links of the image have led here: criu names it so.
                found = os.readlink(f"/proc/self/fd/{made.fileno()}")
            place = found.removeprefix(plan.place)
        covered.append(mount.destination)
        if mount.type == "bind":
            with Fd(os.open(source, os.O_PATH | os.O_CLOEXEC)) as opened:
                used.add(devices[mount_id(f"/proc/self/fdinfo/{opened.fileno()}")])
            external.append(external_mount(place, source))
            below = f"{source.rstrip('/')}/"
            for line in lines if mount.options.recursive_bind else ():
                if line.place.startswith(below):
                    used.add(line.device)
                    external.append(
                        external_mount(place + "/" + line.place[len(below) :], line.place)
                    )
    return {"external": external, "devices": sorted(used), "cgroup": 0}


def _told(told: Fd) -> dict[str, Any]:
    """What H says before it becomes criu. Raises LaunchError if it did not."""
    data = b""
    while part := os.read(told.fileno(), _CHUNK):
        data += part
    text, _, failure = data.partition(b"\n")
    if failure:
        raise decode_failure(failure)
    if not text:
        raise LaunchError("restore", 0, "the process that was to become criu died", 128)
    facts: dict[str, Any] = json.loads(text)
    return facts
