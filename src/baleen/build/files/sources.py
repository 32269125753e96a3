"""The executors of sources from outside: git repositories and URLs, for ADD and named contexts."""

from __future__ import annotations

import asyncio
import os
import uuid
from contextlib import ExitStack
from typing import TYPE_CHECKING

from baleen.archive.tree import remove_tree
from baleen.build.contexts.fetching import download
from baleen.build.contexts.git import check_out, open_subdirectory
from baleen.build.contexts.remote import checked_remote, redacted
from baleen.build.contexts.store import git_access
from baleen.build.files.archive_tree import single_file
from baleen.build.files.copying import Copier
from baleen.build.files.directory_tree import DirectoryTree
from baleen.build.files.file_ops import store_layer
from baleen.build.files.layer import Layer
from baleen.build.files.spooling import spool_file
from baleen.build.graph import GitSource, HttpSource
from baleen.build.trees import EMPTY, Tree
from baleen.errors import InvalidArgument
from baleen.linux.fd import Fd

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from baleen.build.files.threads import Workers
    from baleen.build.files.tree import FileTree
    from baleen.build.graph import Vertex
    from baleen.build.interfaces import Input, Report
    from baleen.build.session import Session
    from baleen.content.store import ContentStore

__all__ = ["GitFetch", "HttpFetch"]

_MIB = 1 << 20


class HttpFetch:
    """Downloads: one file in a tree of its own, with the time that the server gives it.

    Args:
        content: where the layer's blob goes.
        directory: for what comes in, on the data root.
        workers: do what blocks.
    """

    def __init__(self, content: ContentStore, directory: Path, workers: Workers) -> None:
        self._content = content
        self._directory = directory
        self._workers = workers

    async def run(
        self, vertex: Vertex, inputs: Sequence[Input], session: Session, report: Report
    ) -> Sequence[Tree]:
        """Return a tree of the one file.

        Raises:
            InvalidArgument: a bad URL or name, or another checksum than it must have.
            Unavailable: it can not be had; ResourceExhausted: too large, or no space.
        """
        op = vertex.op
        assert isinstance(op, HttpSource)  # the solver's choice
        loop = asyncio.get_running_loop()
        told = [0]

        def tell(size: int) -> None:
            if size // _MIB > told[0]:
                told[0] = size // _MIB
                text = f"Downloading {told[0]} MiB"
                loop.call_soon_threadsafe(report.status, text)

        def work(check: Callable[[], None]) -> Tree:
            spool = spool_file(self._directory)
            with ExitStack() as undo:
                undo.callback(spool.close)
                got = download(
                    op.url,
                    spool,
                    secrets=session.secrets,
                    checksum=op.checksum,
                    check=check,
                    tell=tell,
                )
                tree = single_file(
                    _file_name(op),
                    spool,
                    mode=op.mode,
                    size=got.size,
                    mtime_ns=got.mtime_ns,
                    digest=got.digest,
                )
                return _stored(self._content, session, tree, check)

        return [await self._workers.run(work)]


def _file_name(op: HttpSource) -> bytes:
    name = os.fsencode(op.filename)
    if name in (b"", b".", b"..") or b"/" in name or b"\0" in name:
        raise InvalidArgument(f"cannot determine filename for source {redacted(op.url)}")
    return name


class GitFetch:
    """Checkouts: the files of a commit, all with the commit's time.

    Args:
        content: where the layer's blob goes.
        directory: for checkouts, on the data root.
        workers: do what blocks.
    """

    def __init__(self, content: ContentStore, directory: Path, workers: Workers) -> None:
        self._content = content
        self._directory = directory
        self._workers = workers

    async def run(
        self, vertex: Vertex, inputs: Sequence[Input], session: Session, report: Report
    ) -> Sequence[Tree]:
        """Return a tree of the files.

        Raises:
            InvalidArgument: a bad URL, reference or subdirectory, or another commit than wanted.
            Unavailable: it can not be had; NotFound: no such commit.
        """
        op = vertex.op
        assert isinstance(op, GitSource)  # the solver's choice
        report.status(f"Fetching {redacted(op.url)}")

        def work(check: Callable[[], None]) -> Tree:
            remote = checked_remote(op.url, op.ref, op.subdirectory, op.checksum)
            name = f"git-{uuid.uuid4().hex}"
            with ExitStack() as undo:
                undo.callback(_remove, self._directory, name)
                path = self._directory / name / "checkout"
                made = check_out(
                    remote,
                    path,
                    access=git_access(session, op.url),
                    keep_git_dir=op.keep_git_dir,
                    check=check,
                )
                with open_subdirectory(path, remote.subdirectory) as top:
                    return _stored(self._content, session, DirectoryTree(top), check, made.time_ns)

        return [await self._workers.run(work)]


def _stored(
    content: ContentStore,
    session: Session,
    tree: FileTree,
    check: Callable[[], None],
    time_ns: int | None = None,
) -> Tree:
    layer = Layer(None, epoch_ns=session.epoch_ns)
    copier = Copier(layer, tree, owner=(0, 0), time_ns=time_ns, check=check)
    copier.contents(tree.root, layer.root)
    return store_layer(content, session.lease, layer, EMPTY, check)


def _remove(directory: Path, name: str) -> None:
    if directory.exists():
        with Fd(os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)) as parent:
            remove_tree(parent.fileno(), name)
