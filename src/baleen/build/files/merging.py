"""The executor of merges: trees laid over each other (`COPY --link`).

Nothing is copied: the layers of one tree come on top of those of the other, which is what a union
shows. See: BuildKit, MergeOp.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from baleen.build.trees import EMPTY, Tree
from baleen.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Sequence

    from baleen.build.graph import Vertex
    from baleen.build.interfaces import Input, Report
    from baleen.build.session import Session

__all__ = ["Merges"]


class Merges:
    """See the module's text."""

    async def run(
        self, vertex: Vertex, inputs: Sequence[Input], session: Session, report: Report
    ) -> Sequence[Tree]:
        """Return all layers of all inputs, in order."""
        merged = EMPTY
        for tree in inputs:
            if not isinstance(tree, Tree):
                raise InvalidArgument("cannot merge a build context with a tree")
            merged = Tree(merged.layers + tree.layers, merged.diff_ids + tree.diff_ids)
        return [merged]
