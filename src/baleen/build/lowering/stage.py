"""One stage: its instructions in order, each to an operation, to the image, or to both."""

from __future__ import annotations

from typing import TYPE_CHECKING

from baleen.api.signals import parse_signal
from baleen.build.contexts.remote import redacted
from baleen.build.dockerfile.expansion import expand, expand_words
from baleen.build.dockerfile.instructions import (
    Add,
    Arg,
    Cmd,
    Copy,
    Entrypoint,
    Env,
    Expose,
    From,
    Healthcheck,
    Label,
    Maintainer,
    Onbuild,
    Run,
    Shell,
    StopSignal,
    User,
    Volume,
    Workdir,
)
from baleen.build.graph import Edge, Vertex
from baleen.build.lowering.copying import lower_copy, lower_workdir
from baleen.build.lowering.ports import exposed_ports
from baleen.build.lowering.running import lower_run
from baleen.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Sequence

    from baleen.build.dockerfile.instructions import Instruction, KeyValue
    from baleen.build.graph import GitSource, HttpSource, Op
    from baleen.build.lowering.context import Lowering
    from baleen.build.lowering.image_draft import ImageDraft
    from baleen.build.lowering.scope import Scope
    from baleen.build.lowering.stages import StageNode, Stages

__all__ = ["WITH_LAYER", "StageLowering"]

WITH_LAYER = (Add, Copy, Run, Workdir)
# Read by the builder itself, never by a process.
_NOT_ENVIRONMENT = frozenset({"BUILDKIT_SBOM_SCAN_CONTEXT", "BUILDKIT_SBOM_SCAN_STAGE"})


class StageLowering:
    """Lowers one stage.

    Attributes:
        build: what all stages share.
        tree: what the stage has so far; None: nothing.
        draft: the image so far.
        scope: the variables so far.
        last: the vertex of the instruction lowered last, or None.
    """

    def __init__(
        self, build: Lowering, stages: Stages, node: StageNode, draft: ImageDraft, scope: Scope
    ) -> None:
        self.build = build
        self.tree = node.tree
        self.draft = draft
        self.scope = scope
        self.last: Vertex | None = None
        self._stages = stages
        self._node = node
        self._number = 0
        self._total = sum(isinstance(found, WITH_LAYER) for found in node.instructions)
        if node.parent is None and self.tree is not None:
            self._total += 1
            self._number = 1
        alias = node.stage.base.alias.lower()
        self._ignore_cache = build.options.no_cache or alias in build.options.no_cache_stages
        self._instruction: Instruction | None = None
        self._is_trigger = False

    # -- what instructions use

    def expand(self, word: str) -> str:
        """Expand the variables of a word and remove its quotes."""
        return expand(word, self.scope.variables, self.build.dockerfile.escape)

    def vertex(self, op: Op, inputs: tuple[Edge, ...]) -> Vertex:
        """Return the vertex of the instruction."""
        self._number += 1
        instruction = self._instruction
        text = instruction.text if instruction is not None else ""
        name = f"{self._node.name} " if len(self._stages.nodes) > 1 else ""
        number = str(self._number).rjust(len(str(self._total)))
        trigger = "ONBUILD " if self._is_trigger else ""
        return Vertex(
            op,
            inputs,
            name=f"[{name}{number}/{self._total}] {trigger}{text}",
            ignore_cache=self._ignore_cache,
            place=instruction.location.line if instruction is not None else 0,
        )

    def source_vertex(self, op: GitSource | HttpSource) -> Vertex:
        """Return the vertex of a source that the instruction takes from."""
        instruction = self._instruction
        place = instruction.location.line if instruction is not None else 0
        return Vertex(op, name=redacted(op.url), place=place)

    def set_tree(self, vertex: Vertex) -> None:
        """Make the vertex's result what the stage has."""
        self.last = vertex
        self.tree = Edge(vertex)

    def source_tree(self, name: str) -> Edge | None:
        """Return the tree of a stage (by name or number), image or context; None: it is empty.

        Raises:
            InvalidArgument: the stage stands further down, or the name has a variable.
        """
        if self.expand(name) != name or "$" in name:
            raise InvalidArgument(
                "variable expansion is not supported for --from, define a new stage with FROM "
                "using ARG from global scope as a workaround"
            )
        node = self._stages.source(name)
        if node is None:
            return self.build.external(name, None).tree
        if node.draft is None:
            raise InvalidArgument(
                f'cannot copy from stage "{name}", it needs to be defined before current stage '
                f'"{self._node.name}"'
            )
        return node.tree

    # -- instructions

    def lower(self, instruction: Instruction, *, is_trigger: bool = False) -> None:
        """Take in one instruction.

        Raises:
            DockerfileError: at the instruction.
        """
        self.last = None
        self._instruction = instruction
        self._is_trigger = is_trigger
        with self.build.at(instruction.location):
            self._lower(instruction)

    def _lower(self, instruction: Instruction) -> None:  # noqa: C901  # one arm each
        draft = self.draft
        match instruction:
            case Run():
                lower_run(self, instruction)
            case Copy() | Add():
                lower_copy(self, instruction)
            case Workdir():
                lower_workdir(self, self.expand(instruction.path))
            case Arg():
                self._arg(instruction)
            case Env():
                pairs = self._pairs("ENV", instruction.pairs)
                draft.env(pairs)
                self.scope.environment.update(pairs)
            case Label():
                draft.label(self._pairs("LABEL", instruction.pairs))
            case Maintainer():
                draft.maintainer(instruction.name)
            case Cmd():
                draft.cmd(instruction.command)
            case Entrypoint():
                draft.entrypoint(instruction.command)
            case Shell():
                draft.set_shell(instruction.words)
            case Healthcheck():
                draft.healthcheck(instruction)
            case User():
                draft.user(self._not_blank("USER", instruction.user))
            case Volume():
                draft.volume([self._not_blank("VOLUME", path) for path in instruction.paths])
            case Expose():
                self._expose(instruction)
            case StopSignal():
                signal = self.expand(instruction.signal)
                parse_signal(signal)
                draft.stop_signal(signal)
            case Onbuild():
                draft.onbuild(instruction.expression)
            case From():
                raise InvalidArgument("FROM stands in the middle of a stage")

    def _not_blank(self, word: str, text: str) -> str:
        value = self.expand(text)
        if not value.strip():
            if word == "VOLUME":
                raise InvalidArgument("VOLUME specified can not be an empty string")
            raise InvalidArgument(f"{word} requires a value that is not blank")
        return value

    def _pairs(self, word: str, pairs: Sequence[KeyValue]) -> list[tuple[str, str]]:
        # All see the variables as they were before the instruction.
        found = [(self.expand(pair.key), self.expand(pair.value or "")) for pair in pairs]
        if not all(key for key, _ in found):
            raise InvalidArgument(f"{word} names can not be blank")
        return found

    def _arg(self, instruction: Arg) -> None:
        given, shown = self.build.options.build_args, []
        for pair in instruction.pairs:
            key = pair.key
            value = given.get(key)
            if value is None:
                if pair.value is not None:
                    value = self.expand(pair.value)
                else:
                    value = self.build.global_args.get(key)
            if key not in _NOT_ENVIRONMENT:
                self.scope.declare(key, value)
            shown.append(key if value is None else f"{key}={value}")
        self.draft.record(f"ARG {' '.join(shown)}")

    def _expose(self, instruction: Expose) -> None:
        variables, escape = self.scope.variables, self.build.dockerfile.escape
        ports: list[str] = []
        for word in instruction.ports:
            for port in expand_words(word, variables, escape):
                ports += exposed_ports(port)
        self.draft.expose(ports)
