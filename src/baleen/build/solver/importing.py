"""Results of other machines: where else the solver looks when its own cache has nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from baleen.build.session import Session
    from baleen.build.trees import Tree

__all__ = ["ImportedResult", "Importer"]


@dataclass(frozen=True, slots=True)
class ImportedResult:
    """A result whose layers are here now, leased by the session."""

    outputs: tuple[Tree, ...]
    created_ns: int


class Importer(Protocol):
    """One place, asked by the keys that we have computed.

    Attributes:
        name: for people: `registry:host/name`.
    """

    name: str

    async def find(self, keys: Sequence[str], session: Session) -> ImportedResult | None:
        """Return the result under one of the keys, its layers fetched, or None.

        A place that cannot be reached, or has nonsense, has nothing: it is logged.
        """
        ...
