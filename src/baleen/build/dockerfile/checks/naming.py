"""The rules that need only what is written: case of words, names of stages, old forms.

See: Build checks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from baleen.build.dockerfile.checks.rules import Finding
from baleen.build.dockerfile.errors import quoted
from baleen.build.dockerfile.instructions import (
    Arg,
    Cmd,
    Entrypoint,
    Env,
    Healthcheck,
    Instruction,
    Label,
    Maintainer,
)
from baleen.build.dockerfile.words import split_keyword, words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from baleen.build.dockerfile.instructions import Dockerfile, From, Stage

__all__ = ["naming_findings"]

_RESERVED = frozenset({"context", "scratch"})


def naming_findings(dockerfile: Dockerfile) -> Iterator[Finding]:
    """Yield what breaks the rules that need the text only."""
    for location, text in dockerfile.empty_continuations:
        yield Finding(
            "NoEmptyContinuation", f"Empty continuation line found in: {text[:200]}", location
        )
    for one in dockerfile.global_args:
        yield from _description(one, [pair.key for pair in one.pairs], "ARG")
    yield from _instruction_casing(dockerfile)
    names: set[str] = set()
    for stage in dockerfile.stages:
        yield from _stage_name(stage.base, names, dockerfile.escape)
        yield from _description(
            stage.base, [stage.base.alias] if stage.base.alias else [], "build stage"
        )
        yield from _instructions(stage)
        yield from _repeated(stage)


def _keyword(instruction: Instruction) -> str:
    """Return the instruction's name as written."""
    return instruction.text.split(maxsplit=1)[0]


def _instruction_casing(dockerfile: Dockerfile) -> Iterator[Finding]:
    instructions = [one for stage in dockerfile.stages for one in (stage.base, *stage.instructions)]
    lower = sum(_keyword(one).islower() for one in instructions)
    upper = sum(_keyword(one).isupper() for one in instructions)
    majority = "lowercase" if lower > upper else "uppercase"
    for one in instructions:
        keyword = _keyword(one)
        if not (keyword.islower() if lower > upper else keyword.isupper()):
            yield Finding(
                "ConsistentInstructionCasing",
                f"Command '{keyword}' should match the case of the command majority ({majority})",
                one.location,
            )


def _stage_name(base: From, names: set[str], escape: str) -> Iterator[Finding]:
    if not base.alias:
        return
    keyword, _, rest = split_keyword(base.text, escape)
    _, as_keyword, written = words(rest)
    if written != written.lower():
        text = f"Stage name '{written}' should be lowercase"
        yield Finding("StageNameCasing", text, base.location)
    if (keyword.isupper() and not as_keyword.isupper()) or (
        keyword.islower() and not as_keyword.islower()
    ):
        text = f"'{as_keyword}' and '{keyword}' keywords' casing do not match"
        yield Finding("FromAsCasing", text, base.location)
    if base.alias in _RESERVED:
        text = f"Stage name should not use the same name as reserved stage {quoted(base.alias)}"
        yield Finding("ReservedStageName", text, base.location)
    if base.alias in names:
        text = f"Duplicate stage name {quoted(base.alias)}, stage names should be unique"
        yield Finding("DuplicateStageName", text, base.location)
    names.add(base.alias)


def _description(one: From | Arg, names: list[str], what: str) -> Iterator[Finding]:
    if not one.comments or not names or one.comments[-1].split(" ")[0] in names:
        return
    example = names[0] if len(names) == 1 else "<arg_key>"
    yield Finding(
        "InvalidDefinitionDescription",
        f"Comment for {what} should follow the format: `# {example} <description>`",
        one.location,
    )


def _instructions(stage: Stage) -> Iterator[Finding]:
    for one in stage.instructions:
        if isinstance(one, Maintainer):
            text = "Maintainer instruction is deprecated in favor of using label"
            yield Finding("MaintainerDeprecated", text, one.location)
        elif isinstance(one, Env | Label) and one.legacy:
            name = _keyword(one).upper()
            text = f'"{name} key=value" should be used instead of legacy "{name} key value" format'
            yield Finding("LegacyKeyValueFormat", text, one.location)
        elif isinstance(one, Arg):
            yield from _description(one, [pair.key for pair in one.pairs], "ARG")


def _repeated(stage: Stage) -> Iterator[Finding]:
    for kind in (Cmd, Entrypoint, Healthcheck):
        found: Iterable[Instruction] = [one for one in stage.instructions if type(one) is kind]
        for one in list(found)[:-1]:
            text = (
                f"Multiple {_keyword(one).upper()} instructions should not be used in the same "
                "stage because only the last one will be used"
            )
            yield Finding("MultipleInstructionsDisallowed", text, one.location)
