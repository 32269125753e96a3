"""What lowering makes of a Dockerfile: a target in the graph and the image round it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from baleen.oci.image import HistoryEntry, ImageConfig, RootFs

if TYPE_CHECKING:
    from collections.abc import Callable

    from baleen.build.dockerfile.instructions import Location
    from baleen.build.graph import Edge, Vertex
    from baleen.build.trees import Tree
    from baleen.oci.platform import Platform

__all__ = ["HistoryStep", "Plan", "Step"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One instruction of a needed stage.

    Attributes:
        number: from 1, over all steps of the plan (`Step 3/7`).
        text: the instruction as written, continuation lines joined.
        stage: index of the stage in the Dockerfile.
        stage_name: its alias, or "".
        location: where it stands; None for a trigger of the base image.
        vertex: what it runs; None where it changes the config alone. FROM has its source's, or
            None (scratch, or another stage, whose steps stand before).
        id: hex; equal for equal steps on equal bases: shown as ` ---> id`.
        onbuild: it came from the base image.
    """

    number: int
    text: str
    stage: int
    stage_name: str = ""
    location: Location | None = None
    vertex: Vertex | None = None
    id: str
    onbuild: bool = False


@dataclass(frozen=True, slots=True)
class HistoryStep:
    """An entry of the image's history, and the layer that it stands for.

    Attributes:
        entry: as far as it is known before the build.
        before, after: the trees round the step; equal (or no layer between): an empty layer.
            `after` is None for what never has a layer.
    """

    entry: HistoryEntry
    before: Edge | None = None
    after: Edge | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to build for one platform.

    Attributes:
        target: the result; None: an image without any layer.
        config: the image's, without layers, history and time of creation.
        base_history: of the base image, taken over as it is.
        history: what this build adds, in order.
        base: the tree that this build stands on, for `--squash`; None: scratch.
        platform: of the result.
        steps: all instructions of all needed stages, in the order of the Dockerfile.
        epoch_ns: SOURCE_DATE_EPOCH in nanoseconds, or None.
        skipped: names or numbers of stages that nothing needs.
        warnings: texts for the user (an ARG that is not used, ...).
    """

    target: Edge | None
    config: ImageConfig
    base_history: tuple[HistoryEntry, ...] = ()
    history: tuple[HistoryStep, ...] = ()
    base: Edge | None = None
    platform: Platform
    steps: tuple[Step, ...] = ()
    epoch_ns: int | None = None
    skipped: tuple[str, ...] = ()
    warnings: tuple[str, ...] = field(default=())

    def image_config(self, trees: Callable[[Edge | None], Tree], created: str) -> ImageConfig:
        """Return the finished config.

        Args:
            trees: gives the result of an edge of this plan (`Solution.tree`).
            created: RFC 3339; the time of the image and of its new history entries.
        """
        history = list(self.base_history)
        for step in self.history:
            empty = step.after is None or (
                len(trees(step.after).layers) <= len(trees(step.before).layers)
            )
            history.append(
                msgspec.structs.replace(step.entry, created=created, empty_layer=empty or None)
            )
        return msgspec.structs.replace(
            self.config,
            created=created,
            rootfs=RootFs(type="layers", diff_ids=list(trees(self.target).diff_ids)),
            history=history or None,
        )
