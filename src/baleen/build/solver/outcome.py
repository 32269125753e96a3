"""What vertices, and a whole build, have come to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from baleen.build.session import LocalDirectory
from baleen.build.trees import EMPTY, Tree
from baleen.errors import InvalidArgument

if TYPE_CHECKING:
    from baleen.build.graph import Edge, Vertex
    from baleen.build.interfaces import Input
    from baleen.build.solver.why import Verdict

__all__ = ["Outcome", "Solution"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a vertex has come to.

    Attributes:
        outputs: its trees; a directory for a context.
        created_ns: when the result was made, whichever build made it.
        verdict: of the cache; None for sources.
        record_id: of the cache, or "".
        keys: under which it may be exported.
    """

    outputs: tuple[Input, ...]
    created_ns: int
    verdict: Verdict | None = None
    record_id: str = ""
    keys: tuple[str, ...] = ()

    @property
    def trees(self) -> tuple[Tree, ...]:
        """The outputs that are trees."""
        return tuple(found for found in self.outputs if isinstance(found, Tree))


@dataclass(slots=True)
class Solution:
    """The results of one build, by vertex."""

    outcomes: dict[str, Outcome] = field(default_factory=dict)

    def tree(self, edge: Edge | None) -> Tree:
        """Return the tree of an edge of the graph; of None an empty one."""
        if edge is None:
            return EMPTY
        found = self.outcomes[edge.vertex.digest].outputs[edge.output]
        if isinstance(found, LocalDirectory):
            raise InvalidArgument("a build context has no layers")
        return found

    def created_ns(self, edge: Edge | None) -> int:
        """Say when the result of an edge was made, in nanoseconds since 1970; 0 for None."""
        return 0 if edge is None else self.outcomes[edge.vertex.digest].created_ns

    def verdict(self, vertex: Vertex) -> Verdict | None:
        """Return what the cache said about a vertex; None for a source, or what was not reached."""
        outcome = self.outcomes.get(vertex.digest)
        return None if outcome is None else outcome.verdict
