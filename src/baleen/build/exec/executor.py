"""The executor of `Exec`: a process in a draft, whose changes become the next tree.

    tree ──► draft ──► mounts, places for them ──► process ──► mounts gone ──► commit ──► tree

Nothing is left of a step that fails or is cancelled, but what it wrote into caches. With
`session.extra["keep_failed"]` the root of a failed command is committed all the same, to be looked
at, as `session.extra["failed"]`.

See: Dockerfile reference, RUN; BuildKit, solver/llbsolver/ops/exec.go.
"""

from __future__ import annotations

import os
import posixpath
from contextlib import AsyncExitStack, ExitStack, contextmanager
from typing import TYPE_CHECKING

from baleen.build.entitlements import DEVICE, check_entitled
from baleen.build.exec.errors import CommandFailed
from baleen.build.exec.mounts import Making, find_sources, make_ready
from baleen.build.exec.place import Place, sweep
from baleen.build.exec.process import BoundMount, Command, Devices, TmpfsMount
from baleen.build.exec.targets import ALWAYS, make_in_layer, make_in_root, missing
from baleen.build.graph import Exec
from baleen.build.session import LocalDirectory
from baleen.build.trees import EMPTY, Tree
from baleen.errors import InvalidArgument
from baleen.snapshots.root_view import read_only_view, writable_view
from baleen.snapshots.snapshotter import Mounts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from baleen.build.exec.caches import CacheMounts
    from baleen.build.exec.mounts import Materialize, Ready
    from baleen.build.exec.process import Ending, Processes
    from baleen.build.files.threads import Workers
    from baleen.build.graph import Vertex
    from baleen.build.interfaces import Input, Report
    from baleen.build.session import Session
    from baleen.build.tree_store import Draft, TreeStore
    from baleen.linux.fd import Fd

__all__ = ["Execs"]


async def _as_it_is(local: LocalDirectory) -> Path:
    return local.path


class Execs:
    """Implements `build.interfaces.Executor` for `Exec`.

    Args:
        trees: file trees.
        processes: the engine.
        caches: cache mounts.
        runs: directory for what runs need on the host; gone with a reboot at best.
        workers: threads of builds.
        materialize: gives the directory of a build context.
        user_namespace: the one that processes' ids come from; -1: the host's.
    """

    def __init__(
        self,
        trees: TreeStore,
        processes: Processes,
        caches: CacheMounts,
        runs: Path,
        workers: Workers,
        *,
        materialize: Materialize = _as_it_is,
        user_namespace: int = -1,
    ) -> None:
        self._trees = trees
        self._processes = processes
        self._runs = runs
        self._making = Making(trees, caches, processes, materialize, user_namespace)
        self._caches = caches
        self._workers = workers

    def start(self) -> None:
        """End and remove what a daemon that died has left. Blocks."""
        sweep(self._runs, self._processes.end)
        self._caches.start()

    async def run(
        self, vertex: Vertex, inputs: Sequence[Input], session: Session, report: Report
    ) -> Sequence[Tree]:
        """Run the process; return a tree for each output.

        Raises:
            CommandFailed: it ended with another code than 0.
            StartFailed: it cannot be executed.
            PermissionDenied: it asks for what the build may not have.
            NotFound: what it wants mounted is not there.
        """
        op = vertex.op
        assert isinstance(op, Exec)
        root, *others = op.mounts
        check_entitled(op, session.entitlements)
        network = op.network or session.network_mode
        insecure = op.security == "insecure"
        devices = Devices()
        if op.devices:
            allowed = DEVICE in session.entitlements
            devices = await self._processes.devices(op.devices, allowed=allowed)
        below = inputs[root.input] if root.input >= 0 else EMPTY
        if isinstance(below, LocalDirectory) or root.source != "/":
            raise InvalidArgument("the root of a command must be a whole tree")
        async with AsyncExitStack() as undo:
            held = ExitStack()
            given_back: list[bool] = []

            async def give_back() -> None:
                if not given_back:
                    await self._workers.finish(held.close)

            undo.push_async_callback(give_back)
            place = held.enter_context(Place(self._runs))
            sources = await find_sources(self._making, others, inputs, session, place, undo)

            def prepare() -> tuple[Draft, Ready, Mounts, Fd, ExitStack, Path]:
                remapped = None if insecure else self._processes.remapped
                draft = held.enter_context(
                    self._trees.draft(below, session.lease, for_processes=True, remapped=remapped)
                )
                ready = make_ready(self._making, others, sources, session, place, held)
                mounting = held.enter_context(ExitStack())
                mounts, view = mounting.enter_context(_prepared(self._trees, draft, ready, devices))
                # What must not be on a disk may be in the environment, which is in the bundle.
                hidden = bool(ready.env or op.proxy_env)
                directory = place.tmpfs("mode=700,size=64m") if hidden else place.path
                return draft, ready, mounts, view, mounting, directory

            draft, ready, mounts, view, mounting, directory = await self._workers.finish(prepare)
            command = Command(
                args=op.args,
                env=[*op.env, *ready.env],
                cwd=op.cwd,
                user=op.user,
                stdin=op.stdin,
                hostname=op.hostname,
                extra_hosts=list(dict.fromkeys((*session.extra_hosts, *op.extra_hosts))),
                network=network,
                insecure=insecure,
                limits=session.limits,
                root=mounts,
                read_only=root.readonly,
                view=view,
                mounts=ready.mounts,
                devices=devices,
            )
            ending = await self._processes.run(place.id, directory, command, report.log)

            def finish() -> list[Tree]:
                with held:
                    mounting.close()
                    place.close()
                    return _commit(op, draft, ready, session, ending)

            trees = await self._workers.finish(finish)
            given_back.append(True)
            return trees


def _commit(op: Exec, draft: Draft, ready: Ready, session: Session, ending: Ending) -> list[Tree]:
    if ending.exit_code and not session.extra.get("keep_failed"):
        raise _failure(op, ending)
    tree = draft.commit(epoch_ns=session.epoch_ns)
    if ending.exit_code:
        session.extra["failed"] = tree
        session.extra["failed_step"] = op
        raise _failure(op, ending)
    outputs = {op.mounts[0].output: tree}
    for output, other in ready.drafts.items():
        outputs[output] = other.commit(epoch_ns=session.epoch_ns)
    return [outputs.get(index, EMPTY) for index in range(max(outputs) + 1)]


def _failure(op: Exec, ending: Ending) -> CommandFailed:
    return CommandFailed(op.args, ending.exit_code, oom_killed=ending.oom_killed)


@contextmanager
def _prepared(
    trees: TreeStore, draft: Draft, ready: Ready, devices: Devices
) -> Iterator[tuple[Mounts, Fd]]:
    """Give how the root is mounted, with places for all mounts, and a view of it."""
    for mount in ready.mounts:
        if posixpath.normpath(mount.target).strip("/") == "":
            raise InvalidArgument(f'invalid mount target "{mount.target}"')
    targets = ((mount.target, _is_directory(mount)) for mount in ready.mounts)
    wanted = [*ALWAYS, *targets, *devices.targets]
    mounts = draft.mounts
    with ExitStack() as stack:
        # With the ids of the image; nothing is written yet.
        shown = Mounts(mounts.lower, None if mounts.lower else mounts.upper, None)
        view = stack.enter_context(read_only_view(shown))
        places = missing(view, wanted)
        if places and not mounts.lower:
            with writable_view(mounts) as root:
                info = os.fstat(root.fileno())
                stack.enter_context(make_in_root(root, places, (info.st_uid, info.st_gid)))
        elif places:
            layer = stack.enter_context(trees.directory())
            make_in_layer(view, str(layer), places)
            mounts = Mounts(
                (str(layer), *mounts.lower), mounts.upper, mounts.work, mounts.user_namespace
            )
        yield mounts, view


def _is_directory(mount: BoundMount | TmpfsMount) -> bool:
    return isinstance(mount, TmpfsMount) or os.path.isdir(mount.source)  # noqa: PTH112
