"""What lowering makes of a Dockerfile: a target in the graph and the image round it."""

from __future__ import annotations

import time
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

__all__ = ["HistoryStep", "Plan", "Step", "rfc3339"]


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
        base_created: when the base image says it was made, or None.
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
    base_created: str | None = None
    history: tuple[HistoryStep, ...] = ()
    base: Edge | None = None
    platform: Platform
    steps: tuple[Step, ...] = ()
    epoch_ns: int | None = None
    skipped: tuple[str, ...] = ()
    warnings: tuple[str, ...] = field(default=())

    def image_config(
        self,
        trees: Callable[[Edge | None], Tree],
        created_ns: Callable[[Edge | None], int],
        now_ns: int,
    ) -> ImageConfig:
        """Return the finished config; the same again when every result comes from the cache.

        A step with a layer is as old as its result, one without as what stands before it; the
        image is as old as its last step. SOURCE_DATE_EPOCH stands for all of these times.

        Args:
            trees: gives the result of an edge of this plan (`Solution.tree`).
            created_ns: says when it was made (`Solution.created_ns`).
            now_ns: for an image that stands on nothing that has a time.
        """
        history = list(self.base_history)
        base_created = self.base_created or next(
            (entry.created for entry in reversed(history) if entry.created), None
        )
        created = base_created
        fixed = None if self.epoch_ns is None else rfc3339(self.epoch_ns)
        for step in self.history:
            empty = step.after is None or (
                len(trees(step.after).layers) <= len(trees(step.before).layers)
            )
            if step.after is not None:
                created = rfc3339(created_ns(step.after))
            elif created is None:
                created = rfc3339(now_ns)
            history.append(
                msgspec.structs.replace(
                    step.entry, created=fixed or created, empty_layer=empty or None
                )
            )
        return msgspec.structs.replace(
            self.config,
            created=fixed or created or rfc3339(now_ns),
            rootfs=RootFs(type="layers", diff_ids=list(trees(self.target).diff_ids)),
            history=history or None,
        )


def rfc3339(time_ns: int) -> str:
    """Return a time in UTC as Go writes it: nanoseconds without trailing zeros."""
    seconds, nanoseconds = divmod(time_ns, 1_000_000_000)
    text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    fraction = f".{nanoseconds:09d}".rstrip("0") if nanoseconds else ""
    return f"{text}{fraction}Z"
