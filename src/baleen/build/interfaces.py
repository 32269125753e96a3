"""What the builder needs of others: executors of operations, images, digests of contents.

Implementations: build/files/ (sources, file operations, contents), build/exec/ (RUN), engine/
(images, because pulling is the engine's).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeAlias

from baleen.build.session import LocalDirectory
from baleen.build.trees import Tree

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from baleen.build.graph import ImageSource, Vertex
    from baleen.build.session import Session
    from baleen.oci.image import ImageConfig
    from baleen.oci.platform import Platform

__all__ = [
    "Contents",
    "ContentsReader",
    "Executor",
    "ImageResolver",
    "Input",
    "Report",
    "ResolvedImage",
    "Selection",
]

Input: TypeAlias = Tree | LocalDirectory
"""What an operation is given: a tree, or for an output of a `LocalSource` its directory."""


class Report(Protocol):
    """Progress of one vertex; calls do not block and may be made from the event loop only."""

    def log(self, stream: int, data: bytes) -> None:
        """Pass on output of a process: 1 stdout, 2 stderr."""

    def status(self, text: str) -> None:
        """Say what goes on, in one line: `Downloading ...`."""


class Executor(Protocol):
    """Runs operations of one type (or some); registered by type in the solver."""

    async def run(
        self, vertex: Vertex, inputs: Sequence[Input], session: Session, report: Report
    ) -> Sequence[Tree]:
        """Do the operation; return one tree for each output.

        The blobs of the layers are durable when this returns, and leased by the session's lease.
        Cancelled, it stops everything that it started and leaves nothing.

        Raises:
            BaleenError: for the user; the solver adds which step it was.
        """
        ...


@dataclass(frozen=True, slots=True)
class ResolvedImage:
    """An image that a name led to.

    Attributes:
        name: in full, with the digest of its manifest (`docker.io/library/a:b@sha256:...`), or an
            image id; what an `ImageSource` names.
        platform: of its config.
        config: the config.
        config_digest: names what is in the image and nothing else: part of cache keys.
    """

    name: str
    platform: Platform
    config: ImageConfig
    config_digest: str


class ImageResolver(Protocol):
    """Finds base images, here or in a registry."""

    async def resolve(
        self, name: str, platform: Platform, session: Session, report: Report | None = None
    ) -> ResolvedImage:
        """Return the image that `name` (as in FROM) means for `platform`.

        With `session.pull` a registry is asked even if there is one here.

        Raises:
            NotFound: neither here nor in the registry.
        """
        ...

    async def tree(self, source: ImageSource, session: Session, report: Report) -> Tree:
        """Return the image's layers, which are here and leased afterwards."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What of a tree matters to an operation.

    Attributes:
        paths: absolute; patterns where `patterns`. "/" is all of it.
        patterns: `paths` are patterns of Go's filepath.Match, else plain paths.
        follow: links at the end of a path are followed (COPY does).
        contents_only: the name of a directory that is selected does not matter, what is in it does.
        exclude: patterns that do not matter, relative to each path.
        parents: the directories on the way matter too (`--parents`; `/./` in a path begins it).
    """

    paths: tuple[str, ...]
    patterns: bool = False
    follow: bool = True
    contents_only: bool = False
    exclude: tuple[str, ...] = ()
    parents: bool = False


@dataclass(frozen=True, slots=True)
class Contents:
    """What a selection has in it.

    Attributes:
        digest: sha256, hex, over names, modes, owners, link targets, contents; not times.
        entries: a short digest (any length) of each file by its path, to tell what has changed.
    """

    digest: str
    entries: Mapping[str, bytes] = field(default_factory=dict)


class ContentsReader(Protocol):
    """Digests contents. See: BuildKit, cache/contenthash."""

    async def contents(self, source: Input, selection: Selection, session: Session) -> Contents:
        """Digest what of `source` is selected; nothing selected has a digest too.

        Raises:
            BaleenError: a path leads nowhere or the tree cannot be read; the operation will say so
                better, the solver takes it for a miss.
        """
        ...
