"""From a Dockerfile's text to its stages and their instructions, or what is wrong with it.

`parse` needs nothing but the text: it knows no file, no image and no variable's value. It takes
time proportional to the text's length.

See: Dockerfile reference; BuildKit, `frontend/dockerfile/instructions` (for the errors' wording).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from baleen.build.dockerfile.commands import KEYWORDS, check_trigger
from baleen.build.dockerfile.errors import suggestion
from baleen.build.dockerfile.instructions import Arg, Dockerfile, From, Stage
from baleen.build.dockerfile.statements import Source, Statement, problem, read_statements
from baleen.errors import InvalidArgument

if TYPE_CHECKING:
    from baleen.build.dockerfile.errors import DockerfileError
    from baleen.build.dockerfile.instructions import Instruction

__all__ = ["parse", "parse_trigger"]

MAX_STAGES = 1000


def parse(text: str | bytes, *, name: str = "Dockerfile") -> Dockerfile:
    """Return what the Dockerfile `text` says; `name` is its file's name for errors.

    Raises DockerfileError.
    """
    source = read_statements(text, name=name)
    global_args: list[Arg] = []
    stages: list[tuple[From, list[Instruction]]] = []
    for statement in source.statements:
        instruction = _instruction(source, statement)
        if isinstance(instruction, From):
            stages.append((instruction, []))
            if len(stages) > MAX_STAGES:
                raise _problem(source, statement, f"more than {MAX_STAGES} stages")
        elif stages:
            stages[-1][1].append(instruction)
        elif isinstance(instruction, Arg):
            global_args.append(instruction)
        else:
            raise _problem(source, statement, "no build stage in current context")
    if not stages:
        raise _problem(source, source.statements[-1], "no build stage in current context")
    return Dockerfile(
        stages=tuple(Stage(index, base, tuple(rest)) for index, (base, rest) in enumerate(stages)),
        global_args=tuple(global_args),
        escape=source.escape,
        syntax=source.syntax,
        check=source.check,
        source=source.text,
        name=source.name,
        empty_continuations=source.empty_continuations,
    )


def parse_trigger(expression: str) -> Instruction:
    r"""Return the instruction of an ONBUILD trigger, which a base image keeps as a text.

    Its escape is `\`, whatever the escape of the file was that it comes from. Raises
    DockerfileError.
    """
    source = read_statements(expression, name="ONBUILD")
    if len(source.statements) != 1:
        raise _problem(
            source, source.statements[1], "onbuild trigger should be a single expression"
        )
    statement = source.statements[0]
    try:
        check_trigger(statement.keyword)
    except InvalidArgument as err:
        raise _problem(source, statement, err.message) from None
    return _instruction(source, statement)


def _instruction(source: Source, statement: Statement) -> Instruction:
    read = KEYWORDS.get(statement.keyword.upper())
    try:
        if read is None:
            hint = suggestion(statement.keyword, KEYWORDS, fold_case=True)
            raise InvalidArgument(f"unknown instruction: {statement.keyword[:100]}{hint}")
        common = {
            "location": statement.location,
            "text": statement.text,
            "comments": statement.comments,
        }
        return read(statement, source, common)
    except InvalidArgument as err:
        raise _problem(source, statement, err.message) from None


def _problem(source: Source, statement: Statement, message: str) -> DockerfileError:
    return problem(source.text, source.name, statement.location, message)
