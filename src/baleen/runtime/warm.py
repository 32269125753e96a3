"""A PID 1 made ahead: forked, in namespaces of its own, waiting for a container to begin with.

::

    worker W, between two starts                    C, a sibling of W
        clone ──────────────────────────────────►     net, uts, ipc unshared; pid by the clone;
                                                      in a control group, see `warm_groups`
        ◄──────────────────────────── "N" ──────     ready
                   (an order arrives)
                                                      makes /proc, /sys, /dev: see `warm_tree`
             ──── {"request": path} ────────────►     reads the documents, as W does meanwhile
             ──── "U" ──────────────────────────►     this is the one: mount unshared
             ──── "G" ──────────────────────────►     and on as every PID 1, see `launch`
             ──── "I" + streams ────────────────►     when they are there, at the latest moment

The next container is mostly like the last one, so C's namespaces are those of the container before.
For one that wants others C stays, and waits on. The mount namespace is not made ahead: it would
miss what is mounted on the host until then.

C knows no more than what W knew, shows no more than an empty pid namespace, and ends as W does.
One for each worker that has started a container and has nothing to do: see `nursery` for how many
that are, and when they are let go.

See: namespaces(7); DESIGN's figures of what a start consists of.
"""

from __future__ import annotations

import contextlib
import os
import select

from baleen.errors import BaleenError
from baleen.linux import namespaces as ns
from baleen.linux.fd import Fd
from baleen.linux.own_pages import own_ranges, populate
from baleen.linux.process import pidfd_open, set_name
from baleen.linux.record import record
from baleen.runtime import init_process, sync
from baleen.runtime.children import destroy
from baleen.runtime.failure import LaunchError
from baleen.runtime.forking import fork_into
from baleen.runtime.interfaces import bring_up_loopback
from baleen.runtime.link import Link, channel
from baleen.runtime.namespace_plan import new_namespaces
from baleen.runtime.prepare import LATER, prepare
from baleen.runtime.protocol import decode, encode
from baleen.runtime.request import load_request, load_spec, read_file
from baleen.runtime.warm_groups import END_S, let_go, make_group
from baleen.runtime.warm_tree import make_tree, tree_plan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final, NoReturn

    from baleen.linux.cgroup import Cgroup, CgroupDriver
    from baleen.linux.own_pages import Range
    from baleen.runtime.request import StartRequest
    from baleen.runtime.spec import Spec
    from baleen.runtime.warm_tree import WarmTree

__all__ = ["Kinds", "WarmInit", "kinds_of", "make_warm"]

_USE: Final = b"U"
_AHEAD: Final = ("network", "uts", "ipc")


@record(frozen=True, slots=True)
class Kinds:
    """CLONE_NEW* flags of the namespaces: made by the clone, made ahead, made by a start.

    `cgroup_parent` is the path of the parent of the control group, "" without one;
    `cgroup_namespace`: it is the root of a new cgroup namespace.
    """

    by_clone: int
    ahead: int
    at_start: int
    cgroup_parent: str
    cgroup_namespace: bool


def kinds_of(request: StartRequest, spec: Spec) -> Kinds | None:
    """What a PID 1 made ahead for such a container has; None: there cannot be one."""
    if (
        request.init
        or request.runtime is not None
        or request.checkpoint is not None
        or "user" in spec.namespaces
        or any(path is not None for path in spec.namespaces.values())
        or "pid" not in spec.namespaces
        or "mount" not in spec.namespaces
        or ("uts" in spec.namespaces and not spec.hostname)
        or spec.hooks is not None
        or spec.seccomp_use is not None
        or spec.net_devices
        or spec.time_offsets
        or any(mount.id_mappings for mount in spec.mounts)
    ):
        return None
    return Kinds(
        new_namespaces(spec, "pid", "time"),
        new_namespaces(spec, *_AHEAD),
        new_namespaces(spec, "mount"),
        spec.cgroups_path.rpartition("/")[0],
        "cgroup" in spec.namespaces,
    )


class WarmInit:
    """W's side: owns the channel and the descriptors until `take`.

    Attributes:
        pid: as we see it; it is our parent's child, who reaps it.
        pidfd, netns: of it; the loopback interface of a new network namespace is up.
        group: the control group in which it is, to be renamed; None: it is in ours.
    """

    def __init__(
        self, pid: int, pidfd: Fd, netns: Fd, link: Link, kinds: Kinds, group: Cgroup | None
    ) -> None:
        self.pid = pid
        self.pidfd = pidfd
        self.netns = netns
        self.link = link
        self.kinds = kinds
        self.group = group

    @property
    def alive(self) -> bool:
        """Whether it still waits; one that was let go is of no use."""
        return not select.select([self.pidfd], [], [], 0)[0]

    def read(self, path: str) -> None:
        """Have it read the start.json at `path` already; it may be another one's in the end."""
        self.link.send(encode({"request": path}))

    def use(self, undo: contextlib.ExitStack) -> None:
        """Let it be the PID 1 of what it has read; what it owns, `undo` closes from now on."""
        undo.callback(self.link.close)
        undo.enter_context(self.netns)
        undo.callback(destroy, self.pidfd)
        self.link.send(_USE)

    def descriptors(self) -> set[int]:
        """What has to stay open."""
        return {self.pidfd.fileno(), self.netns.fileno(), self.link.fileno()}

    def close(self) -> None:
        """Let it end, to be reaped by our parent, and remove its control group."""
        self.link.close()
        self.pidfd.close()
        self.netns.close()
        if self.group is not None:
            let_go(self.group, END_S)


def make_warm(
    kinds: Kinds,
    spec: Spec,
    cgroups: CgroupDriver,
    tell_parent: Callable[[int, Fd, Cgroup | None], None],
) -> WarmInit | None:
    """Clone one for containers like `spec`, as a child of our parent; None if that does not work.

    `tell_parent` is called with its pid and pidfd, which stays ours, as soon as it exists; and with
    its control group, the parent's to remove with it unless it is used.
    """
    group = make_group(cgroups, kinds.cgroup_parent) if kinds.cgroup_parent else None
    # Both are to be quick later: nothing that either will write to is shared with the other.
    own = own_ranges()
    with contextlib.ExitStack() as undo:
        link, theirs = channel(undo)

        def body(channel: sync.Channel) -> None:
            _wait(channel, kinds, spec, group, cgroups, own)

        def child() -> NoReturn:
            sync.child_main(theirs.fileno(), body)

        try:
            pid = fork_into(kinds.by_clone, child, sibling=True)
            theirs.close()
            pidfd = undo.enter_context(pidfd_open(pid))
            tell_parent(pid, pidfd, group)
            if link.receive()[0] != sync.MESSAGE_NAMESPACES:
                raise LaunchError("warm", 0, "it has failed", 128)
            netns = undo.enter_context(
                Fd(os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC))
            )
            if kinds.ahead & ns.CLONE_NEWNET:
                bring_up_loopback(netns)
            populate(own)
        except (LaunchError, OSError):
            link.close()
            if group is not None:
                let_go(group, END_S)
            return None
        undo.pop_all()
        return WarmInit(pid, pidfd, netns, link, kinds, group)


def _wait(
    own: sync.Channel,
    kinds: Kinds,
    like: Spec,
    group: Cgroup | None,
    cgroups: CgroupDriver,
    memory: list[Range],
) -> None:
    """Be C."""
    sync.begin({own.fd})
    set_name("baleen-warm")
    os.setsid()
    own.stage = "making namespaces"
    ns.unshare(kinds.ahead)
    if group is not None:
        own.stage = "joining the cgroup"
        group.add(0)
        if kinds.cgroup_namespace:
            ns.unshare(ns.CLONE_NEWCGROUP)
    own.send(sync.MESSAGE_NAMESPACES)
    planned = tree_plan(like, has_group=group is not None)
    tree = None
    if planned is not None:
        tree = make_tree(planned, own_cgroup_namespace=kinds.cgroup_namespace)
    populate(memory)
    request: StartRequest | None = None
    spec: Spec | None = None
    error: BaseException | None = None
    while True:
        data, _ = own.receive()
        if data == _USE:
            break
        try:
            request = load_request(str(decode(data)["request"]))
            spec, error = load_spec(request.bundle), None
        except (BaleenError, OSError, ValueError) as err:
            error = err
    own.stage = "spec"
    if error is not None:
        raise error
    assert request is not None
    assert spec is not None
    # Where it was not made ahead it is joined now.
    join = cgroups if group is None else None
    _begin(own, request, spec, kinds, join, tree)


def _begin(
    own: sync.Channel,
    request: StartRequest,
    spec: Spec,
    kinds: Kinds,
    cgroups: CgroupDriver | None,
    tree: WarmTree | None,
) -> NoReturn:
    assert spec.process is not None
    program = request.seccomp_program
    plan = init_process.InitPlan(
        spec=spec,
        process=prepare(spec.process, LATER, None if program is None else read_file(program)),
        bundle=request.bundle,
        rootfs=request.rootfs,
        init=None,
        cgroup=cgroups.open(spec.cgroups_path) if cgroups and spec.cgroups_path else None,
        joined=(),
        cgroup_namespace=-1,
        unshare=kinds.at_start,
        unshare_cgroup=kinds.cgroup_namespace and cgroups is not None,
        channel=own.fd,
        warm_tree=tree,
    )
    own.stage = "making namespaces"
    ns.unshare(kinds.at_start)
    init_process.finish(plan, own)
