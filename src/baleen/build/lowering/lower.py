"""A Dockerfile and a request to a plan, for one platform.

stages by FROM -> the target and what it needs -> base images (in parallel) -> their triggers,
which may need more -> each stage in the Dockerfile's order -> the plan
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from baleen.build.dockerfile.expansion import analyse
from baleen.build.dockerfile.instructions import Onbuild
from baleen.build.dockerfile.parser import parse_trigger
from baleen.build.lowering.context import Lowering
from baleen.build.lowering.scope import PROXIES, Scope, global_arguments, platform_arguments
from baleen.build.lowering.stage import WITH_LAYER, StageLowering
from baleen.build.lowering.stages import StageNode, Stages, sources_of
from baleen.build.plan import Plan, Step
from baleen.errors import InvalidArgument
from baleen.oci.platform import host_platform, parse_platform

if TYPE_CHECKING:
    from collections.abc import Collection

    from baleen.build.dockerfile.instructions import Dockerfile, Instruction, Location, Stage
    from baleen.build.graph import Vertex
    from baleen.build.interfaces import ImageResolver
    from baleen.build.options import BuildOptions
    from baleen.build.session import Session
    from baleen.oci.image import ImageConfig
    from baleen.oci.platform import Platform

__all__ = ["lower", "source_date_epoch"]

_EPOCH = re.compile(r"[0-9]{1,11}")
_LIMIT_TRIGGERS = 1000
_OWN_ARGUMENTS = frozenset({"SOURCE_DATE_EPOCH"})


async def lower(
    dockerfile: Dockerfile,
    options: BuildOptions,
    images: ImageResolver,
    session: Session,
    *,
    platform: Platform | None = None,
) -> Plan:
    """Return what to build for `platform` (None: the host's).

    Raises:
        DockerfileError: something in the Dockerfile makes no sense, with its place.
        InvalidArgument: there is no such target, or a bad SOURCE_DATE_EPOCH.
        BaleenError: of the resolver, for a base image.
    """
    host = options.build_platform or host_platform()
    target = platform or host
    lowering = Lowering(
        dockerfile=dockerfile,
        options=options,
        target=target,
        images=images,
        session=session,
        global_args={},
        explicit_platform=platform is not None,
    )
    automatic = platform_arguments(host, target, options.target)
    location = dockerfile.global_args[0].location if dockerfile.global_args else None
    with lowering.at(location):
        lowering.global_args = global_arguments(
            automatic, options.build_args, dockerfile.global_args, dockerfile.escape
        )
    epoch = options.build_args.get("SOURCE_DATE_EPOCH") or lowering.global_args.get(
        "SOURCE_DATE_EPOCH"
    )
    lowering.epoch_ns = source_date_epoch(epoch) if epoch else session.epoch_ns
    stages = _stages(lowering)
    wanted = stages.target(options.target)
    _check_circles(lowering, stages)
    needed = await _resolve(lowering, stages, wanted)
    steps = _Steps()
    for arg in dockerfile.global_args:
        steps.add(arg, None, None)
    for node in stages:
        if node in needed:
            _lower_stage(lowering, stages, node, steps)
    return _plan(lowering, stages, wanted, needed, steps)


def source_date_epoch(text: str) -> int:
    """Return the value of SOURCE_DATE_EPOCH in nanoseconds.

    Raises:
        InvalidArgument: not a number of seconds.
    """
    if _EPOCH.fullmatch(text) is None:
        raise InvalidArgument(f'invalid SOURCE_DATE_EPOCH: "{text[:64]}" is no number of seconds')
    return int(text) * 1_000_000_000


# -- stages ------------------------------------------------------------------------------------


def _stages(lowering: Lowering) -> Stages:
    stages = Stages()
    for stage in lowering.dockerfile.stages:
        with lowering.at(stage.base.location):
            stages.add(_node(lowering, stage))
    return stages


def _node(lowering: Lowering, stage: Stage) -> StageNode:
    base = stage.base
    found = analyse(base.image, lowering.global_args, lowering.dockerfile.escape)
    if not found.text:
        raise InvalidArgument(f"base name ({base.image}) should not be blank")
    platform = None
    if base.platform:
        text = analyse(base.platform, lowering.global_args, lowering.dockerfile.escape).text
        if not text:
            raise InvalidArgument(f"empty platform value from expression {base.platform}")
        try:
            platform = parse_platform(text, default=lowering.target)
        except InvalidArgument as err:
            message = f"failed to parse platform {base.platform}: {err.message}"
            raise InvalidArgument(message) from err
    replaced = lowering.named_context(base.alias) if base.alias else ""
    return StageNode(
        stage=stage,
        base=found.text,
        platform=platform,
        replaced=replaced and base.alias,
        instructions=[] if replaced else list(stage.instructions),
    )


def _check_circles(lowering: Lowering, stages: Stages) -> None:
    for node in stages:
        for instruction in node.instructions:
            with lowering.at(instruction.location):
                for name in sources_of(instruction):
                    stages.source(name)
    circle = stages.circle()
    if circle is not None:
        node, location = circle
        with lowering.at(location):
            raise InvalidArgument(f"circular dependency detected on stage: {node.name}")


async def _resolve(lowering: Lowering, stages: Stages, wanted: StageNode) -> set[StageNode]:
    """Find the images of all stages that are needed, and take in their triggers."""
    begun: set[StageNode] = set()
    while True:
        needed = stages.reachable([wanted])
        fresh = [node for node in stages if node in needed - begun]
        if not fresh:
            return needed
        begun.update(fresh)
        await _resolve_all(lowering, _images(lowering, stages, fresh))
        for node in fresh:
            _take_triggers(lowering, node)
        # Triggers bring needs of their own: stages, found above, and images.
        triggered = [node for node in fresh if node.triggers]
        await _resolve_all(lowering, _images(lowering, stages, triggered))
        _check_circles(lowering, stages)


_Wanted = tuple[str, "Platform | None", "Location | None", str]


def _images(lowering: Lowering, stages: Stages, nodes: Collection[StageNode]) -> list[_Wanted]:
    """Return the images and contexts that stages stand on or take files from."""
    found: list[_Wanted] = []
    for node in nodes:
        if node.parent is None:
            name = f"{node.name} " if len(stages.nodes) > 1 else ""
            count = 1 + sum(isinstance(step, WITH_LAYER) for step in node.instructions)
            label = f"[{name}{'1'.rjust(len(str(count)))}/{count}] "
            found.append(
                (node.replaced or node.base, node.platform, node.stage.base.location, label)
            )
        for instruction in node.instructions:
            found += (
                (source, None, instruction.location, "")
                for source in sources_of(instruction)
                if stages.source(source) is None and "$" not in source
            )
    return found


async def _resolve_all(lowering: Lowering, wanted: list[_Wanted]) -> None:
    unique = {
        (name, str(platform)): (name, platform, place, label)
        for name, platform, place, label in reversed(wanted)
    }
    try:
        async with asyncio.TaskGroup() as group:
            for one in unique.values():
                group.create_task(lowering.resolve(*one))
    except BaseExceptionGroup as errors:
        # The first says what is wrong; the others were cancelled or are much the same.
        first = errors.exceptions[0]
        while isinstance(first, BaseExceptionGroup):
            first = first.exceptions[0]
        raise first from None


def _take_triggers(lowering: Lowering, node: StageNode) -> None:
    """Put the ONBUILD instructions of the stage's base before its own."""
    if node.replaced:
        return
    if node.parent is not None:
        texts = [
            instruction.expression
            for instruction in node.parent.instructions
            if isinstance(instruction, Onbuild)
        ]
    else:
        texts = list(lowering.external(node.base, node.platform).draft.execution.on_build or ())
    location = node.stage.base.location
    if len(texts) > _LIMIT_TRIGGERS:
        raise InvalidArgument(f"image {node.base} has more than {_LIMIT_TRIGGERS} triggers")
    triggers: list[Instruction] = []
    with lowering.at(location):
        for text in texts:
            parsed = parse_trigger(text)
            triggers.append(replace(parsed, location=location))
    node.triggers = len(triggers)
    node.instructions[:0] = triggers


# -- lowering of a stage -------------------------------------------------------------------------


class _Steps:
    """Collects the steps with their ids."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.ends: dict[StageNode, str] = {}
        self._id = ""

    def add(
        self,
        instruction: Instruction,
        node: StageNode | None,
        vertex: Vertex | None,
        *,
        start: str | None = None,
        onbuild: bool = False,
    ) -> str:
        """Add a step; `start` is the id of what a FROM stands on."""
        if start is not None:
            self._id = start
        else:
            key = f"{self._id}\n{instruction.text}\n{vertex.digest if vertex else ''}"
            self._id = hashlib.sha256(key.encode()).hexdigest()
        self.steps.append(
            Step(
                number=len(self.steps) + 1,
                text=instruction.text,
                stage=node.index if node is not None else -1,
                stage_name=node.stage.base.alias if node is not None else "",
                location=None if onbuild else instruction.location,
                vertex=vertex,
                id=self._id,
                onbuild=onbuild,
            )
        )
        return self._id


def _lower_stage(lowering: Lowering, stages: Stages, node: StageNode, steps: _Steps) -> None:
    if node.parent is not None:
        parent = node.parent
        assert parent.draft is not None  # parents stand before their children
        assert parent.scope is not None
        draft, scope = parent.draft.child(), parent.scope.child()
        node.tree, node.base_tree = parent.tree, parent.base_tree
        start, vertex = steps.ends[parent], None
    else:
        external = lowering.external(node.replaced or node.base, node.platform)
        draft, scope = external.draft.child(), Scope()
        node.tree = node.base_tree = external.base
        vertex = external.base.vertex if external.base is not None else None
        image = external.image
        start = (
            image.config_digest.rpartition(":")[2]
            if image
            else hashlib.sha256(b"" if vertex is None else vertex.digest.encode()).hexdigest()
        )
        if not lowering.options.inherit_labels:
            draft.change(labels=None)
    draft.ensure_path()
    scope.environment = draft.environment()
    stage = StageLowering(lowering, stages, node, draft, scope)
    last = steps.add(node.stage.base, node, vertex, start=start)
    for number, instruction in enumerate(node.instructions):
        is_trigger = number < node.triggers
        stage.lower(instruction, is_trigger=is_trigger)
        last = steps.add(instruction, node, stage.last, onbuild=is_trigger)
    node.tree, node.draft, node.scope = stage.tree, draft, scope
    steps.ends[node] = last


# -- the plan ------------------------------------------------------------------------------------


def _plan(
    lowering: Lowering,
    stages: Stages,
    wanted: StageNode,
    needed: Collection[StageNode],
    steps: _Steps,
) -> Plan:
    draft = wanted.draft
    assert draft is not None  # every needed stage is lowered
    config = _for_platform(draft.finished(lowering.options.labels), lowering)
    return Plan(
        target=wanted.tree,
        config=config,
        base_history=draft.base_history,
        base_created=draft.base_created,
        history=tuple(draft.history),
        base=wanted.root.base_tree,
        platform=config.platform,
        steps=tuple(steps.steps),
        epoch_ns=lowering.epoch_ns,
        skipped=tuple(node.name for node in stages if node not in needed),
        warnings=_warnings(lowering, needed),
    )


def _for_platform(config: ImageConfig, lowering: Lowering) -> ImageConfig:
    if not lowering.explicit_platform:
        return config
    target = lowering.target
    same = (target.os, target.architecture) == (config.os, config.architecture)
    return msgspec.structs.replace(
        config,
        os=target.os,
        architecture=target.architecture,
        variant=target.variant or (config.variant if same else None),
    )


def _warnings(lowering: Lowering, needed: Collection[StageNode]) -> tuple[str, ...]:
    declared = {pair.key for arg in lowering.dockerfile.global_args for pair in arg.pairs}
    for node in needed:
        if node.scope is not None:
            declared.update(node.scope.declared)
    unused = sorted(
        key
        for key in lowering.options.build_args
        if key not in declared
        and key.lower() not in PROXIES
        and key not in _OWN_ARGUMENTS
        and not key.startswith("BUILDKIT_")
        and key not in lowering.global_args
    )
    if not unused:
        return ()
    return (f"[Warning] One or more build-args [{' '.join(unused)}] were not consumed",)
