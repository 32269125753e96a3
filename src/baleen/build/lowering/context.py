"""What all stages of one lowering share: the request, trees from outside, places of errors."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from baleen.build.contexts.remote import is_git_url, parse_git_url, redacted
from baleen.build.dockerfile.errors import DockerfileError, failure
from baleen.build.graph import (
    Copying,
    Edge,
    FileOp,
    GitSource,
    HttpSource,
    ImageSource,
    LocalSource,
    Vertex,
)
from baleen.build.lowering.image_draft import ImageDraft
from baleen.build.lowering.scope import PROXIES
from baleen.build.lowering.stages import SCRATCH
from baleen.errors import InvalidArgument
from baleen.oci.reference import parse_reference

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from baleen.build.dockerfile.instructions import Dockerfile, Location
    from baleen.build.interfaces import ImageResolver, ResolvedImage
    from baleen.build.options import BuildOptions
    from baleen.build.session import Session
    from baleen.oci.platform import Platform

__all__ = ["External", "Lowering", "http_source"]

_IMAGE = "docker-image://"
_LOCAL = "local:"
_HTTP = ("http://", "https://")


@dataclass(frozen=True, slots=True)
class External:
    """A tree from outside the Dockerfile.

    Attributes:
        tree: for COPY --from and mounts; None: empty.
        base: the same as what FROM stands on: a tree that has layers.
        draft: the image's configuration.
        image: that it is, or None.
    """

    tree: Edge | None
    base: Edge | None
    draft: ImageDraft
    image: ResolvedImage | None = None


@dataclass(slots=True)
class Lowering:
    """One lowering.

    Attributes:
        target: platform of the result.
        global_args: what FROM sees.
        explicit_platform: the request names the platform.
        externals: what was resolved, by name and platform.
    """

    dockerfile: Dockerfile
    options: BuildOptions
    target: Platform
    images: ImageResolver
    session: Session
    global_args: dict[str, str]
    explicit_platform: bool
    epoch_ns: int | None = None
    externals: dict[tuple[str, str], External] = field(default_factory=dict)

    @contextmanager
    def at(self, location: Location | None) -> Iterator[None]:
        """Give an InvalidArgument of the block its place in the Dockerfile."""
        try:
            yield
        except DockerfileError:
            raise
        except InvalidArgument as err:
            if location is None:
                raise
            raise failure(err.message, self.dockerfile, location) from err

    @property
    def proxies(self) -> Mapping[str, str]:
        """The predefined arguments that were given."""
        return {
            key: value
            for key, value in self.options.build_args.items()
            if key.lower() in PROXIES and value is not None
        }

    @property
    def main_context(self) -> Edge:
        """The build's context."""
        return Edge(Vertex(LocalSource(name="context", unique=self.session.id), name="[context]"))

    def named_context(self, name: str) -> str:
        """Return the named context that stands for `name` (of a stage or an image), or ""."""
        contexts = self.options.contexts
        if not contexts or name.lower() in {SCRATCH, "context"}:
            return ""
        names = [name.lower()]
        try:
            reference = parse_reference(name).with_default_tag()
        except InvalidArgument:
            pass
        else:
            names += [reference.familiar, reference.familiar_name, str(reference), reference.name]
            if reference.tag != "latest":
                names = [names[0], reference.familiar, str(reference)]
        return next((contexts[word] for word in names if word in contexts), "")

    def external(self, name: str, platform: Platform | None) -> External:
        """Return what `resolve` has found."""
        return self.externals[name, str(platform or self.target)]

    async def resolve(
        self, name: str, platform: Platform | None, location: Location | None, label: str
    ) -> None:
        """Find the image, context or emptiness that `name` means, once for each platform."""
        key = (name, str(platform or self.target))
        if key in self.externals:
            return
        with self.at(location):
            context = name if name.startswith(_LOCAL) else self.named_context(name)
            self.externals[key] = await self._resolve(
                name, context, platform or self.target, location, label
            )

    async def _resolve(
        self, name: str, context: str, platform: Platform, location: Location | None, label: str
    ) -> External:
        if context.startswith(_IMAGE):
            name, context = context.removeprefix(_IMAGE), ""
        if context:
            return self._context(context, platform, label)
        if name.lower() == SCRATCH:
            return External(None, None, ImageDraft.scratch(platform))
        try:
            parse_reference(name)
        except InvalidArgument as err:
            raise InvalidArgument(f'failed to parse stage name "{name}": {err.message}') from err
        image = await self.images.resolve(name, platform, self.session)
        tree = None
        if image.config.diff_ids:
            source = ImageSource(name=image.name, platform=str(image.platform))
            place = location.line if location else 0
            tree = Edge(Vertex(source, name=f"{label}FROM {name}", place=place))
        return External(tree, tree, ImageDraft.on(image.config), image)

    def _context(self, context: str, platform: Platform, label: str) -> External:
        draft = ImageDraft.scratch(platform)
        unpack = False
        if context.startswith(_LOCAL):
            key = context.removeprefix(_LOCAL)
            if key not in self.session.locals:
                raise InvalidArgument(f'no directory "{key}" came with the build')
            source = Vertex(LocalSource(name=key, unique=self.session.id), name=f"{label}{key}")
        elif is_git_url(context):
            remote = parse_git_url(context)
            git = GitSource(url=remote.url, ref=remote.ref, subdirectory=remote.subdirectory)
            source = Vertex(git, name=f"{label}{redacted(context)}")
        elif context.startswith(_HTTP):
            source = Vertex(http_source(context), name=f"{label}{redacted(context)}")
            unpack = True
        else:
            raise InvalidArgument(f'unsupported build context "{redacted(context)}"')
        everything = Copying(input=0, sources=("/",), destination="/", owner="keep", unpack=unpack)
        base = Edge(
            Vertex(
                FileOp(actions=(everything,), scratch=True), (Edge(source),), name=f"{label}copy"
            )
        )
        return External(base if unpack else Edge(source), base, draft)


def http_source(url: str, checksum: str = "") -> HttpSource:
    """Return the source of a URL; its file is named after the last word of the path."""
    path = url.partition("://")[2].partition("?")[0].partition("#")[0].partition("/")[2]
    name = path.rstrip("/").rpartition("/")[2]
    if name in {"", ".", ".."}:
        name = "__unnamed__"
    return HttpSource(url=url, checksum=checksum, filename=name)
