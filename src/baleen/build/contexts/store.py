"""Build contexts by build: taken in, read, given to the builder, removed.

A context that came as an archive is one nameless file and an index in memory; a checkout is a
directory below the store's own. `unpacked` makes a directory of any of them, for a mount.

The Dockerfile and the `.dockerignore` are read from the whole context; what the latter leaves out
is not to be copied, they themselves perhaps included (LocalDirectory.exclude).
"""

from __future__ import annotations

import os
import posixpath
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING

from baleen.api.ignore import Ignore, parse_ignore
from baleen.archive.apply import apply_layer
from baleen.archive.tree import remove_tree
from baleen.build.contexts.fetching import body_of
from baleen.build.contexts.git import GitAccess, check_out, open_subdirectory
from baleen.build.contexts.receiving import read_context
from baleen.build.contexts.remote import is_git_url, parse_git_url
from baleen.build.files.archive_tree import CONTEXT_LIMITS
from baleen.build.files.copying import Copier
from baleen.build.files.layer import Layer
from baleen.build.files.on_demand import OnDemandTree
from baleen.build.files.packing import pack_layer
from baleen.build.files.pruning import PrunedTree
from baleen.build.files.selecting import select
from baleen.build.files.spooling import spool_file
from baleen.build.session import LocalDirectory
from baleen.errors import InvalidArgument, NotFound
from baleen.linux.fd import Fd

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator
    from pathlib import Path

    from baleen.archive.limits import Limits
    from baleen.build.files.threads import Workers
    from baleen.build.files.tree import FileTree
    from baleen.build.session import Session

__all__ = ["Context", "ContextStore", "git_access"]

_IGNORE_LIMIT = 1 << 20
_DOCKERFILE = "Dockerfile"


@dataclass(slots=True)
class Context:
    """One build's files.

    Attributes:
        path: its directory, which need not exist.
        tree: what is in it.
        commit: of a git repository, or "".
        dockerfile_only: it came as a lone Dockerfile.
    """

    path: Path
    tree: FileTree
    commit: str = ""
    dockerfile_only: bool = False
    _unpacked: dict[tuple[str, ...], Path] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    @property
    def local(self) -> LocalDirectory:
        """What the session's `locals` hold."""
        return LocalDirectory(self.path, source=self.tree)

    def read(self, path: str, *, limit: int) -> bytes:
        """Return a file's content; `Dockerfile` may be `dockerfile`. Links stay inside. Blocks.

        Raises:
            NotFound: `Cannot locate specified Dockerfile: PATH`.
            InvalidArgument: it is outside of the context, no file, or larger than the limit.
        """
        clean = posixpath.normpath(path)
        if clean == ".." or clean.startswith("../"):
            raise InvalidArgument(f"Forbidden path outside the build context: {path} ({clean})")
        names = [clean, clean.lower()] if clean == _DOCKERFILE else [clean]
        for name in names:
            data = self._find(name, limit)
            if data is not None:
                return data
        raise NotFound(f"Cannot locate specified Dockerfile: {path}")

    def _find(self, path: str, limit: int) -> bytes | None:
        try:
            (found,) = select(self.tree, path, patterns=False)
        except NotFound:
            return None
        node = found.node
        if not node.is_file:
            raise InvalidArgument(f"{path} is no regular file")
        if node.size > limit:
            raise InvalidArgument(f"{path} is larger than {limit} bytes")
        return b"".join(self.tree.chunks(node))

    def exclude(self, dockerfile: str) -> tuple[str, ...]:
        """Return the patterns of `<dockerfile>.dockerignore`, else those of `.dockerignore`.

        Raises:
            InvalidArgument: a file of patterns that is too large, or malformed.
        """
        names = [".dockerignore"]
        if dockerfile:
            clean = posixpath.normpath(dockerfile)
            if not clean.startswith("../"):
                names.insert(0, f"{clean}.dockerignore")
        for name in names:
            data = self._find(name, _IGNORE_LIMIT)
            if data is not None:
                patterns = parse_ignore(data)
                Ignore(patterns)
                return patterns
        return ()

    def unpacked(self, exclude: tuple[str, ...] = ()) -> Path:
        """Return a directory with the files that are not left out; made once. Blocks.

        Raises:
            ResourceExhausted: no space.
        """
        with self._lock:
            found = self._unpacked.get(exclude)
            if found is None:
                found = self.path / f"files-{len(self._unpacked)}"
                found.mkdir(mode=0o755, parents=True)
                _unpack(self.tree, exclude, found)
                self._unpacked[exclude] = found
            return found


def _unpack(tree: FileTree, exclude: tuple[str, ...], directory: Path) -> None:
    ignore = Ignore(exclude)
    pruned = PrunedTree(tree, ignore) if ignore else tree
    layer = Layer(None)
    Copier(layer, pruned, owner=(0, 0)).contents(pruned.root, layer.root)
    with Fd(os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)) as root:
        apply_layer(root.fileno(), (), pack_layer(layer))


class ContextStore:
    """See the module's text.

    Args:
        directory: on the data root; nobody else's.
        workers: do what blocks.
        limits: of archives.
    """

    def __init__(
        self, directory: Path, workers: Workers, *, limits: Limits = CONTEXT_LIMITS
    ) -> None:
        self._directory = directory
        self._workers = workers
        self._limits = limits
        self._open: dict[Path, Context] = {}

    @property
    def directory(self) -> Path:
        """Where contexts are, and files that a build needs for a while."""
        return self._directory

    def sweep(self) -> None:
        """Remove what a crash has left. Blocks; before the first context."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in self._directory.iterdir():
            _remove(path)

    @asynccontextmanager
    async def opened(self, name: str, chunks: AsyncIterator[bytes]) -> AsyncIterator[Context]:
        """Take in a context that a client sends: an archive, compressed or not, or a Dockerfile.

        It is removed at the end of the block.

        Raises:
            InvalidArgument: a malformed archive, names the entry.
            ResourceExhausted: a limit is crossed, or no space.
        """

        def take(pieces: Iterator[bytes], check: Callable[[], None]) -> Context:
            return self._received(name, pieces, check)

        path = self._path(name)
        async with self._held(path, self._workers.read(chunks, take)) as context:
            yield context

    @asynccontextmanager
    async def fetched(self, name: str, remote: str, session: Session) -> AsyncIterator[Context]:
        """Take in a context from a git repository or a web server; see `opened`.

        Raises:
            InvalidArgument: a bad URL; Unavailable: it cannot be fetched; and as `opened`.
        """

        def take(check: Callable[[], None]) -> Context:
            if is_git_url(remote):
                return self._checked_out(name, remote, session, check)
            return self._received(name, body_of(remote, check=check), check)

        path = self._path(name)
        async with self._held(path, self._workers.run(take)) as context:
            yield context

    async def materialized(self, local: LocalDirectory) -> Path:
        """Return a directory with what is in `local`, for a mount; it lives as long as the context.

        Raises:
            NotFound: its context is gone.
        """
        if local.source is None and not local.exclude:
            return local.path
        context = self._open.get(local.path)
        if context is None:
            raise NotFound("the build's context is gone")
        return await self._workers.run(lambda _check: context.unpacked(local.exclude))

    # -- taking in

    @asynccontextmanager
    async def _held(
        self, path: Path, taking: Coroutine[None, None, Context]
    ) -> AsyncIterator[Context]:
        context: Context | None = None
        try:
            context = await taking
            self._open[path] = context
            yield context
        finally:
            self._open.pop(path, None)
            await self._workers.finish(lambda: _end(path, context))

    def _path(self, name: str) -> Path:
        if not name or not name.isascii() or not name.replace("-", "").replace("_", "").isalnum():
            raise InvalidArgument(f"invalid build id {name[:64]!r}")
        return self._directory / name

    def _received(self, name: str, chunks: Iterable[bytes], check: Callable[[], None]) -> Context:
        def checked() -> Iterable[bytes]:
            for chunk in chunks:
                check()
                yield chunk

        tree, is_dockerfile = read_context(
            checked(), lambda: spool_file(self._directory), self._limits
        )
        return Context(self._path(name), tree, dockerfile_only=is_dockerfile)

    def _checked_out(
        self, name: str, remote: str, session: Session, check: Callable[[], None]
    ) -> Context:
        where = parse_git_url(remote)
        path = self._path(name)
        made = check_out(
            where, path / "checkout", access=git_access(session, where.url), check=check
        )
        subdirectory = where.subdirectory
        open_subdirectory(path / "checkout", subdirectory).close()
        tree = OnDemandTree(lambda: open_subdirectory(path / "checkout", subdirectory))
        return Context(path, tree, made.commit)


def git_access(session: Session, url: str) -> GitAccess:
    """Return what the build has for git at `url`.

    See: BuildKit, GIT_AUTH_TOKEN and GIT_AUTH_HEADER, with `.host` or without.
    """
    host = url.partition("://")[2].partition("/")[0].rpartition("@")[2].partition(":")[0]

    def secret(name: str) -> str:
        for key in (f"{name}.{host}", name):
            found = session.secrets.get(key)
            if found is not None:
                return found.data.decode("latin-1").strip()
        return ""

    return GitAccess(
        agent=session.ssh.get("default", ""),
        header=secret("GIT_AUTH_HEADER"),
        token=secret("GIT_AUTH_TOKEN"),
    )


def _end(path: Path, context: Context | None) -> None:
    close = getattr(context.tree, "close", None) if context is not None else None
    if close is not None:
        close()
    _remove(path)


def _remove(path: Path) -> None:
    with Fd(os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)) as parent:
        remove_tree(parent.fileno(), path.name)
