"""Volumes by name: signatures, body follows."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from baleen.api import Volume

__all__ = ["VolumeStore"]


class VolumeStore:
    """VolumeStore(database, root: Path); all methods sync and short except copy_up (blocking).

    load() at start; user = container id, for `remove -> 409`.
    """

    def create(
        self,
        name: str | None,
        *,
        driver: str = "local",
        options: Mapping[str, str] | None = None,
        labels: Mapping[str, str] | None = None,
        anonymous: bool = False,
    ) -> tuple[Volume, bool]:
        """Return the volume and whether it is new; `name` None or "" makes an anonymous one."""
        raise NotImplementedError

    def inspect(self, name: str) -> Volume:
        """NotFound "get x: no such volume"."""
        raise NotImplementedError

    def list(self, filters: Mapping[str, list[str]]) -> list[Volume]:
        raise NotImplementedError

    def data_path(self, name: str) -> Path:
        """Return <root>/<name>/_data."""
        raise NotImplementedError

    def use(self, name: str, container_id: str) -> None:
        """Note that a container (running or not) refers to the volume."""
        raise NotImplementedError

    def unuse(self, name: str, container_id: str) -> None:
        raise NotImplementedError

    def mount(self, name: str, container_id: str) -> None:
        """Mount a volume with options for a starting container (no-op for plain ones)."""
        raise NotImplementedError

    def unmount(self, name: str, container_id: str) -> None:
        raise NotImplementedError

    def remove(self, name: str, *, force: bool = False) -> None:
        """Conflict "remove x: volume is in use - [id]"."""
        raise NotImplementedError

    def prune(self, filters: Mapping[str, list[str]]) -> tuple[list[str], int]:
        """Return removed names and freed bytes."""
        raise NotImplementedError
