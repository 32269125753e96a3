"""What `RUN --mount` asks for, made ready: sources on this host, and what else the process gets.

    bind      a tree, or a build context, attached for the run; writes go to a draft that is thrown
              away, unless an output of the operation wants them
    cache     see `caches`
    tmpfs     the runtime's business
    secret    a file in memory, or a variable
    ssh       see `ssh`

Sources are resolved inside their tree; a link in one leads nowhere else (CVE-2024-1753).

See: Dockerfile reference, RUN --mount; BuildKit, solver/pb/ops.proto, Mount.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from baleen.build.exec.caches import CacheUse
from baleen.build.exec.process import BoundMount, TmpfsMount
from baleen.build.exec.ssh import forwarded
from baleen.build.session import LocalDirectory
from baleen.build.trees import EMPTY, Tree
from baleen.errors import InvalidArgument, NotFound
from baleen.linux.fd import Fd
from baleen.linux.overlayfs import mapped_directory
from baleen.linux.path import open_in_root
from baleen.snapshots.root_view import read_only_view, writable_view
from baleen.snapshots.snapshotter import Mounts

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from contextlib import AsyncExitStack, ExitStack
    from pathlib import Path

    from baleen.build.exec.caches import CacheMounts
    from baleen.build.exec.place import Place
    from baleen.build.exec.process import Processes
    from baleen.build.graph import ExecMount
    from baleen.build.interfaces import Input
    from baleen.build.session import Session
    from baleen.build.tree_store import Draft, TreeStore

    Materialize = Callable[[LocalDirectory], Awaitable[Path]]

__all__ = ["Making", "Ready", "Sources", "find_sources", "make_ready"]


@dataclass(slots=True)
class Ready:
    """What the process gets of its mounts.

    Attributes:
        mounts: for the runtime, in order.
        env: variables that come with them.
        drafts: what is written to which output.
    """

    mounts: list[BoundMount | TmpfsMount] = field(default_factory=list)
    env: list[str] = field(default_factory=list)
    drafts: dict[int, Draft] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Making:
    """All that mounts are made with.

    Attributes:
        materialize: gives the directory of a build context.
        user_namespace: whose ids files of trees are shown with; -1: as they are.
    """

    trees: TreeStore
    caches: CacheMounts
    processes: Processes
    materialize: Materialize
    user_namespace: int = -1


@dataclass(frozen=True, slots=True)
class Sources:
    """What had to be waited for, by the place of the mount in the list.

    Attributes:
        inputs: trees, and directories of build contexts.
        caches: directories of caches.
        agents: sockets.
    """

    inputs: dict[int, Tree | Path]
    caches: dict[int, Path]
    agents: dict[int, Path]


async def find_sources(
    making: Making,
    mounts: Sequence[ExecMount],
    inputs: Sequence[Input],
    session: Session,
    place: Place,
    undo: AsyncExitStack,
) -> Sources:
    """Wait for contexts, caches and agents; `undo` gives them back.

    Raises:
        NotFound: a required agent is not there.
    """
    found: dict[int, Tree | Path] = {}
    for index, mount in enumerate(mounts):
        if mount.kind in ("bind", "cache") and (mount.kind == "bind" or mount.input >= 0):
            source = inputs[mount.input] if mount.input >= 0 else EMPTY
            if isinstance(source, LocalDirectory):
                found[index] = await making.materialize(source)
            else:
                found[index] = source
    caches = await _take_caches(making, mounts, inputs, found, undo)
    agents = {}
    for index, mount in enumerate(mounts):
        if mount.kind == "ssh" and (agent := _agent(mount, session)):
            directory = place.path / f"ssh-{index}"
            directory.mkdir(mode=0o700)
            mode = 0o600 if mount.mode is None else mount.mode
            agents[index] = await undo.enter_async_context(
                forwarded(agent, directory, _owner(making, mount), mode)
            )
    return Sources(found, caches, agents)


def make_ready(
    making: Making,
    mounts: Sequence[ExecMount],
    sources: Sources,
    session: Session,
    place: Place,
    undo: ExitStack,
) -> Ready:
    """Make the mounts (the root is none of them) ready; `undo` gives all back. Blocks.

    Raises:
        NotFound: a source or a required secret is not there.
    """
    ready = Ready()
    secrets = _SecretFiles(making, place)
    for index, mount in enumerate(mounts):
        match mount.kind:
            case "bind":
                source = sources.inputs[index]
                ready.mounts.append(_bind(making, mount, source, session, place, undo, ready))
            case "cache":
                path = str(sources.caches[index])
                ready.mounts.append(BoundMount(mount.target, path, mount.readonly))
            case "tmpfs":
                ready.mounts.append(TmpfsMount(mount.target, mount.size_bytes, mount.readonly))
            case "secret":
                secrets.add(mount, session, ready)
            case "ssh" if index in sources.agents:
                path = str(sources.agents[index])
                ready.mounts.append(BoundMount(mount.target, path, mount.readonly))
                if not any(text.startswith("SSH_AUTH_SOCK=") for text in ready.env):
                    ready.env.append(f"SSH_AUTH_SOCK={mount.target}")
            case _:
                pass
    return ready


# --- trees and contexts ---------------------------------------------------------------------------


def _bind(
    making: Making,
    mount: ExecMount,
    source: Tree | Path,
    session: Session,
    place: Place,
    undo: ExitStack,
    ready: Ready,
) -> BoundMount:
    with _root(making, mount, source, session, undo, ready) as root:
        try:
            path = place.attach(root, mount.source, read_only=mount.readonly)
        except OSError as err:
            reason = os.strerror(err.errno or 0).lower()
            raise NotFound(f'cannot mount "{mount.source}" at {mount.target}: {reason}') from err
    return BoundMount(mount.target, path, mount.readonly)


def _root(
    making: Making,
    mount: ExecMount,
    source: Tree | Path,
    session: Session,
    undo: ExitStack,
    ready: Ready,
) -> Fd:
    trees, namespace = making.trees, making.user_namespace
    if not isinstance(source, Tree):
        lower = str(source)
        if mount.readonly:
            if namespace >= 0:
                return mapped_directory(lower, namespace)
            return Fd(os.open(lower, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC))
        return _over(trees, lower, namespace, undo)
    if mount.readonly:
        if namespace >= 0 and (chain_id := trees.unpack(source)) is not None:
            return read_only_view(Mounts(trees.lower(chain_id), None, None, namespace))
        return trees.open_tree(source)
    remapped = making.processes.remapped
    draft = undo.enter_context(trees.draft(source, session.lease, remapped=remapped))
    if mount.output >= 0:
        ready.drafts[mount.output] = draft
    root = draft.root
    return Fd(os.dup(root.fileno()))


def _over(trees: TreeStore, lower: str, namespace: int, undo: ExitStack) -> Fd:
    """Return a writable view of a directory, which stays as it is."""
    above = undo.enter_context(trees.directory())
    for name in ("upper", "work"):
        (above / name).mkdir()
    info = os.stat(lower)  # noqa: PTH116
    os.chown(above / "upper", info.st_uid, info.st_gid)
    (above / "upper").chmod(info.st_mode & 0o7777)
    return writable_view(Mounts((lower,), f"{above}/upper", f"{above}/work", namespace))


# --- caches ---------------------------------------------------------------------------------------


def _cache_use(making: Making, mount: ExecMount, inputs: Sequence[Input]) -> CacheUse:
    base = ""
    if mount.input >= 0:
        source = inputs[mount.input]
        layers = "" if isinstance(source, LocalDirectory) else ",".join(source.diff_ids)
        base = f"{layers}:{mount.source}"
    remapped = making.processes.remapped
    return CacheUse(
        id=mount.cache_id or mount.target,
        base=base,
        uid=mount.uid,
        gid=mount.gid,
        mode=0o755 if mount.mode is None else mount.mode,
        scope="" if remapped is None else str(remapped.to_host(0, 0)),
    )


async def _take_caches(
    making: Making,
    mounts: Sequence[ExecMount],
    inputs: Sequence[Input],
    sources: dict[int, Tree | Path],
    undo: AsyncExitStack,
) -> dict[int, Path]:
    """Take each cache once, in an order that all steps have: so none waits for another for ever."""
    names = {
        index: _cache_use(making, mount, inputs).name
        for index, mount in enumerate(mounts)
        if mount.kind == "cache"
    }
    taken: dict[str, Path] = {}
    for index in sorted(names, key=lambda index: names[index]):
        if names[index] in taken:
            continue
        mount, source = mounts[index], sources.get(index)

        def base(source: Tree | Path | None = source, mount: ExecMount = mount) -> Fd | None:
            return None if source is None else _base(making, source, mount)

        use = _cache_use(making, mount, inputs)
        taken[names[index]] = await undo.enter_async_context(
            making.caches.used(use, mount.sharing, base)
        )
    return {index: taken[name] for index, name in names.items()}


def _base(making: Making, source: Tree | Path, mount: ExecMount) -> Fd:
    if isinstance(source, Tree):
        root = making.trees.open_tree(source)
    else:
        root = Fd(os.open(str(source), os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC))
    with root:
        try:
            return open_in_root(root.fileno(), mount.source, os.O_PATH | os.O_DIRECTORY)
        except OSError as err:
            reason = os.strerror(err.errno or 0).lower()
            raise NotFound(f'cannot fill a cache with "{mount.source}": {reason}') from err


# --- secrets and agents ---------------------------------------------------------------------------


def _owner(making: Making, mount: ExecMount) -> tuple[int, int]:
    remapped = making.processes.remapped
    return (mount.uid, mount.gid) if remapped is None else remapped.to_host(mount.uid, mount.gid)


def _agent(mount: ExecMount, session: Session) -> str | None:
    name = mount.id or "default"
    agent = session.ssh.get(name)
    if agent is None and mount.required:
        raise NotFound(f"ssh agent {name}: not found", hint="give it with --ssh")
    return agent


class _SecretFiles:
    """Files of secrets, in one file system in memory, which is made for the first of them."""

    def __init__(self, making: Making, place: Place) -> None:
        self._making = making
        self._place = place
        self._directory: Path | None = None

    def add(self, mount: ExecMount, session: Session, ready: Ready) -> None:
        """Add the secret to what is `ready` (NotFound: it is required and not there)."""
        secret = session.secrets.get(mount.id)
        if secret is None:
            if mount.required:
                raise NotFound(f"secret {mount.id}: not found", hint="give it with --secret")
            return
        if mount.env:
            if b"\0" in secret.data:
                raise InvalidArgument(f"secret {mount.id} has a NUL byte: it can be no variable")
            text = secret.data.decode("utf-8", "surrogateescape")
            ready.env.append(f"{mount.env}={text}")
        if mount.target:
            path = self._file(mount, secret.data, len(ready.mounts))
            ready.mounts.append(BoundMount(mount.target, path, read_only=True))

    def _file(self, mount: ExecMount, data: bytes, number: int) -> str:
        if self._directory is None:
            self._directory = self._place.tmpfs("mode=700,size=64m")
        path = f"{self._directory}/{number}"
        with Fd(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)) as file:
            view = memoryview(data)
            while view:
                view = view[os.write(file.fileno(), view) :]
            os.fchown(file.fileno(), *_owner(self._making, mount))
            os.fchmod(file.fileno(), 0o400 if mount.mode is None else mount.mode)
        return path
