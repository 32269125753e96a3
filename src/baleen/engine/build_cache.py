"""Caches of builds elsewhere: in images here or in a registry, and in directories of this host.

    --cache-from NAME, type=registry,ref=NAME     an image with a cache in its config
    --cache-from type=local,src=DIRECTORY         the same, as an OCI layout
    --cache-to   type=registry,ref=NAME[,mode=max] / type=local,dest=DIRECTORY[,mode=max]
    --cache-to   type=inline, BUILDKIT_INLINE_CACHE=1     into the image itself (`is_inline`)

A cache to read from that is not there, or makes no sense, is none: the build goes on without.

See: `build.solver.cache_index`; OCI image-spec image-layout.md.
"""

from __future__ import annotations

import logging
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from baleen.build.exporters.built import Built
from baleen.build.exporters.image import store_image
from baleen.build.solver.cache_index import IndexImporter, cache_image, read_index
from baleen.engine.build_images import registry_auth
from baleen.engine.registry_access import credentials_of
from baleen.errors import BaleenError, DataLoss, InvalidArgument, NotFound
from baleen.oci.descriptor import encode_document
from baleen.oci.image import CONFIG_LIMIT, parse_image_config
from baleen.oci.manifest import Index, Manifest, parse_index, parse_manifest
from baleen.oci.media_types import OCI_INDEX, OCI_MANIFEST
from baleen.oci.reference import parse_reference

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from baleen.build.graph import Edge
    from baleen.build.options import CacheReference
    from baleen.build.session import Session
    from baleen.build.solver.outcome import Solution
    from baleen.content import ContentStore
    from baleen.content.store import Lease
    from baleen.distribution.cancellation import Cancellation
    from baleen.engine.registry_access import RegistryAccess
    from baleen.engine.tasks import Tasks
    from baleen.images import ImageStore
    from baleen.oci.descriptor import Descriptor
    from baleen.oci.digest import Digest
    from baleen.oci.image import ImageConfig
    from baleen.oci.platform import Platform
    from baleen.oci.reference import Reference

__all__ = ["BuildCaches", "is_inline"]

log = logging.getLogger(__name__)

_TRUE = frozenset({"1", "t", "true"})
_LAYOUT = b'{"imageLayoutVersion":"1.0.0"}'
_DOCUMENT_LIMIT = 4 << 20
_PIECE = 1 << 20


def is_inline(caches: Sequence[CacheReference], build_args: Mapping[str, str | None]) -> bool:
    """Say whether the image itself gets the cache of its build."""
    asked = build_args.get("BUILDKIT_INLINE_CACHE") or ""
    return asked.lower() in _TRUE or any(cache.type == "inline" for cache in caches)


class BuildCaches:
    """Reads and writes caches elsewhere."""

    def __init__(
        self, images: ImageStore, content: ContentStore, access: RegistryAccess, tasks: Tasks
    ) -> None:
        self._images = images
        self._content = content
        self._access = access
        self._tasks = tasks

    # -- reading

    async def importers(
        self, caches: Sequence[CacheReference], session: Session, tell: Callable[[str], object]
    ) -> list[IndexImporter]:
        """Return those of the caches that there are, in order; `tell` hears of the others."""
        found = []
        for cache in caches:
            name = cache.attributes.get("ref") or cache.attributes.get("src") or ""
            try:
                found.append(await self._importer(cache.type, name, session))
            except (BaleenError, OSError) as err:
                reason = err.strerror if isinstance(err, OSError) else err
                log.info("the build cache %s is not used: %s", name, reason)
                tell(f"the build cache {name} is not used: {reason}")
        return found

    async def _importer(self, kind: str, name: str, session: Session) -> IndexImporter:
        if kind == "local":
            return await self._tasks.blocking(self._from_directory, name)
        return await self._from_name(parse_reference(name), session)

    async def _from_name(self, reference: Reference, session: Session) -> IndexImporter:
        reference = reference if reference.digest else reference.with_default_tag()
        here = await self._tasks.blocking(self._from_image, reference)
        if here is not None:
            return here
        credentials = credentials_of(registry_auth(session.auth, reference))
        client = self._access.client

        def read(cancel: Cancellation) -> tuple[ImageConfig, Sequence[Descriptor]]:
            document = client.resolve(reference, credentials=credentials, cancel=cancel)
            if isinstance(document.content, Index):
                raise InvalidArgument("an index of images holds no cache")
            config = client.blob(
                reference,
                document.content.config,
                limit=CONFIG_LIMIT,
                credentials=credentials,
                cancel=cancel,
            )
            return parse_image_config(config), document.content.layers

        async def fetch(layers: Sequence[Descriptor], of_build: Session) -> None:
            missing = await self._tasks.blocking(self._missing, layers, of_build.lease)
            if missing:
                await self._access.run(
                    lambda cancel: client.fetch(
                        reference, missing, of_build.lease, credentials=credentials, cancel=cancel
                    )
                )

        config, layers = await self._access.run(read)
        return IndexImporter(f"registry:{reference.familiar}", config, layers, fetch)

    def _from_image(self, reference: Reference) -> IndexImporter | None:
        """Return the cache in an image of the store, if it has one."""
        try:
            image = self._images.resolve(str(reference))
        except NotFound:
            return None
        if read_index(image.config) is None:
            return None

        async def fetch(layers: Sequence[Descriptor], session: Session) -> None:
            if await self._tasks.blocking(self._missing, layers, session.lease):
                raise NotFound("layers of the image are not here")

        return IndexImporter(
            f"image:{reference.familiar}", image.config, image.manifest.layers, fetch
        )

    def _missing(self, layers: Sequence[Descriptor], lease: Lease) -> list[Descriptor]:
        return [
            layer
            for layer in layers
            if not self._content.adopt(layer.digest, lease, size=layer.size)
        ]

    def _from_directory(self, name: str) -> IndexImporter:
        directory = _directory(name, "src")
        index = parse_index((directory / "index.json").read_bytes(), OCI_INDEX)
        if not index.manifests:
            raise InvalidArgument("the layout holds no image")
        manifest = parse_manifest(_small(directory, index.manifests[-1].digest), OCI_MANIFEST)
        config = parse_image_config(_small(directory, manifest.config.digest))

        async def fetch(layers: Sequence[Descriptor], session: Session) -> None:
            await self._tasks.blocking(self._read, directory, layers, session.lease)

        return IndexImporter(f"local:{directory}", config, manifest.layers, fetch)

    def _read(self, directory: Path, layers: Sequence[Descriptor], lease: Lease) -> None:
        for layer in self._missing(layers, lease):
            with (
                _blob(directory, layer.digest).open("rb") as file,
                self._content.ingest(
                    lease, expected=layer.digest, expected_size=layer.size
                ) as ingest,
            ):
                while piece := file.read(_PIECE):
                    ingest.write(piece)
                ingest.commit()

    # -- writing

    async def export(
        self,
        caches: Sequence[CacheReference],
        solution: Solution,
        targets: Sequence[Edge],
        platform: Platform,
        session: Session,
    ) -> None:
        """Put the cache of a build where it was asked for; `inline` is the image's matter.

        Raises:
            InvalidArgument: no name, or a bad one.
            BaleenError: what the registry or the disk says.
        """
        for cache in caches:
            if cache.type == "inline":
                continue
            config, tree = cache_image(solution, targets, platform, everything=cache.is_max)
            built = Built(platform=platform, config=config, tree=tree)
            target = await self._tasks.blocking(store_image, self._content, session.lease, [built])
            if cache.type == "local":
                name = cache.attributes.get("dest", "")
                await self._tasks.blocking(self._write, _directory(name, "dest"), target)
                continue
            reference = parse_reference(cache.attributes.get("ref", "")).with_default_tag()
            credentials = credentials_of(registry_auth(session.auth, reference))
            await self._access.run(
                lambda cancel, to=reference, what=target, who=credentials: (  # type: ignore[misc]
                    self._access.client.push(to, what, credentials=who, cancel=cancel)
                )
            )

    def _write(self, directory: Path, target: Descriptor) -> None:
        """Write an image as an OCI layout; what is there already is not written again."""
        raw = self._content.read(target.digest, limit=_DOCUMENT_LIMIT)
        manifest: Manifest = parse_manifest(raw, target.media_type)
        for blob in (*manifest.layers, manifest.config, target):
            path = _blob(directory, blob.digest)
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.is_file() or path.stat().st_size != blob.size:
                with self._content.open(blob.digest) as source:
                    _put(path, source.fileno())
        _put(directory / "oci-layout", _LAYOUT)
        index = Index(schema_version=2, media_type=OCI_INDEX, manifests=[target])
        _put(directory / "index.json", encode_document(index))


def _directory(name: str, key: str) -> Path:
    path = Path(name)
    if not path.is_absolute():
        raise InvalidArgument(f"a cache of type local needs {key}= with an absolute path")
    return path


def _blob(directory: Path, digest: Digest) -> Path:
    return directory / "blobs" / digest.algorithm / digest.encoded


def _small(directory: Path, digest: Digest) -> bytes:
    with _blob(directory, digest).open("rb") as file:
        data = file.read(CONFIG_LIMIT + 1)
    if len(data) > CONFIG_LIMIT or not digest.matches(data):
        raise DataLoss(f"blob {digest} of the build cache is damaged")
    return data


def _put(path: Path, source: bytes | int) -> None:
    """Write a file in one step, from bytes or an open file."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.new")
    with temporary.open("wb") as file:
        if isinstance(source, int):
            with os.fdopen(os.dup(source), "rb") as open_source:
                shutil.copyfileobj(open_source, file, _PIECE)
        else:
            file.write(source)
    temporary.replace(path)
