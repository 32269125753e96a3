"""Looking into images: are they whole, what did their layers do, how do two differ.

Baleen's own operations; see docs/images.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from baleen.images.comparing import diff_document, tree_document
from baleen.oci.platform import Platform

if TYPE_CHECKING:
    from baleen.engine.tasks import Tasks
    from baleen.images import ImageStore

__all__ = ["ImageInsight"]


class ImageInsight:
    """Each call reads whole layers, in a thread, while the engine goes on."""

    def __init__(self, images: ImageStore, tasks: Tasks) -> None:
        self._images = images
        self._tasks = tasks

    async def check(self) -> dict[str, Any]:
        """Read every blob of every image; returns what is missing or corrupt."""
        report = await self._tasks.blocking(self._images.check)
        return report.view()

    async def tree(self, ref: str, *, platform: str = "", everything: bool) -> dict[str, Any]:
        """Return what each layer of an image did (NotFound, DataLoss)."""
        return await self._tasks.blocking(self._tree, ref, platform, everything)

    def _tree(self, ref: str, platform: str, everything: bool) -> dict[str, Any]:
        image = self._images.resolve(ref, platform=_platform(platform))
        with self._images.held(image):
            return tree_document(self._images.content, image, everything=everything)

    async def diff(self, ref: str, to: str, *, platform: str = "") -> dict[str, Any]:
        """Return how the image `to` differs from the image `ref` (NotFound, DataLoss)."""
        return await self._tasks.blocking(self._diff, ref, to, platform)

    def _diff(self, ref: str, to: str, platform: str) -> dict[str, Any]:
        one = self._images.resolve(ref, platform=_platform(platform))
        other = self._images.resolve(to, platform=_platform(platform))
        with self._images.held(one), self._images.held(other):
            return diff_document(self._images.content, one, other)


def _platform(text: str) -> Platform | None:
    return Platform.parse(text) if text else None
