"""Images in and out of the store as archives: load, save, import, and commit of a container.

The methods are those of `ImageStore`, which has them under the same names.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from baleen.errors import InvalidArgument, NotFound
from baleen.images.committing import CommitRequest, commit_image
from baleen.images.image import Variant, reachable
from baleen.images.importing import import_archive
from baleen.images.loading import load_archive
from baleen.images.saving import SaveItem, save_archive
from baleen.images.unpacking import unpack_missing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from baleen.content.store import ContentStore
    from baleen.images.catalog import Catalog
    from baleen.images.layering import NewLayer
    from baleen.images.store import EventSink, ImageStore
    from baleen.oci.descriptor import Descriptor
    from baleen.oci.digest import Digest
    from baleen.oci.platform import Platform
    from baleen.oci.reference import Reference
    from baleen.snapshots.snapshotter import Snapshotter

__all__ = ["Archives"]


class Archives:
    """Operations of one store; they block, and may be called from any thread."""

    def __init__(
        self,
        store: ImageStore,
        catalog: Catalog,
        content: ContentStore,
        snapshotter: Snapshotter,
        emit: EventSink,
    ) -> None:
        self._store = store
        self._catalog = catalog
        self._content = content
        self._snapshotter = snapshotter
        self._emit = emit

    def load(
        self,
        chunks: Iterable[bytes],
        *,
        quiet: bool = False,
        platforms: Sequence[Platform] = (),
    ) -> Iterator[dict[str, Any]]:
        r"""Load a `docker save` or OCI layout archive; yields progress objects.

        The last ones are `{"stream": "Loaded image: busybox:latest\n"}`. An archive that is
        malformed raises from the iterator and leaves nothing behind. Close the iterator to give
        up. `platforms` are those to unpack, which the archive has to offer; none means what runs
        here.
        """
        with (
            self._store.changing() as lease,
            load_archive(self._content, self._snapshotter, lease, chunks) as loaded,
        ):
            for target, _ in loaded.images:
                for variant in self._wanted(target, platforms):
                    with self._store.unpacking(variant) as unpacking:
                        ready = loaded.hand_over(unpacking)
                        for layer in itertools.chain(ready, unpack_missing(unpacking)):
                            if not quiet:
                                yield _layer_progress(layer)
            for target, references in loaded.images:
                self._store.put(target, references)
                for reference in references:
                    self._emit("load", str(target.digest), {"name": reference.familiar})
        for target, references in loaded.images:
            for reference in references:
                yield {"stream": f"Loaded image: {reference.familiar}\n"}
            if not references:
                yield {"stream": f"Loaded image ID: {target.digest}\n"}

    def _wanted(self, target: Descriptor, platforms: Sequence[Platform]) -> Sequence[Variant]:
        if not platforms:
            return self._catalog.runnable(target)
        variants = self._catalog.variants(target)
        found = []
        for platform in platforms:
            matching = [v for v in variants if platform.runs(v.platform)]
            if not matching:
                raise InvalidArgument(
                    f"image {target.digest} was found in the archive but does not provide "
                    f"the specified platform ({platform})"
                )
            found += matching[:1]
        return found

    def save(self, refs: Sequence[str], *, platforms: Sequence[Platform] = ()) -> Iterator[bytes]:
        """Return one tar with the images, both as OCI layout and in `docker save` form.

        A name without a tag means all its tags. With `platforms`, only those of an image are
        saved. Look-up errors are raised at the call, before the first byte.

        Raises:
            NotFound: no such image, or it is not here for that platform.
        """
        if not refs:
            raise InvalidArgument("no image was named")
        items: dict[Digest, SaveItem] = {}
        for ref in refs:
            for target, reference in self._catalog.find_all(ref):
                for item in self._items(target, ref, platforms):
                    item = items.setdefault(item.target.digest, item)
                    if reference is not None and reference not in item.references:
                        item.references.append(reference)
        return self._saving(list(items.values()))

    def _items(
        self, target: Descriptor, ref: str, platforms: Sequence[Platform]
    ) -> Iterator[SaveItem]:
        if not platforms:
            yield SaveItem(target, self._catalog.variants(target))
            return
        for platform in platforms:
            image = self._catalog.image(target, platform, asked=ref)
            variant = Variant(
                image.manifest_descriptor, image.manifest, image.config, image.chain_ids
            )
            yield SaveItem(image.manifest_descriptor, [variant])

    def _saving(self, items: list[SaveItem]) -> Iterator[bytes]:
        with self._content.lease() as lease:
            for item in items:
                for digest in reachable(self._content, item.target):
                    self._content.adopt(digest, lease)
            yield from save_archive(self._content, items)
        for item in items:
            self._emit("save", str(item.target.digest), {"name": str(item.target.digest)})

    def import_(
        self,
        chunks: Iterable[bytes],
        *,
        origin: str = "-",
        repo: str = "",
        tag: str = "",
        message: str = "",
        changes: Sequence[str] = (),
        platform: str = "",
    ) -> Iterator[dict[str, Any]]:
        """Make an image of one layer out of the archive of a root file system.

        Yields progress objects; the last is `{"status": "sha256:..."}`. `changes` are Dockerfile
        instructions for the config, `origin` is where the archive comes from, for the history.
        """
        references = [self._catalog.new_name(repo, tag)] if repo else []
        with self._store.changing() as lease:
            target, layer = import_archive(
                self._content,
                self._snapshotter,
                lease,
                chunks,
                origin=origin,
                message=message,
                changes=changes,
                platform=platform,
                host=self._store.platform,
            )
            self._finish(target, layer, references)
        self._emit("import", str(target.digest), {"name": str(target.digest)})
        yield {"status": str(target.digest)}

    def commit(
        self,
        image_id: str,
        chain_id: str,
        changes: Iterable[bytes],
        request: CommitRequest,
        *,
        repo: str = "",
        tag: str = "",
    ) -> Digest:
        """Make an image of one more layer, the archive `changes`, on another; return its id.

        `chain_id` says which of the image's platforms: that with this topmost layer ("": none).

        Raises:
            InvalidArgument: the name is malformed.
            NotFound: the image is gone.
        """
        base = self._base(image_id, chain_id)
        references = [self._catalog.new_name(repo, tag)] if repo else []
        with self._store.changing() as lease:
            target, layer = commit_image(
                self._content,
                self._snapshotter,
                lease,
                base,
                changes,
                request,
            )
            self._finish(target, layer, references)
        return target.digest

    def _base(self, image_id: str, chain_id: str) -> Variant:
        target, _ = self._catalog.find(image_id)
        for variant in self._catalog.variants(target):
            if (str(variant.chain_ids[-1]) if variant.chain_ids else "") == chain_id:
                return variant
        raise NotFound(f"the image {image_id} has no layer {chain_id} any more")

    def _finish(self, target: Descriptor, layer: NewLayer, references: Sequence[Reference]) -> None:
        """Unpack and name an image whose top layer is new."""
        with layer:
            for variant in self._catalog.runnable(target):
                with self._store.unpacking(variant) as unpacking:
                    lone = layer.take()
                    if lone is not None:
                        unpacking.adopt(len(variant.chain_ids) - 1, lone)
                    unpacking.finish()
            self._store.put(target, references)


def _layer_progress(layer: Descriptor) -> dict[str, Any]:
    return {
        "status": "Loading layer",
        "progressDetail": {"current": layer.size, "total": layer.size},
        "id": layer.digest.short,
    }
