"""Stages, triggers, and no text that breaks the parser."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baleen.build.dockerfile.commands import KEYWORDS
from baleen.build.dockerfile.errors import DockerfileError
from baleen.build.dockerfile.instructions import (
    Arg,
    Dockerfile,
    From,
    Onbuild,
    Run,
)
from baleen.build.dockerfile.parser import parse, parse_trigger


def only(line):
    (instruction,) = parse(f"FROM scratch\n{line}").stages[0].instructions
    return instruction


def fields(instruction):
    common = ("location", "text", "comments")
    return {
        name: getattr(instruction, name)
        for name in instruction.__dataclass_fields__
        if name not in common
    }


@pytest.mark.parametrize(
    ("line", "image", "platform", "alias"),
    [
        ("FROM a", "a", "", ""),
        ("FROM a:1@sha256:b AS C.d-1_x", "a:1@sha256:b", "", "c.d-1_x"),
        ("FROM --platform=$BUILDPLATFORM a as b", "a", "$BUILDPLATFORM", "b"),
        ("from ${A:-x}", "${A:-x}", "", ""),
    ],
)
def test_a_stage_is_read(line, image, platform, alias):
    base = parse(line).stages[0].base
    assert (type(base), base.image, base.platform, base.alias) == (From, image, platform, alias)


def test_a_file_has_global_args_and_stages():
    found = parse(
        "# syntax=docker/dockerfile:1\n# escape=`\n# check=skip=all\n"
        "ARG A=1\nARG B\nFROM x AS s\nARG A\nRUN a\nFROM s\nCOPY --from=s a /b",
        name="sub/Dockerfile",
    )
    assert [pair.key for arg in found.global_args for pair in arg.pairs] == ["A", "B"]
    assert [(stage.index, stage.base.alias) for stage in found.stages] == [(0, "s"), (1, "")]
    assert [type(one) for one in found.stages[0].instructions] == [Arg, Run]
    assert (found.escape, found.syntax) == ("`", "docker/dockerfile:1")
    assert (found.check, found.name) == ("skip=all", "sub/Dockerfile")
    assert found.stages[1].instructions[0].text == "COPY --from=s a /b"
    assert found.stages[1].instructions[0].location.line == 10


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("RUN a\nFROM b", 1, "no build stage in current context"),
        ("ARG A\nENV a=b\nFROM b", 2, "no build stage in current context"),
        ("ARG A", 1, "no build stage in current context"),
        ("FROM a\n" * 1001, 1001, "more than 1000 stages"),
    ],
)
def test_instructions_stand_in_a_stage(text, line, message):
    with pytest.raises(DockerfileError) as raised:
        parse(text)
    assert raised.value.summary == f"dockerfile parse error on line {line}: {message}"


@pytest.mark.parametrize("expression", ["RUN a", "COPY <<A /b\nx\nA", "ENV a=b"])
def test_a_trigger_of_a_base_image_is_read(expression):
    written = only(f"ONBUILD {expression}")
    assert isinstance(written, Onbuild)
    found = parse_trigger(written.expression)
    assert fields(found) == fields(only(expression))


@pytest.mark.parametrize(
    "expression", ["", "RUN a\nRUN b", "FROM a", "ONBUILD RUN x", "NOTHING", "MAINTAINER x"]
)
def test_a_wrong_trigger_of_a_base_image_is_an_error(expression):
    with pytest.raises(DockerfileError):
        parse_trigger(expression)


SNIPPETS = st.sampled_from(
    [
        *KEYWORDS,
        "from",
        "ONBUILD RUN",
        "\n",
        "\n\n",
        "\r\n",
        "\\\n",
        " ",
        "\t",
        "#",
        "# escape=`\n",
        "`",
        "\\",
        "'",
        '"',
        "[",
        "]",
        '["a", "b"]',
        "<<A",
        "<<-'B'",
        "A\n",
        "B\n",
        "=",
        "a=b",
        "$x",
        "${",
        "}",
        "--",
        "--mount=type=cache",
        "--from=x",
        "--link",
        ",",
        "target=/x",
        "CMD",
        "NONE",
        "scratch",
        " AS ",
        "a",
        "\0",
        "\ufeff",
        "\N{NO-BREAK SPACE}",
        "\x1c",
        "\ud7ff",
        "1",
        "-1",
    ]
)


def outcome(text):
    try:
        return parse(text)
    except DockerfileError as err:
        return err


@given(
    st.one_of(
        st.lists(SNIPPETS, max_size=30).map("".join), st.text(max_size=80), st.binary(max_size=80)
    )
)
def test_any_text_is_a_dockerfile_or_an_error(text):
    found = outcome(text)
    if isinstance(found, Dockerfile):
        assert found.stages
    else:
        assert found.message.startswith(found.summary)


@given(st.lists(SNIPPETS, max_size=30).map("".join))
def test_any_text_below_a_stage_is_a_dockerfile_or_an_error(text):
    found = outcome("FROM scratch\n" + text)
    assert isinstance(found, Dockerfile) or found.location.line >= 1


@pytest.mark.parametrize(
    "text",
    [
        "FROM a\n" + "RUN x \\\n" * 90_000 + "y",
        "FROM a\n" + "\n".join("ENV " + "a='b c' " * 8000 for _ in range(20)),
        "FROM a\n" + "RUN <<A\n" + "x\n" * 450_000 + "A\n",
        "FROM a\n" + "\n".join("RUN" + " <<A" * 100 + "\nA" * 100 for _ in range(2000)),
        "FROM a\nRUN " + "--mount=type=cache,target=/x " * 2000 + "x",
        "FROM a\nCMD " + "[" * 65_000,
        "#" * 65_535 + "\n" + " \n" * 450_000 + "FROM a",
        "FROM a\n" + ("RUN a " + " <<" * 15_000 + "\n") * 40,
        "FROM a\n" + ("RUN " + "${a:-" * 12_000 + " <<A\n") * 30,
    ],
    ids=[
        "continuation",
        "pairs",
        "heredoc",
        "heredocs",
        "mounts",
        "json",
        "blank",
        "openings",
        "deep",
    ],
)
def test_a_hostile_text_of_the_largest_size_takes_a_bounded_time(text):
    text = text[: 1 << 20]
    begin = time.monotonic()
    outcome(text)
    assert time.monotonic() - begin < 5
