"""The stages of a Dockerfile and what they need of each other.

Names are compared in lower case. FROM finds stages that stand before it; COPY --from and mounts
find all, so that a reference to a later one can be told from the name of an image.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from baleen.build.dockerfile.errors import suggestion
from baleen.build.dockerfile.instructions import Copy, Run
from baleen.build.lowering.mounts import mount_from
from baleen.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from baleen.build.dockerfile.instructions import Instruction, Location, Stage
    from baleen.build.graph import Edge
    from baleen.build.lowering.image_draft import ImageDraft
    from baleen.build.lowering.scope import Scope
    from baleen.oci.platform import Platform

__all__ = ["SCRATCH", "StageNode", "Stages", "sources_of"]

SCRATCH = "scratch"


@dataclass(eq=False, slots=True)
class StageNode:
    """One stage; the last four attributes are set when it is lowered.

    Attributes:
        base: the image's name as FROM gives it, variables expanded.
        platform: that FROM asks for, or None.
        parent: the stage that it is based on, or None.
        replaced: the named context that stands in the place of the stage, or "".
        instructions: its own, behind the triggers of its base.
        triggers: how many of them come from the base.
    """

    stage: Stage
    base: str
    platform: Platform | None = None
    parent: StageNode | None = None
    replaced: str = ""
    instructions: list[Instruction] = field(default_factory=list)
    triggers: int = 0
    tree: Edge | None = None
    base_tree: Edge | None = None
    draft: ImageDraft | None = None
    scope: Scope | None = None

    @property
    def index(self) -> int:
        """Its place in the Dockerfile."""
        return self.stage.index

    @property
    def name(self) -> str:
        """Its alias, or `stage-N`."""
        return self.stage.base.alias or f"stage-{self.index}"

    @property
    def root(self) -> StageNode:
        """The stage with the image that this one stands on."""
        node = self
        while node.parent is not None and not node.replaced:
            node = node.parent
        return node


def sources_of(instruction: Instruction) -> Iterator[str]:
    """Yield the names of stages, images or contexts that an instruction takes files from."""
    if isinstance(instruction, Copy):
        if instruction.from_:
            yield instruction.from_
    elif isinstance(instruction, Run):
        for mount in instruction.mounts:
            name = mount_from(mount)
            if name and mount.type in {"bind", "cache"}:
                yield name


class Stages:
    """All stages, in order."""

    def __init__(self) -> None:
        self.nodes: list[StageNode] = []
        self._by_name: dict[str, StageNode] = {}

    def __iter__(self) -> Iterator[StageNode]:
        return iter(self.nodes)

    def add(self, node: StageNode) -> None:
        """Add the next stage and find its parent."""
        if not node.replaced:
            node.parent = self._by_name.get(node.base.lower())
        self.nodes.append(node)
        if node.stage.base.alias:
            self._by_name[node.stage.base.alias.lower()] = node

    def named(self, name: str) -> StageNode | None:
        """Return the stage with that name, or None."""
        return self._by_name.get(name.lower())

    def source(self, name: str) -> StageNode | None:
        """Return the stage that COPY --from or a mount means, by name or number.

        Raises:
            InvalidArgument: `invalid stage index N`.
        """
        if name.isascii() and name.lstrip("+-").isdigit() and self.named(name) is None:
            index = int(name)
            if not 0 <= index < len(self.nodes):
                raise InvalidArgument(f"invalid stage index {index}")
            return self.nodes[index]
        return self.named(name)

    def target(self, name: str) -> StageNode:
        """Return the stage to build: that of a name (no number, as in Docker), or the last one.

        Raises:
            InvalidArgument: there is no such stage.
        """
        if not name:
            return self.nodes[-1]
        node = self.named(name)
        if node is None:
            hint = suggestion(name, sorted(self._by_name))
            raise InvalidArgument(f'target stage "{name}" could not be found{hint}')
        return node

    def needs(self, node: StageNode) -> list[tuple[StageNode, Location | None]]:
        """Return the stages that a stage needs, each with the instruction that says so."""
        found: list[tuple[StageNode, Location | None]] = []
        if node.replaced:
            return found
        if node.parent is not None:
            found.append((node.parent, node.stage.base.location))
        for instruction in node.instructions:
            for name in sources_of(instruction):
                source = self.source(name)
                if source is not None:
                    found.append((source, instruction.location))
        return found

    def reachable(self, targets: Iterable[StageNode]) -> set[StageNode]:
        """Return the targets and all stages that they need."""
        found: set[StageNode] = set()
        pending = list(targets)
        while pending:
            node = pending.pop()
            if node not in found:
                found.add(node)
                pending += (source for source, _ in self.needs(node))
        return found

    def circle(self) -> tuple[StageNode, Location | None] | None:
        """Return a stage that needs itself, directly or through others, and where, or None."""
        done: set[StageNode] = set()
        for start in self.nodes:
            if start in done:
                continue
            path: list[StageNode] = [start]
            on_path = {start}
            pending = [iter(self.needs(start))]
            while pending:
                for source, location in pending[-1]:
                    if source in on_path:
                        return source, location
                    if source not in done:
                        path.append(source)
                        on_path.add(source)
                        pending.append(iter(self.needs(source)))
                        break
                else:
                    pending.pop()
                    node = path.pop()
                    on_path.discard(node)
                    done.add(node)
        return None
