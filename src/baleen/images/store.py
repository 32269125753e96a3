"""The image store: names, images and what can be done with them.

An image is a manifest (or an index of manifests) in the content store; its *image id* is the
digest of that target. Names point at targets; an image without a name is *dangling*. Layers are
unpacked once per chain id. The view of names lives in memory and is written through to the state
database, so lists touch no disk.

All calls are plain and may block; they are safe to make from several threads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from baleen.content.store import ContentStore
    from baleen.oci.digest import Digest
    from baleen.oci.image import ImageConfig, Manifest
    from baleen.oci.descriptor import Descriptor
    from baleen.oci.platform import Platform
    from baleen.snapshots.snapshotter import Snapshotter
    from baleen.state.database import Database

__all__ = ["EventSink", "Image", "ImageStore", "ImageUser"]


@dataclass(frozen=True, slots=True)
class Image:
    """One image that can be run here: a target and the manifest chosen from it.

    Attributes:
        id: digest of the target (manifest or index), `sha256:...`; what the API calls the image's Id.
        target: descriptor of the target.
        manifest_descriptor: descriptor of the manifest for the platform (equal to `target` for a
            single-platform image); the API's ImageManifestDescriptor.
        config: the parsed image config; `config.config` holds Env, Cmd, Entrypoint, ...
        chain_ids: chain ids of the layers, bottom first; empty for an image without layers.
        repo_tags: familiar names, `busybox:latest`, sorted.
        repo_digests: `busybox@sha256:...`, sorted.
        size: bytes: blobs of the manifest plus unpacked layers.
        created: RFC 3339 text from the config, or "".
    """

    id: Digest
    target: Descriptor
    manifest_descriptor: Descriptor
    manifest: Manifest
    config: ImageConfig
    chain_ids: tuple[Digest, ...]
    repo_tags: tuple[str, ...]
    repo_digests: tuple[str, ...]
    size: int
    created: str

    @property
    def chain_id(self) -> Digest | None:
        """Chain id of the top layer: the parent for `Snapshotter.prepare`."""
        return self.chain_ids[-1] if self.chain_ids else None


@dataclass(frozen=True, slots=True)
class ImageUser:
    """A container that uses an image."""

    container_id: str
    running: bool


class EventSink(Protocol):
    """Told of each change: action `tag`, `untag`, `delete`, `load`, `import`, `save`, `create`."""

    def __call__(self, action: str, image_id: str, attributes: Mapping[str, str]) -> None: ...


class ImageStore:
    """See the module's text.

    Args:
        database: its table "images" belongs to this store.
        content: blobs.
        snapshotter: unpacked layers.
        platform: what this host runs; found by itself when None.
        on_event: called after each change, from the thread of the call.
    """

    def __init__(
        self,
        database: Database,
        content: ContentStore,
        snapshotter: Snapshotter,
        *,
        platform: Platform | None = None,
        on_event: EventSink | None = None,
    ) -> None:
        raise NotImplementedError

    def start(self) -> None:
        """Read the names, collect garbage left by a crash. The content store and the snapshotter
        must be started."""

    def resolve(self, ref: str, *, platform: Platform | None = None) -> Image:
        """Return the image that a name, `name@digest`, image id or unique id prefix means.

        Raises:
            NotFound: `No such image: x:latest`.
            InvalidArgument: `invalid reference format`, or an ambiguous id prefix.
            DataLoss: a blob of the image is missing or damaged (named).
        """
        raise NotImplementedError

    def unpack(self, image: Image) -> Digest | None:
        """Make sure that the image's layers are unpacked; return the top one's chain id.

        Nearly free when they are. Verifies each diff id.
        """
        raise NotImplementedError

    def count(self) -> int:
        """Return the number of images, for `docker info`."""
        raise NotImplementedError

    def summaries(
        self,
        *,
        all_images: bool = False,
        filters: Mapping[str, Sequence[str]] | None = None,
        manifests: bool = False,
        shared_size: bool = False,
        containers: Callable[[str], int] | None = None,
    ) -> list[dict[str, Any]]:
        """Return the ImageSummary objects of `GET /images/json`, newest first.

        `containers` maps an image id to the number of containers that use it; None gives -1.

        Raises:
            InvalidArgument: `invalid filter 'x'`.
        """
        raise NotImplementedError

    def inspect(
        self, ref: str, *, platform: Platform | None = None, manifests: bool = False
    ) -> dict[str, Any]:
        """Return the ImageInspect object."""
        raise NotImplementedError

    def history(self, ref: str, *, platform: Platform | None = None) -> list[dict[str, Any]]:
        """Return the ImageHistoryResponseItem objects, newest first."""
        raise NotImplementedError

    def tag(self, ref: str, repo: str, tag: str) -> None:
        """Let the name `repo:tag` (`latest` when empty) point at the image `ref`."""
        raise NotImplementedError

    def remove(
        self,
        ref: str,
        *,
        force: bool = False,
        noprune: bool = False,
        in_use: Callable[[str], Sequence[ImageUser]],
    ) -> list[dict[str, str]]:
        """Untag `ref`, and delete the image with its last name, as `DELETE /images/{name}`.

        `in_use` maps an image id to the containers made from it.

        Raises:
            Conflict: a container uses it, or an id was given that has several names.
        """
        raise NotImplementedError

    def prune(
        self,
        *,
        filters: Mapping[str, Sequence[str]],
        in_use: Callable[[str], Sequence[ImageUser]],
    ) -> dict[str, Any]:
        """Delete unused images: dangling ones, or all with filter `dangling=false`.

        Returns the ImagePruneResponse object: ImagesDeleted, SpaceReclaimed.
        """
        raise NotImplementedError

    def load(self, chunks: Iterable[bytes], *, quiet: bool = False) -> Iterator[dict[str, Any]]:
        """Load a `docker save` or OCI layout archive; yields progress objects.

        The last ones are `{"stream": "Loaded image: busybox:latest\\n"}`. An archive that is
        malformed raises from the iterator and leaves no name behind. Close the iterator to give up.
        """
        raise NotImplementedError

    def save(self, refs: Sequence[str]) -> Iterator[bytes]:
        """Return one tar with the images, both as OCI layout and in `docker save` form.

        Look-up errors are raised at the call, before the first byte.
        """
        raise NotImplementedError

    def import_(
        self,
        chunks: Iterable[bytes],
        *,
        repo: str = "",
        tag: str = "",
        message: str = "",
        changes: Sequence[str] = (),
        platform: str = "",
    ) -> Iterator[dict[str, Any]]:
        """Make an image of one layer out of the archive of a root file system.

        Yields progress objects; the last is `{"status": "sha256:..."}`.
        """
        raise NotImplementedError
