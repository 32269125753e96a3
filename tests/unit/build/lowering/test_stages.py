"""Stages by name and number, what they need, and what nobody needs."""

from __future__ import annotations

import pytest
from lowering_bed import AMD64, ARM64, Images, config, created_by, lowered, ops

from baleen.errors import InvalidArgument, NotFound

THREE = "FROM base AS One\nRUN one\nFROM base AS two\nRUN two\nFROM base\n"


def ran(plan):
    return [step.text for step in plan.steps if step.text.startswith("RUN")]


def test_only_what_the_target_needs_is_lowered():
    assert ran(lowered(THREE + "RUN three")) == ["RUN three"]
    assert lowered(THREE + "RUN three").skipped == ("one", "two")
    assert ran(lowered(THREE + "COPY --from=one /a /\nRUN three")) == ["RUN one", "RUN three"]
    mounting = "RUN --mount=from=two,target=/x three"
    assert ran(lowered(THREE + mounting)) == ["RUN two", mounting]


def test_an_image_that_nobody_needs_is_not_looked_for():
    resolver = Images({"base": config()})
    plan = lowered("FROM nowhere AS a\nFROM base\nRUN x", resolver=resolver)
    assert resolver.asked == [("base", "linux/amd64")]
    assert plan.skipped == ("a",)


@pytest.mark.parametrize(
    ("target", "steps"),
    [
        ("one", ["RUN one"]),
        ("ONE", ["RUN one"]),
        ("Two", ["RUN two"]),
        ("", ["RUN three"]),
    ],
)
def test_targets(target, steps):
    assert ran(lowered(THREE + "RUN three", target=target)) == steps


@pytest.mark.parametrize("target", ["three", "0", "3", "-1", "stage-2", "tow"])
def test_unknown_targets(target):
    with pytest.raises(InvalidArgument, match=f'^target stage "{target}" could not be found'):
        lowered(THREE, target=target)


@pytest.mark.parametrize("name", ["one", "ONE", "0"])
def test_names_and_numbers_of_sources(name):
    assert ran(lowered(f"{THREE}COPY --from={name} /a /b")) == ["RUN one"]


def test_from_a_stage_goes_on_from_it():
    plan = lowered("FROM base AS a\nENV A=1\nUSER u\nRUN a\nFROM A\nRUN b")
    assert ran(plan) == ["RUN a", "RUN b"]
    assert plan.config.config.user == "u"
    assert created_by(plan) == [
        "ENV A=1",
        "USER u",
        "RUN /bin/sh -c a # buildkit",
        "RUN /bin/sh -c b # buildkit",
    ]
    names = list(ops(plan))
    assert names == ["[a 1/2] FROM base", "[a 2/2] RUN a", "[stage-1 1/1] RUN b"]


def test_a_name_that_stands_further_down_is_an_image():
    with pytest.raises(NotFound, match="no such image: later"):
        lowered("FROM later\nFROM base AS later\nFROM base\nCOPY --from=0 / /")


def test_a_stage_may_have_the_name_of_its_image():
    plan = lowered("FROM base AS base\nRUN a\nFROM base\nRUN b")
    assert ran(plan) == ["RUN a", "RUN b"]


def test_sources_further_down_are_refused():
    with pytest.raises(
        InvalidArgument,
        match=(
            r'(?s)^cannot copy from stage "b", it needs to be defined before current stage "a"\n'
            r"Dockerfile:2:"
        ),
    ):
        lowered("FROM base AS a\nCOPY --from=b /x /\nFROM base AS b\nFROM base\nCOPY --from=a /x /")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("FROM base AS a\nCOPY --from=a /x /", "a"),
        ("FROM base\nCOPY --from=0 /x /", "stage-0"),
        ("FROM base AS a\nCOPY --from=b /x /\nFROM base AS b\nCOPY --from=a /x /", "a"),
        ("FROM base AS a\nRUN --mount=from=a,target=/m x", "a"),
        ("FROM base AS a\nCOPY --from=c /x /\nFROM a AS b\nFROM b AS c", "a"),
    ],
)
def test_circles_are_found(text, name):
    with pytest.raises(InvalidArgument, match=f"^circular dependency detected on stage: {name}\n"):
        lowered(text)


@pytest.mark.parametrize("index", ["1", "9", "-1", "99999999999999999999"])
def test_bad_numbers(index):
    with pytest.raises(InvalidArgument, match=r"(?s)^invalid stage index .*\nDockerfile:2:"):
        lowered(f"FROM base\nCOPY --from={index} /x /")


def test_many_stages_are_no_trouble():
    text = "FROM base AS s0\n" + "".join(
        f"FROM s{number} AS s{number + 1}\nCOPY --from=s{number} /a /\n" for number in range(400)
    )
    assert len(lowered(text).steps) == 801


def test_platforms_of_stages():
    resolver = Images({"base": config(), "other": config()})
    lowered(
        "FROM --platform=linux/arm64 base AS a\nFROM --platform=$TARGETPLATFORM other\n"
        "COPY --from=a /x /",
        resolver=resolver,
        platform=AMD64,
    )
    assert sorted(resolver.asked) == [("base", "linux/arm64"), ("other", "linux/amd64")]
    resolver = Images({"base": config()})
    plan = lowered("FROM --platform=$BUILDPLATFORM base\nRUN x", resolver=resolver, platform=ARM64)
    assert resolver.asked == [("base", "linux/amd64")]
    # The image is for what was asked for, whatever it was made with.
    assert (plan.config.architecture, str(plan.platform)) == ("arm64", "linux/arm64")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("FROM ${X}", r"base name \(\$\{X\}\) should not be blank"),
        ("FROM --platform=$X base", r"empty platform value from expression \$X"),
        (
            "FROM --platform=a/b/c/d base",
            'failed to parse platform a/b/c/d: "a/b/c/d" is an invalid',
        ),
        ("FROM Base/X", "failed to parse stage name"),
        ("FROM base:?", "failed to parse stage name"),
    ],
)
def test_bad_froms(line, message):
    with pytest.raises(InvalidArgument, match=rf"(?s)^{message}.*\nDockerfile:1:"):
        lowered(line)
