"""Pulling images from registries: `POST /images/create` with `fromImage`.

    resolve ── planned ── blobs, several at once ──► layers unpacked as they come ── name, event

Nothing has a name before all of it is verified, unpacked and durable; a pull that is broken off
leaves what it had for the next one.

See: Engine API, ImageCreate; moby `distribution/pull_v2.go` for the words of the stream.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from baleen.engine.registry_access import credentials_of
from baleen.errors import BaleenError, InvalidArgument, NotFound
from baleen.oci.digest import Digest
from baleen.oci.platform import Platform
from baleen.oci.reference import parse_reference

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from baleen.api.registries import AuthConfig
    from baleen.distribution.cancellation import Cancellation
    from baleen.distribution.credentials import Credentials
    from baleen.engine.progress_feed import Message, ProgressFeed
    from baleen.engine.registry_access import RegistryAccess
    from baleen.images import EventSink, ImageStore
    from baleen.oci.reference import Reference

__all__ = ["Pulling", "event_attributes", "wanted"]

_RESERVED = "scratch"


class Pulling:
    """Pulls one image, or all tags of a repository.

    Args:
        on_event: told of each pull, from its thread.
        own_registry: whether `registry` is the image that comes with Baleen.
    """

    def __init__(
        self, images: ImageStore, access: RegistryAccess, on_event: EventSink, *, own_registry: bool
    ) -> None:
        self._images = images
        self._access = access
        self._emit = on_event
        self._own_registry = own_registry

    def pull(
        self, name: str, *, tag: str, platform: str, auth: AuthConfig
    ) -> AsyncIterator[Message]:
        """Pull an image; yields the progress messages. Without tag and digest, all tags.

        Closing the iterator gives the pull up. What others are downloading too goes on.

        Raises:
            InvalidArgument: a name, tag or platform that is none; at the call.
            BaleenError: from the iterator: dockerd's words for what the registry says.
        """
        reference = wanted(name, tag)
        chosen = Platform.parse(platform) if platform else None
        credentials = credentials_of(auth)

        def work(feed: ProgressFeed, cancel: Cancellation) -> None:
            pull = _Pull(self._images, self._access, feed, cancel, chosen, credentials)
            pull.own_registry = self._own_registry
            pull.run(reference)
            self._emit("pull", reference.familiar, event_attributes(self._images, reference))

        return self._access.stream(work)


class _Pull:
    """One request's pull, in its thread."""

    def __init__(
        self,
        images: ImageStore,
        access: RegistryAccess,
        feed: ProgressFeed,
        cancel: Cancellation,
        platform: Platform | None,
        credentials: Credentials | None,
    ) -> None:
        self._images = images
        self._client = access.client
        self._feed = feed
        self._cancel = cancel
        self._platform = platform
        self._credentials = credentials
        self.own_registry = False

    def run(self, reference: Reference) -> None:
        references = [reference]
        if reference.tag is None and reference.digest is None:
            tags = self._client.tags(reference, credentials=self._credentials, cancel=self._cancel)
            references = [reference.with_tag(tag) for tag in tags]
        is_new = False
        for one in references:
            is_new = self._pull(one) or is_new
        what = "Downloaded newer image for" if is_new else "Image is up to date for"
        self._feed.message(f"Status: {what} {reference.familiar}")
        if self._platform is not None and len(references) == 1:
            self._warn_of_platform(reference, self._platform)

    def _pull(self, reference: Reference) -> bool:
        """Pull one image and name it; says whether the name meant another one before."""
        # Loads threads and archives; only who pulls needs it.
        from baleen.distribution.cancellation import Cancelled
        from baleen.distribution.pulling import Hooks
        from baleen.engine.pulled_layers import PulledLayers

        before = self._present(reference)
        if self.own_registry and (made := self._make(reference)) is not None:
            return before != made
        with (
            self._images.changing() as lease,
            PulledLayers(
                self._images,
                self._feed,
                self._cancel,
                _title(reference),
                was_here=before is not None,
            ) as layers,
        ):
            try:
                pulled = self._client.pull(
                    reference,
                    lease,
                    platform=self._platform or self._images.platform,
                    credentials=self._credentials,
                    cancel=self._cancel,
                    hooks=Hooks(layers.progress, layers.planned, layers.layer_ready),
                )
                layers.finish()
            except Cancelled:
                layers.raise_failure()
                raise
            self._images.put(pulled.target, [reference])
        self._images.usage_times.touch(pulled.target.digest)
        self._feed.message(f"Digest: {pulled.target.digest}")
        return before != pulled.target.digest

    def _make(self, reference: Reference) -> Digest | None:
        """Make the image that comes with Baleen, if it is that one; return its digest."""
        from baleen.images.registry_image import build_registry_image, is_registry_image

        if not is_registry_image(reference, self._platform, self._images.platform):
            return None
        self._feed.message(f"Pulling from {reference.path}", id=reference.tag)
        self._feed.message("Made here from Baleen's own registry, nothing is downloaded")
        target = build_registry_image(self._images, reference, self._cancel.check)
        self._images.usage_times.touch(target.digest)
        self._feed.message(f"Digest: {target.digest}")
        return target.digest

    def _warn_of_platform(self, reference: Reference, wanted: Platform) -> None:
        """Warn, as dockerd, of an image for one platform that is not the wanted one."""
        try:
            self._images.resolve(str(reference), platform=wanted)
        except NotFound:
            found = self._images.resolve(str(reference)).config.platform
            self._feed.message(
                f"WARNING: image with reference {reference.familiar} was found but its platform "
                f"({found}) does not match the specified platform ({wanted})"
            )

    def _present(self, reference: Reference) -> Digest | None:
        try:
            return self._images.resolve(str(reference)).id
        except BaleenError:
            return None  # not here, or damaged: then it is new


def event_attributes(images: ImageStore, reference: Reference) -> dict[str, str]:
    """Return what the event of a pull or push says: the image's labels and the name."""
    labels: Mapping[str, str] = {}
    with suppress(BaleenError):
        labels = images.resolve(str(reference)).config.execution.labels or {}
    return {**labels, "name": reference.familiar_name}


def wanted(name: str, tag: str) -> Reference:
    """Return what `fromImage` and `tag` mean together; neither tag nor digest: all tags.

    A digest in the name goes before the tag, and the tag before the name's; the tag may be a
    digest.

    Raises:
        InvalidArgument: malformed, or the name is reserved.
    """
    reference = parse_reference(name)
    if reference.familiar_name == _RESERVED:
        raise InvalidArgument(f"'{_RESERVED}' is a reserved name")
    if reference.digest is not None:
        return replace(reference, tag=None)
    if ":" in tag:
        return reference.with_digest(Digest(tag))
    return reference.with_tag(tag) if tag else reference


def _title(reference: Reference) -> tuple[str, str]:
    """Return id and status of the first line."""
    which = str(reference) if reference.digest is not None else reference.tag or ""
    return which, f"Pulling from {reference.path}"
