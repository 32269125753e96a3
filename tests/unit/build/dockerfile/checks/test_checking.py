"""All rules at once: which are wanted, in what order, and how they are shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baleen.build.dockerfile.checks.checking import check, raise_if_errors, render
from baleen.build.dockerfile.checks.options import CheckOptions
from baleen.build.dockerfile.errors import DockerfileError
from baleen.build.dockerfile.parser import parse
from baleen.errors import InvalidArgument

TEXT = "FROM --platform=linux/amd64 a AS Base\nMAINTAINER x\nENV k v\nCMD x\n"


def rules(text, **options):
    return [one.rule for one in check(parse(text), **options)]


def test_findings_come_in_the_order_of_lines():
    assert rules(TEXT) == [
        "StageNameCasing",
        "FromPlatformFlagConstDisallowed",
        "MaintainerDeprecated",
        "LegacyKeyValueFormat",
        "JSONArgsRecommended",
    ]


def test_a_clean_file_has_none():
    assert rules('FROM alpine AS base\nRUN make\nCMD ["x"]\n') == []


def test_the_file_and_the_build_say_which_rules_are_wanted():
    directive = "# check=skip=MaintainerDeprecated,StageNameCasing\n"
    assert rules(directive + TEXT) == [
        "FromPlatformFlagConstDisallowed",
        "LegacyKeyValueFormat",
        "JSONArgsRecommended",
    ]
    build_args = {"BUILDKIT_DOCKERFILE_CHECK": "skip=all"}
    assert rules(directive + TEXT, build_args=build_args) == []
    assert rules("# check=nonsense=1\n" + TEXT, options=CheckOptions())
    with pytest.raises(InvalidArgument, match="invalid check option"):
        rules("# check=nonsense=1\n" + TEXT)


def test_error_true_fails_the_build():
    findings = check(parse(TEXT))
    raise_if_errors(findings, CheckOptions())
    raise_if_errors((), CheckOptions(error=True))
    with pytest.raises(InvalidArgument) as raised:
        raise_if_errors(findings, CheckOptions(error=True))
    assert raised.value.message == (
        "lint violation found for rules: FromPlatformFlagConstDisallowed, JSONArgsRecommended, "
        "LegacyKeyValueFormat, MaintainerDeprecated, StageNameCasing"
    )


def test_a_finding_is_shown_with_its_lines():
    dockerfile = parse("FROM a\nMAINTAINER x\n", name="x.Dockerfile")
    assert render(check(dockerfile), dockerfile) == (
        "\nWARNING: MaintainerDeprecated\n"
        "Maintainer instruction is deprecated in favor of using label\n"
        "x.Dockerfile:2\n"
        "--------------------\n"
        "   1 |     FROM a\n"
        "   2 | >>> MAINTAINER x\n"
        "   3 |\n"
        "--------------------\n"
    )
    assert render((), dockerfile) == ""


LINES = st.sampled_from(
    [
        "FROM a",
        "FROM $A AS b",
        "FROM --platform=$X b as C",
        "from b",
        "ARG A=1",
        "ARG B C=$B",
        "ENV A=$A B=${C:-$D}",
        "ENV X Y",
        "RUN --mount=type=$A,target=/x y",
        "COPY $A '$B' /x",
        "COPY <<E /x\n$A ${\nE",
        "EXPOSE $A:1 80/TCP",
        "WORKDIR $A",
        "CMD x",
        'SHELL ["a"]',
        "USER '",
        "# A x",
        "",
        "MAINTAINER x",
        "ONBUILD RUN x",
        "VOLUME ${A",
        "STOPSIGNAL $A",
    ]
)


@given(st.lists(LINES, max_size=12).map("\n".join))
def test_any_file_that_can_be_read_can_be_checked(text):
    try:
        dockerfile = parse(text)
    except DockerfileError:
        return
    findings = check(
        dockerfile,
        environment_of=lambda _: {},
        options=CheckOptions(experimental=frozenset({"all"})),
    )
    assert render(findings, dockerfile).count("WARNING: ") == len(findings)
