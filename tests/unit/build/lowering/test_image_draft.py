"""What instructions do to the image's configuration, and how its history tells it."""

from __future__ import annotations

import pytest
from lowering_bed import AMD64, config, created_by, lowered

from baleen.build.dockerfile.instructions import Command, Healthcheck, Location
from baleen.build.lowering.image_draft import DEFAULT_PATH, ImageDraft, _duration


def built(body, **base):
    images = {"base": config(**{"env": ["PATH=/bin"], **base})}
    return lowered(f"FROM base\n{body}", images=images)


def execution(body, **base):
    return built(body, **base).config.config


def test_scratch_has_a_path_and_a_directory():
    plan = lowered("FROM scratch\nLABEL a=b")
    assert plan.config.config.env == [f"PATH={DEFAULT_PATH}"]
    assert plan.config.config.working_dir == "/"
    assert (plan.config.os, plan.config.architecture) == ("linux", "amd64")
    assert plan.target is None


def test_a_base_without_path_gets_one():
    assert execution("USER x", env=["A=1"]).env == ["A=1", f"PATH={DEFAULT_PATH}"]


def test_env_changes_in_place_and_sees_what_was_before():
    found = execution("ENV A=2 C=$A\nENV D=$A E='$A' F=\"$A b\"", env=["A=1", "PATH=/", "B=1"])
    assert found.env == ["A=2", "PATH=/", "B=1", "C=1", "D=2", "E=$A", "F=2 b"]


def test_labels_come_over_each_other():
    images = {"base": config(labels={"a": "base", "b": "base", "c": "base"})}
    text = 'FROM base\nLABEL b=file c=file "d d"="x y"'
    plan = lowered(text, images=images, labels={"c": "asked", "e": "asked"})
    assert plan.config.config.labels == {
        "a": "base",
        "b": "file",
        "c": "asked",
        "d d": "x y",
        "e": "asked",
    }
    plan = lowered(text, images=images, inherit_labels=False)
    assert plan.config.config.labels == {"b": "file", "c": "file", "d d": "x y"}


def test_commands_in_both_forms():
    assert execution('CMD ["a", "b"]').cmd == ["a", "b"]
    assert execution("CMD a  b $X").cmd == ["/bin/sh", "-c", "a  b $X"]
    assert execution('SHELL ["/bin/bash", "-ec"]\nCMD a').cmd == ["/bin/bash", "-ec", "a"]
    assert execution("CMD a", shell=["/x"]).cmd == ["/x", "a"]
    assert execution("ENTRYPOINT a").entrypoint == ["/bin/sh", "-c", "a"]
    assert execution('ENTRYPOINT ["a"]').entrypoint == ["a"]


def test_an_entrypoint_leaves_no_command_of_the_base():
    assert execution("ENTRYPOINT a", cmd=["base"]).cmd is None
    assert execution("RUN a", cmd=["base"], entrypoint=["e"]).cmd == ["base"]
    assert execution('CMD ["own"]\nENTRYPOINT a', cmd=["base"]).cmd == ["own"]
    assert execution('ENTRYPOINT a\nCMD ["own"]', cmd=["base"]).cmd == ["own"]
    images = {"base": config()}
    plan = lowered('FROM base AS a\nCMD ["a"]\nFROM a\nENTRYPOINT e', images=images)
    assert plan.config.config.cmd is None


def test_health_checks():
    found = execution(
        "HEALTHCHECK --interval=1m30s --timeout=500ms --start-period=2h "
        "--start-interval=1s --retries=3 CMD curl x"
    ).healthcheck
    assert found.test == ["CMD-SHELL", "curl x"]
    assert found.interval == 90 * 10**9
    assert found.retries == 3
    assert execution('HEALTHCHECK CMD ["a", "b"]').healthcheck.test == ["CMD", "a", "b"]
    assert execution("HEALTHCHECK NONE").healthcheck.test == ["NONE"]


def test_the_rest():
    found = execution(
        'USER me:us\nVOLUME /a /b\nVOLUME ["/c d"]\nSTOPSIGNAL RTMIN+3\nWORKDIR /w\n'
        "ONBUILD RUN x\nONBUILD COPY . /\nUSER other",
        volumes={"/base": {}},
        stop_signal="SIGINT",
    )
    assert found.user == "other"
    assert list(found.volumes) == ["/base", "/a", "/b", "/c d"]
    assert found.stop_signal == "RTMIN+3"
    assert found.on_build == ["RUN x", "COPY . /"]
    assert built("MAINTAINER me <a@b>").config.author == "me <a@b>"


def test_history_is_told_in_buildkits_words():
    plan = built(
        'ENV A=1 B="x y"\nENV C c d\nLABEL a=b\nUSER x\nVOLUME /a /b\nSTOPSIGNAL 9\n'
        'SHELL ["/bin/bash", "-c"]\nCMD a "b"\nENTRYPOINT ["e", "f\\"g"]\nEXPOSE 80\n'
        "HEALTHCHECK --interval=1m30s --retries=3 CMD x\nMAINTAINER me\nWORKDIR /\nWORKDIR /w\n"
        "RUN make\nCOPY --chown=1 --chmod=755 a b /c/\nONBUILD RUN x"
    )
    assert created_by(plan) == [
        "ENV A=1 B=x y",
        "ENV C=c d",
        "LABEL a=b",
        "USER x",
        "VOLUME [/a /b]",
        "STOPSIGNAL 9",
        "SHELL [/bin/bash -c]",
        'CMD ["/bin/bash" "-c" "a \\"b\\""]',
        'ENTRYPOINT ["e" "f\\"g"]',
        "EXPOSE map[80/tcp:{}]",
        'HEALTHCHECK &{["CMD-SHELL" "x"] "1m30s" "0s" "0s" "0s" \'\\x03\'}',
        "MAINTAINER me",
        "WORKDIR /",
        "WORKDIR /w",
        "RUN /bin/bash -c make # buildkit",
        "COPY --chown=1 --chmod=755 a b /c/ # buildkit",
    ]
    assert {step.entry.comment for step in plan.history} == {"buildkit.dockerfile.v0"}
    layers = [step.after is not None for step in plan.history]
    assert layers == [False] * 13 + [True] * 3


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, "0s"),
        (1, "1ns"),
        (1_500, "1.5µs"),
        (2_000_000, "2ms"),
        (10**9, "1s"),
        (90 * 10**9, "1m30s"),
        (3_600 * 10**9, "1h0m0s"),
        (3_661_500_000_000, "1h1m1.5s"),
    ],
)
def test_durations_are_written_as_go_does(nanoseconds, text):
    assert _duration(nanoseconds) == text


def test_retries_are_written_as_a_character():
    for retries, shown in ((0, "\\x00"), (9, "\\t"), (65, "A"), (3, "\\x03")):
        draft = ImageDraft.scratch(AMD64)
        command = Command(("x",), shell=False)
        draft.healthcheck(
            Healthcheck(location=Location(1, 1), text="", command=command, retries=retries)
        )
        assert draft.history[0].entry.created_by.endswith(f"'{shown}'}}")
