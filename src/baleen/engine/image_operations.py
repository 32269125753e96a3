"""Images as the API's operations: the store's calls off the loop, with events and container use.

See: Engine API, /images/*.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from baleen.engine.tasks import blocking_chunks
from baleen.images import ImageUser
from baleen.images.remote import fetched
from baleen.oci.platform import Platform

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from baleen.containers import ContainerStore
    from baleen.engine.events import EventBus
    from baleen.engine.tasks import Tasks
    from baleen.images import EventSink, ImageStore

__all__ = ["ImageOperations", "image_event_sink"]


def image_event_sink(publish: EventSink, loop: asyncio.AbstractEventLoop) -> EventSink:
    """Return a sink that may be called from any thread and calls `publish` on the loop."""

    def sink(action: str, image_id: str, attributes: Mapping[str, str]) -> None:
        loop.call_soon_threadsafe(publish, action, image_id, attributes)

    return sink


class ImageOperations:
    """Lists, inspects, tags, removes, loads, saves and imports images."""

    def __init__(
        self, images: ImageStore, store: ContainerStore, events: EventBus, tasks: Tasks
    ) -> None:
        self._images = images
        self._store = store
        self._events = events
        self._tasks = tasks

    def list_all(
        self,
        *,
        filters: Mapping[str, Sequence[str]],
        shared_size: bool = False,
        manifests: bool = False,
    ) -> list[dict[str, Any]]:
        """Return the ImageSummary objects."""
        return self._images.summaries(
            filters=filters, manifests=manifests, shared_size=shared_size, in_use=self._users()
        )

    async def inspect(
        self, ref: str, *, platform: str = "", manifests: bool = False
    ) -> dict[str, Any]:
        """Return the API's view of an image (NotFound)."""
        return await self._tasks.blocking(
            self._images.inspect,
            ref,
            platform=_platform(platform),
            manifests=manifests,
            in_use=self._users(),
        )

    async def attestations(
        self, ref: str, *, platform: str = "", types: Sequence[str] = (), statements: bool = False
    ) -> list[dict[str, Any]]:
        """Return what builders attest about an image (NotFound)."""
        return await self._tasks.blocking(
            self._images.attestations,
            ref,
            platform=_platform(platform),
            types=types,
            statements=statements,
        )

    async def history(self, ref: str, *, platform: str = "") -> list[dict[str, Any]]:
        """Return the steps that made an image, newest first (NotFound)."""
        return await self._tasks.blocking(self._images.history, ref, platform=_platform(platform))

    async def tag(self, ref: str, repo: str, tag: str) -> None:
        """Give an image one more name."""
        await self._tasks.blocking(self._images.tag, ref, repo, tag)

    async def remove(
        self, ref: str, *, force: bool, noprune: bool, platforms: Sequence[str] = ()
    ) -> list[dict[str, str]]:
        """Remove a name, and the image with its last one (Conflict while containers use it)."""
        return await self._tasks.blocking(
            self._images.remove,
            ref,
            force=force,
            noprune=noprune,
            platforms=[Platform.parse(text) for text in platforms],
            in_use=self._users(),
        )

    async def prune(self, filters: Mapping[str, Sequence[str]]) -> dict[str, Any]:
        """Remove dangling images, or all unused ones with the filter `dangling=false`."""
        done = await self._tasks.blocking(self._images.prune, filters=filters, in_use=self._users())
        reclaimed = {"reclaimed": str(done["SpaceReclaimed"])}
        self._events.publish_with("image", "prune", "", reclaimed)
        return done

    def _users(self) -> Callable[[str], Sequence[ImageUser]]:
        # Taken on the loop: the store is not read from worker threads.
        users: dict[str, list[ImageUser]] = {}
        for record in self._store:
            user = ImageUser(container_id=record.id, running=record.status.is_active)
            users.setdefault(record.image_id, []).append(user)
        return lambda image_id: users.get(image_id, [])

    def load(
        self, body: AsyncIterator[bytes], *, quiet: bool = False, platforms: Sequence[str] = ()
    ) -> AsyncIterator[dict[str, Any]]:
        """Load an archive; yields the progress objects."""
        progress = self._images.load(
            blocking_chunks(body),
            quiet=quiet,
            platforms=[Platform.parse(text) for text in platforms],
        )
        return self._tasks.iterate(progress, alone=True)

    async def save(
        self, refs: Sequence[str], *, platforms: Sequence[str] = ()
    ) -> AsyncIterator[bytes]:
        """Return a tar stream of images; look-up errors come before the first byte."""
        chunks = await self._tasks.blocking(
            self._images.save, refs, platforms=[Platform.parse(text) for text in platforms]
        )
        return self._tasks.iterate(chunks)

    def import_(
        self,
        body: AsyncIterator[bytes],
        *,
        source: str = "-",
        repo: str,
        tag: str,
        message: str,
        changes: Sequence[str],
        platform: str,
    ) -> AsyncIterator[dict[str, Any]]:
        """Make an image out of a root file system's tar; yields the progress objects.

        `source` is `-` for the body, or the URL to get the tar from.
        """
        chunks = blocking_chunks(body) if source == "-" else fetched(source)
        progress = self._images.import_(
            chunks,
            origin=source,
            repo=repo,
            tag=tag,
            message=message,
            changes=changes,
            platform=platform,
        )
        return self._tasks.iterate(progress, alone=True)


def _platform(text: str) -> Platform | None:
    return Platform.parse(text) if text else None
