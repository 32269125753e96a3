"""When each image was last used; written once an hour at most: making containers costs nothing.

In the state database, table "settings", keys `image-used/<image id>`.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from baleen.state.database import Database

__all__ = ["UsageTimes"]

_PREFIX = "image-used/"
_STEP_NS = 3600 * 1_000_000_000


class UsageTimes:
    """May be called from any thread."""

    def __init__(self, database: Database, clock: Callable[[], int] = time.time_ns) -> None:
        self._database = database
        self._clock = clock
        self._lock = threading.Lock()
        self._times: dict[str, int] = {}
        self._written: dict[str, int] = {}

    def start(self, images: Collection[str]) -> None:
        """Read the times of those images; others are forgotten."""
        for key, document in self._database.all("settings"):
            if not key.startswith(_PREFIX):
                continue
            image_id = key.removeprefix(_PREFIX)
            if image_id in images and document.isdigit():
                self._times[image_id] = int(document)
            else:
                self._database.delete("settings", key)

    def touch(self, image_id: str) -> None:
        """Note that the image is used now."""
        now = self._clock()
        with self._lock:
            before = self._times.get(image_id, 0)
            self._times[image_id] = now
            if now - self._written.get(image_id, before) < _STEP_NS:
                return
            self._written[image_id] = now
        self._database.put("settings", _PREFIX + image_id, str(now).encode())

    def forget(self, image_id: str) -> None:
        """Drop an image that is gone."""
        with self._lock:
            known = self._times.pop(image_id, None)
            self._written.pop(image_id, None)
        if known is not None:
            self._database.delete("settings", _PREFIX + image_id)

    def get(self, image_id: str) -> int:
        """Return nanoseconds since the epoch, 0 when it was never used."""
        return self._times.get(image_id, 0)
