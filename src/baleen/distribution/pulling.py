"""A pull: from a reference to all the blobs of an image in the content store.

    tag -> manifest or index (kept whole) -> manifests of the platform -> config and layers

Documents are verified before anything they name is asked for. Config and layers come in parallel,
in their order, and each is told as it is complete, so that unpacking needs not wait for the last.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from baleen.distribution.choosing import choose
from baleen.distribution.documents import is_document, read_document
from baleen.distribution.parallel import run_all
from baleen.distribution.progress import Event, State, silent
from baleen.errors import BaleenError, InvalidArgument
from baleen.oci.manifest import MANIFEST_LIMIT, Index, Manifest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from baleen.content.store import ContentStore, Lease
    from baleen.distribution.blobs import Downloads
    from baleen.distribution.cancellation import Cancellation
    from baleen.distribution.documents import Document
    from baleen.distribution.progress import Progress
    from baleen.distribution.repository import Repository
    from baleen.oci.descriptor import Descriptor
    from baleen.oci.platform import Platform

__all__ = ["Hooks", "Pull", "Pulled"]

# Indexes in indexes; nobody has more than one.
_DEPTH = 4


def _ignore(*_: object) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Hooks:
    """What a pull calls as it goes, from its threads; an exception ends the pull.

    Attributes:
        planned: an image manifest was read: its descriptor and content, before its blobs.
        layer_ready: a layer is complete in the content store.
    """

    progress: Progress = silent
    planned: Callable[[Descriptor, Manifest], None] = _ignore
    layer_ready: Callable[[Descriptor], None] = _ignore


@dataclass(frozen=True, slots=True)
class Pulled:
    """What came.

    Attributes:
        target: what the reference means: an index or a manifest.
        manifests: of which everything is here now.
        server: `host[:port]` that it came from, a mirror perhaps.
    """

    target: Descriptor
    manifests: list[Descriptor] = field(default_factory=list)
    server: str = ""


class Pull:
    """One pull; `run` once."""

    def __init__(
        self,
        repository: Repository,
        content: ContentStore,
        downloads: Downloads,
        lease: Lease,
        cancel: Cancellation,
        hooks: Hooks,
    ) -> None:
        self._repository = repository
        self._content = content
        self._downloads = downloads
        self._lease = lease
        self._cancel = cancel
        self._hooks = hooks

    def run(self, platform: Platform | None) -> Pulled:
        """Pull for one platform, or every manifest of an index when it is None.

        Raises:
            NotFound, BaleenError: see `Repository.explain`.
            Cancelled: the caller gave up.
        """
        reference = self._repository.reference
        try:
            name = reference.digest or reference.tag or "latest"
            target = self._repository.resolve(str(name), self._cancel, self._kept)
            self._keep(target)
            chosen = list(self._manifests(target, platform, 0))
            self._blobs(chosen)
        except BaleenError as err:
            explained = self._repository.explain(err)
            raise explained from (err if explained is not err else err.__cause__)
        return Pulled(
            target.descriptor,
            [document.descriptor for document in chosen],
            self._repository.endpoint.authority,
        )

    def fetch(self, blobs: Sequence[Descriptor]) -> None:
        """Bring blobs of the repository, several at once; raises as `run`."""
        unique = {blob.digest: blob for blob in blobs}
        steps = [partial(self._fetch, blob, silent) for blob in unique.values()]
        workers = self._repository.settings.max_concurrent_downloads
        try:
            run_all(steps, workers, self._cancel)
        except BaleenError as err:
            explained = self._repository.explain(err)
            raise explained from (err if explained is not err else err.__cause__)

    def _kept(self, descriptor: Descriptor) -> bytes | None:
        if not self._content.adopt(descriptor.digest, self._lease, size=descriptor.size):
            return None
        try:
            return self._content.read(descriptor.digest, limit=MANIFEST_LIMIT)
        except BaleenError:
            return None

    def _keep(self, document: Document) -> None:
        digest, size = document.descriptor.digest, document.descriptor.size
        if self._content.adopt(digest, self._lease, size=size):
            return
        with self._content.ingest(self._lease, expected=digest, expected_size=size) as ingest:
            ingest.write(document.raw)
            ingest.commit()

    def _document(self, descriptor: Descriptor) -> Document:
        raw = self._kept(descriptor)
        if raw is not None:
            return read_document(
                raw, descriptor.media_type, self._repository.reference, expected=descriptor
            )
        document = self._repository.document(
            str(descriptor.digest), self._cancel, expected=descriptor
        )
        self._keep(document)
        return document

    def _manifests(
        self, document: Document, platform: Platform | None, depth: int
    ) -> Iterator[Document]:
        if isinstance(document.content, Manifest):
            yield document
            return
        if depth == _DEPTH:
            raise InvalidArgument(f"indexes are nested more than {_DEPTH} deep")
        for child in self._children(document.content, platform):
            yield from self._manifests(self._document(child), platform, depth + 1)

    def _children(self, index: Index, platform: Platform | None) -> list[Descriptor]:
        if platform is not None:
            return [choose(index, platform)]
        return [child for child in index.manifests if is_document(child.media_type)]

    def _blobs(self, documents: list[Document]) -> None:
        steps: dict[str, Callable[[Cancellation], None]] = {}
        for document in documents:
            manifest = document.content
            assert isinstance(manifest, Manifest)
            self._hooks.planned(document.descriptor, manifest)
            for blob in manifest.layers:
                self._hooks.progress(Event(blob, State.WAITING, 0, blob.size))
            # First, so that a layer that is ready can be unpacked: its diff id is in there.
            self._fetch(manifest.config, silent, self._cancel)
            for blob in manifest.layers:
                steps.setdefault(str(blob.digest), partial(self._layer, blob))
        workers = self._repository.settings.max_concurrent_downloads
        run_all(list(steps.values()), workers, self._cancel)

    def _layer(self, descriptor: Descriptor, cancel: Cancellation) -> None:
        self._fetch(descriptor, self._hooks.progress, cancel)
        self._hooks.layer_ready(descriptor)

    def _fetch(self, blob: Descriptor, progress: Progress, cancel: Cancellation) -> None:
        self._downloads.fetch(self._repository, blob, self._lease, cancel, progress)
