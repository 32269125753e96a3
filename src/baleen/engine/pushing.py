"""Pushing images to registries: `POST /images/{name}/push`.

See: Engine API, ImagePush; moby `distribution/push_v2.go` for the words of the stream.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from baleen.engine.pulling import event_attributes
from baleen.engine.registry_access import credentials_of
from baleen.errors import InvalidArgument, NotFound
from baleen.images.image import reachable
from baleen.oci.platform import Platform
from baleen.oci.reference import parse_reference

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from baleen.api.registries import AuthConfig
    from baleen.distribution.cancellation import Cancellation
    from baleen.distribution.credentials import Credentials
    from baleen.distribution.progress import Event
    from baleen.engine.progress_feed import Message, ProgressFeed
    from baleen.engine.registry_access import RegistryAccess
    from baleen.images import EventSink, ImageStore
    from baleen.oci.descriptor import Descriptor
    from baleen.oci.reference import Reference

__all__ = ["Pushing"]


class Pushing:
    """Pushes one tag, or all tags of a repository.

    Args:
        on_event: told of each push, from its thread.
    """

    def __init__(self, images: ImageStore, access: RegistryAccess, on_event: EventSink) -> None:
        self._images = images
        self._access = access
        self._emit = on_event

    def push(
        self, name: str, *, tag: str, platform: str, auth: AuthConfig
    ) -> AsyncIterator[Message]:
        """Push an image; yields the progress messages. Without `tag`, all tags of the name.

        Closing the iterator gives the push up; the registry's tag then is what it was.

        Raises:
            InvalidArgument: a name, tag or platform that is none; at the call.
            BaleenError: from the iterator: dockerd's words for what the registry says.
        """
        reference = parse_reference(name)
        if reference.digest is not None:
            raise InvalidArgument("cannot push a digest reference")
        reference = reference.with_tag(tag) if tag else reference.repository
        chosen = Platform.parse(platform) if platform else None
        credentials = credentials_of(auth)

        def work(feed: ProgressFeed, cancel: Cancellation) -> None:
            feed.message(f"The push refers to repository [{reference.name}]")
            for target, one in self._targets(reference):
                self._push(feed, cancel, one, target, chosen, credentials)
            self._emit("push", reference.familiar, event_attributes(self._images, reference))

        return self._access.stream(work)

    def _targets(self, reference: Reference) -> Sequence[tuple[Descriptor, Reference]]:
        found = self._images.tagged(reference)
        if found:
            return found
        if reference.tag is not None and self._images.tagged(reference.repository):
            raise NotFound(f"tag does not exist: {reference.familiar}")
        raise NotFound(f"An image does not exist locally with the tag: {reference.familiar_name}")

    def _push(
        self,
        feed: ProgressFeed,
        cancel: Cancellation,
        reference: Reference,
        target: Descriptor,
        platform: Platform | None,
        credentials: Credentials | None,
    ) -> None:
        images = self._images

        def progress(event: Event) -> None:
            _tell(feed, event)

        def mount_from(blob: Descriptor) -> Sequence[str]:
            return images.repositories_with(blob.digest, reference)

        with images.content.lease() as lease:
            for digest in reachable(images.content, target):
                images.content.adopt(digest, lease)
            pushed = self._access.client.push(
                reference,
                target,
                credentials=credentials,
                cancel=cancel,
                progress=progress,
                platform=platform,
                mount_from=mount_from,
            )
        feed.message(f"{reference.tag}: digest: {pushed.digest} size: {pushed.size}")
        result = {"Tag": reference.tag, "Digest": str(pushed.digest), "Size": pushed.size}
        feed.message("", progressDetail={}, aux=result)
        if pushed.digest != target.digest and platform is None:
            feed.message("", aux=_instead(target, pushed))


def _tell(feed: ProgressFeed, event: Event) -> None:
    # The states' module is loaded by whoever makes an event.
    from baleen.distribution.progress import State

    short, state = event.descriptor.digest.short, event.state
    if state is State.PUSHING:
        feed.step(short, "Pushing", event.current, event.total)
    elif state is State.MOUNTED:
        feed.step(short, f"Mounted from {event.detail}")
    elif state is State.RETRYING:
        unit = "second" if event.detail == "1" else "seconds"
        feed.step(short, f"Retrying in {event.detail} {unit}")
    else:
        feed.step(short, _STATUS.get(state.value, state.value.capitalize()))


_STATUS = {"exists": "Layer already exists"}


def _instead(target: Descriptor, pushed: Descriptor) -> dict[str, object]:
    """Return what tells the client that one manifest was pushed and not the index."""

    def view(descriptor: Descriptor) -> dict[str, object]:
        return {
            "mediaType": descriptor.media_type,
            "digest": str(descriptor.digest),
            "size": descriptor.size,
        }

    return {
        "manifestPushedInsteadOfIndex": True,
        "originalIndex": view(target),
        "selectedManifest": view(pushed),
    }
