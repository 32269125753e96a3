from __future__ import annotations

import pytest

from baleen.build.dockerfile.parser import parse
from baleen.build.options import BuildOptions
from baleen.build.telling import refuse_findings, tell
from baleen.errors import InvalidArgument

TEXT = """\
ARG TAG=1
FROM busybox:$TAG AS first
ARG WHO=me
RUN --mount=type=secret,id=key,required=true true
FROM first
"""


def test_checks_tell_what_is_wrong_and_fail():
    assert tell("check", parse(TEXT), BuildOptions(), ())["call"]["failed"] is False
    answer = tell("check", parse("from busybox as A\nRUN true\nCMD echo\n"), BuildOptions(), ())
    assert answer["call"]["failed"] is True
    assert "warnings have been found" in answer["call"]["text"]
    assert "WARNING: " in answer["call"]["text"]


def test_targets_are_listed_with_the_default():
    text = tell("targets", parse(TEXT), BuildOptions(), ())["call"]["text"]
    assert "first FROM busybox:$TAG" in text
    assert "1 (default)" in text


def test_the_outline_names_arguments_and_secrets():
    options = BuildOptions(target="first", build_args={"WHO": "you"})
    text = tell("outline", parse(TEXT), options, ())["call"]["text"]
    assert "TAG 1" in text
    assert "WHO you" in text
    assert "key true" in text


@pytest.mark.parametrize("options", [BuildOptions(), BuildOptions(build_args={"A": "b"})])
def test_findings_refuse_a_build_only_where_that_is_asked_for(options):
    bad = "FROM scratch\nMAINTAINER x\n"
    refuse_findings(parse(bad), options, ())
    refuse_findings(parse("# check=skip=all;error=true\n" + bad), options, ())
    with pytest.raises(InvalidArgument, match="for rules: MaintainerDeprecated"):
        refuse_findings(parse("# check=error=true\n" + bad), options, ())
    asked = BuildOptions(build_args={"BUILDKIT_DOCKERFILE_CHECK": "error=true"})
    with pytest.raises(InvalidArgument, match="MaintainerDeprecated"):
        refuse_findings(parse(bad), asked, ())
