"""A push: the blobs of an image, then its manifests, then the tag.

    layers and configs (in parallel) -> manifests by digest, children first -> target by tag

The tag comes last, so whoever pulls meanwhile gets the image before or the one after, whole.

See: OCI distribution-spec spec.md, "Push".
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from baleen.distribution.choosing import choose
from baleen.distribution.documents import Document, is_document, read_document
from baleen.distribution.parallel import run_all
from baleen.distribution.progress import Event, State, silent
from baleen.distribution.retrying import Backoff
from baleen.distribution.uploads import Upload
from baleen.errors import BaleenError, InvalidArgument, NotFound
from baleen.oci.manifest import MANIFEST_LIMIT, Index, Manifest
from baleen.oci.platform import host_platform

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from baleen.content.store import ContentStore
    from baleen.distribution.cancellation import Cancellation
    from baleen.distribution.progress import Progress
    from baleen.distribution.repository import Repository
    from baleen.oci.descriptor import Descriptor
    from baleen.oci.platform import Platform

    MountFrom = Callable[[Descriptor], Sequence[str]]

__all__ = ["Push"]

_DEPTH = 4


class Push:
    """One push; `run` once.

    Args:
        repository: where to; opened for pushing.
        content: where from; the caller holds a lease for all of it.
        mount_from: paths of repositories of the same registry that may hold a blob.
        cancel: gives up; blobs that are complete stay at the registry until it collects them.
        progress: told of each layer's steps.
    """

    def __init__(
        self,
        repository: Repository,
        content: ContentStore,
        mount_from: MountFrom,
        cancel: Cancellation,
        progress: Progress,
    ) -> None:
        self._repository = repository
        self._content = content
        self._mount_from = mount_from
        self._cancel = cancel
        self._progress = progress

    def run(self, target: Descriptor, tag: str, platform: Platform | None) -> Descriptor:
        """Push `target` as `tag`; return the descriptor of what the tag means there now.

        With `platform` only that manifest of an index. An index of which manifests are missing
        here can not be pushed: then it is the only one that is whole, or the one that runs here.

        Raises:
            NotFound: nothing of the target is here, or not for that platform.
            PermissionDenied, Unauthorized: the registry refuses, in its words.
            DataLoss: our copy is damaged.
            Cancelled: the caller gave up.
        """
        top = self._chosen(self._read(target), platform)
        below: dict[str, Document] = {}
        self._gather(top, below, 0)
        self._blobs([*below.values(), top])
        for document in below.values():
            self._put(document, str(document.descriptor.digest))
        self._put(top, tag)
        return top.descriptor

    # -- what to push

    def _read(self, descriptor: Descriptor) -> Document:
        raw = self._content.read(descriptor.digest, limit=MANIFEST_LIMIT)
        return read_document(
            raw, descriptor.media_type, self._repository.reference, expected=descriptor
        )

    def _chosen(self, target: Document, platform: Platform | None) -> Document:
        if isinstance(target.content, Manifest):
            return target
        if platform is not None:
            chosen = self._read(choose(target.content, platform))
            if not self._is_whole(chosen.descriptor, 0):
                raise NotFound(f"image for {platform} is not here", hint="pull it first")
            return chosen
        children = [child for child in target.content.manifests if is_document(child.media_type)]
        whole = [child for child in children if self._is_whole(child, 0)]
        if len(whole) == len(children):
            return target
        images = Index(
            schema_version=2,
            manifests=[c for c in whole if not c.annotation("vnd.docker.reference.type")],
        )
        if not images.manifests:
            raise NotFound("no content to push: the image has no manifest that is here whole")
        if len(images.manifests) == 1:
            return self._read(images.manifests[0])
        return self._read(choose(images, host_platform()))

    def _is_whole(self, descriptor: Descriptor, depth: int) -> bool:
        """Say whether everything that the descriptor leads to is here."""
        if not self._content.has(descriptor.digest) or depth > _DEPTH:
            return False
        if not is_document(descriptor.media_type):
            return True
        try:
            content = self._read(descriptor).content
        except BaleenError:
            return False
        children = (
            [content.config, *content.layers]
            if isinstance(content, Manifest)
            else content.manifests
        )
        return all(self._is_whole(child, depth + 1) for child in children)

    def _gather(self, document: Document, found: dict[str, Document], depth: int) -> None:
        """Collect the documents below this one, each behind those that it names."""
        if isinstance(document.content, Manifest):
            return
        if depth == _DEPTH:
            raise InvalidArgument(f"indexes are nested more than {_DEPTH} deep")
        for child in document.content.manifests:
            if is_document(child.media_type):
                below = self._read(child)
                self._gather(below, found, depth + 1)
                found.setdefault(str(child.digest), below)

    # -- pushing it

    def _blobs(self, documents: Sequence[Document]) -> None:
        steps: dict[str, Callable[[Cancellation], None]] = {}
        for document in documents:
            manifest = document.content
            if not isinstance(manifest, Manifest):
                continue
            for layer in manifest.layers:
                if str(layer.digest) not in steps:
                    self._progress(Event(layer, State.PREPARING, 0, layer.size))
                steps.setdefault(str(layer.digest), partial(self._blob, layer, self._progress))
            config = manifest.config
            steps.setdefault(str(config.digest), partial(self._blob, config, silent))
        workers = self._repository.settings.max_concurrent_uploads
        run_all(list(steps.values()), workers, self._cancel)

    def _blob(self, descriptor: Descriptor, progress: Progress, cancel: Cancellation) -> None:
        mount_from = self._mount_from(descriptor)
        Upload(self._repository, self._content, descriptor, mount_from, cancel, progress).run()

    def _put(self, document: Document, name: str) -> None:
        backoff = Backoff(self._repository.settings)
        while True:
            try:
                self._put_once(document, name)
            except BaleenError as err:
                backoff.failed(err, self._cancel)
            else:
                return

    def _put_once(self, document: Document, name: str) -> None:
        reply = self._repository.send(
            "PUT",
            self._repository.url_path(f"manifests/{name}"),
            self._cancel,
            headers={"Content-Type": document.descriptor.media_type},
            body=document.raw,
        )
        self._repository.expect_stored(reply, {200, 201, 202}, document.descriptor.digest)
