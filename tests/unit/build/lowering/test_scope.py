"""Who sees which variable."""

from __future__ import annotations

import pytest
from lowering_bed import AMD64, ARM64, config, created_by, last, lowered, ops

from baleen.build.lowering.scope import Scope, global_arguments, platform_arguments
from baleen.errors import InvalidArgument


def env(plan):
    return dict(entry.split("=", 1) for entry in last(plan).env)


def test_a_global_argument_is_for_from_until_it_is_declared_again():
    text = "ARG V=1\nARG BASE=base\nFROM $BASE\nRUN a\n{}RUN b"
    assert "V" not in env(lowered(text.format("")))
    assert env(lowered(text.format("ARG V\n")))["V"] == "1"
    assert env(lowered(text.format("ARG V\n"), build_args={"V": "2"}))["V"] == "2"
    assert env(lowered(text.format("ARG V=3\n")))["V"] == "3"


def test_global_arguments_see_those_before_them():
    plan = lowered("ARG A=ba\nARG B=${A}se\nFROM $B\nARG B\nRUN x")
    assert env(plan)["B"] == "base"


def test_an_argument_counts_from_where_it_stands():
    text = "FROM base\nUSER ${name:-some}\nARG name\nUSER $name"
    plan = lowered(text, build_args={"name": "what"})
    assert created_by(plan) == ["USER some", "ARG name=what", "USER what"]


def test_env_wins_over_arg_wherever_it_stands():
    for order in ("ARG V\nENV V=env\n", "ENV V=env\nARG V\n"):
        plan = lowered(f"FROM base\n{order}RUN x", build_args={"V": "arg"})
        assert env(plan)["V"] == "env"
    plan = lowered("FROM base\nARG V\nENV V=${V:-default}\nRUN x", build_args={"V": "given"})
    assert env(plan)["V"] == "given"
    assert plan.config.config.env == ["PATH=/bin", "V=given"]


def test_arguments_are_not_in_the_image():
    plan = lowered("FROM base\nARG V=1\nRUN x")
    assert plan.config.config.env == ["PATH=/bin"]
    assert created_by(plan)[-1] == "RUN |1 V=1 /bin/sh -c x # buildkit"


def test_a_stage_based_on_another_inherits_its_arguments():
    plan = lowered("FROM base AS a\nARG V=1\nFROM a\nRUN x\nFROM base\nCOPY --from=1 / /\nRUN y")
    found = ops(plan)
    assert "V=1" in found["[stage-1 1/1] RUN x"].env
    assert "V=1" not in last(plan).env


def test_an_argument_without_value_is_declared_and_unset():
    plan = lowered('FROM base\nARG A\nARG B=""\nRUN x', build_args={"A": None})
    assert "A" not in env(plan)
    assert env(plan)["B"] == ""
    assert created_by(plan) == ["ARG A", "ARG B=", "RUN |2 A= B= /bin/sh -c x # buildkit"]


def test_several_arguments_in_one_instruction():
    plan = lowered("FROM base\nARG A=1 B=$A C\nRUN x", build_args={"C": "3"})
    assert {key: env(plan)[key] for key in "ABC"} == {"A": "1", "B": "1", "C": "3"}


def test_predefined_arguments_are_seen_and_leave_no_trace():
    text = "FROM base\n{}RUN x"
    secret = "http://user:pass@proxy"
    plan = lowered(text.format(""), build_args={"HTTP_PROXY": secret})
    op = last(plan)
    assert env(plan)["HTTP_PROXY"] == env(plan)["http_proxy"] == secret
    assert set(op.proxy_env) == {"HTTP_PROXY", "http_proxy"}
    assert secret not in repr((plan.config, created_by(plan), plan.warnings))
    other = lowered(text.format(""), build_args={"HTTP_PROXY": "http://other"})
    assert other.target.vertex.digest == plan.target.vertex.digest
    declared = lowered(text.format("ARG HTTP_PROXY\n"), build_args={"HTTP_PROXY": secret})
    assert last(declared).proxy_env == ()
    assert f"HTTP_PROXY={secret}" in created_by(declared)[-1]
    assert declared.target.vertex.digest != plan.target.vertex.digest


def test_platform_arguments():
    found = platform_arguments(AMD64, ARM64, "")
    assert found["TARGETPLATFORM"] == "linux/arm64"
    assert found["BUILDPLATFORM"] == "linux/amd64"
    assert (found["TARGETARCH"], found["TARGETVARIANT"], found["TARGETSTAGE"]) == (
        "arm64",
        "",
        "default",
    )
    text = "FROM --platform=$BUILDPLATFORM base\n{}RUN x"
    images = {"base": config()}
    plan = lowered(text.format("ARG TARGETARCH BUILDOS\n"), platform=ARM64, images=images)
    assert env(plan)["TARGETARCH"] == "arm64"
    assert env(plan)["BUILDOS"] == "linux"
    assert "TARGETARCH" not in env(lowered(text.format(""), platform=ARM64))
    given = lowered(text.format("ARG TARGETARCH\n"), build_args={"TARGETARCH": "mips"})
    assert env(given)["TARGETARCH"] == "mips"


def test_unused_arguments_are_warned_of():
    given = {
        "A": "1",
        "USED": "1",
        "B": "2",
        "http_proxy": "x",
        "SOURCE_DATE_EPOCH": "0",
        "BUILDKIT_INLINE_CACHE": "1",
        "TARGETARCH": "x",
        "G": "1",
    }
    plan = lowered("ARG G\nFROM base\nARG USED\nRUN x", build_args=given)
    assert plan.warnings == ("[Warning] One or more build-args [A B] were not consumed",)
    assert lowered("FROM base").warnings == ()


def test_bad_defaults_are_placed():
    with pytest.raises(InvalidArgument, match=r"(?s)X.*Dockerfile:1:"):
        lowered("ARG A=${X:?needed}\nFROM base")
    with pytest.raises(InvalidArgument, match=r"(?s)needed.*Dockerfile:2:"):
        lowered("FROM base\nARG A=${X:?needed}")


def test_a_child_is_a_copy():
    scope = Scope({"A": "1"}, {"B": "2"}, ["B"])
    child = scope.child()
    child.declare("C", "3")
    child.environment["D"] = "4"
    assert (scope.declared, scope.environment) == (["B"], {"A": "1"})
    assert child.variables == {"B": "2", "C": "3", "A": "1", "D": "4"}
    assert global_arguments({"A": "1"}, {"A": "2", "B": None}, (), "\\") == {"A": "2"}
