"""What an explanation is made of: one container, its OCI document, and the kernel's view of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from baleen.containers.record import ContainerRecord
    from baleen.engine.explaining.live_process import LiveProcess
    from baleen.snapshots import Mounts

__all__ = ["Neighbour", "Subject"]


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Another running container: its name and the namespaces of its first process."""

    name: str
    namespaces: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One container.

    Attributes:
        oci: the OCI document: of the run, or what a start would write.
        live: the kernel's view; None when there is no process.
        roots: directories of the union mount; None when they do not exist.
        joined: type of namespace to the name of the container that it is taken from.
        neighbours: the other running containers.
        remaps: whether the engine gives containers ids other than the host's.
    """

    record: ContainerRecord
    oci: Mapping[str, Any]
    live: LiveProcess | None = None
    roots: Mounts | None = None
    joined: Mapping[str, str] = field(default_factory=dict)
    neighbours: Sequence[Neighbour] = ()
    remaps: bool = False

    @property
    def linux(self) -> Mapping[str, Any]:
        """The document's part about Linux."""
        found: Mapping[str, Any] = self.oci.get("linux") or {}
        return found

    @property
    def process(self) -> Mapping[str, Any]:
        """The document's part about the process."""
        found: Mapping[str, Any] = self.oci.get("process") or {}
        return found
