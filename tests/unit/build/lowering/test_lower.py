"""The plan as a whole: steps, triggers of bases, times, the finished image."""

from __future__ import annotations

import pytest
from lowering_bed import AMD64, ARM64, Images, config, created_by, last, lowered, ops

from baleen.build.lowering.lower import source_date_epoch
from baleen.build.trees import Tree
from baleen.errors import InvalidArgument
from baleen.oci.descriptor import Descriptor
from baleen.oci.digest import Digest


def test_steps_are_all_instructions_of_needed_stages_in_order():
    plan = lowered("ARG A=1\nFROM base AS a\nENV B=1\nFROM base AS b\nFROM a\nRUN x\nCMD y")
    assert [(step.number, step.stage, step.stage_name, step.text) for step in plan.steps] == [
        (1, -1, "", "ARG A=1"),
        (2, 0, "a", "FROM base AS a"),
        (3, 0, "a", "ENV B=1"),
        (4, 2, "", "FROM a"),
        (5, 2, "", "RUN x"),
        (6, 2, "", "CMD y"),
    ]
    assert [step.vertex is not None for step in plan.steps] == [
        False,
        True,
        False,
        False,
        True,
        False,
    ]
    assert plan.skipped == ("b",)


def test_ids_of_steps_are_equal_for_equal_steps_on_equal_bases():
    first = lowered("FROM base\nENV A=1\nRUN x")
    again = lowered("FROM base\nENV A=1\nRUN x")
    other = lowered("FROM base\nENV A=2\nRUN x")
    assert [step.id for step in first.steps] == [step.id for step in again.steps]
    assert first.steps[0].id == other.steps[0].id
    assert first.steps[1].id != other.steps[1].id
    assert first.steps[2].id != other.steps[2].id
    assert first.steps[0].id == Digest.of(b"base").encoded
    stage = lowered("FROM base AS a\nRUN x\nFROM a\nRUN y")
    assert stage.steps[2].id == stage.steps[1].id


def triggered(*triggers, text="FROM base\nRUN own", images=None):
    return lowered(text, images={"base": config(on_build=list(triggers)), **(images or {})})


def test_triggers_of_a_base_run_first_and_go():
    plan = triggered("ENV A=1", "COPY . /src", "RUN $A", text="FROM base\nRUN own")
    assert [(step.text, step.onbuild) for step in plan.steps] == [
        ("FROM base", False),
        ("ENV A=1", True),
        ("COPY . /src", True),
        ("RUN $A", True),
        ("RUN own", False),
    ]
    assert plan.config.config.on_build is None
    assert plan.steps[3].vertex.name == "[3/4] ONBUILD RUN $A"
    assert plan.steps[3].location is None
    assert "A=1" in last(plan).env


def test_triggers_may_need_stages_and_images():
    plan = triggered(
        "COPY --from=tools /x /",
        "COPY --from=image /y /",
        text="FROM other AS tools\nRUN tools\nFROM base\nRUN own",
        images={"other": config(), "image": config()},
    )
    assert "[tools 2/2] RUN tools" in ops(plan)
    assert any("image@" in getattr(op, "name", "") for op in ops(plan).values())


def test_triggers_of_a_stage_run_in_its_child_alone():
    plan = lowered("FROM base AS a\nONBUILD RUN t\nRUN a\nFROM a AS b\nRUN b\nFROM b\nRUN c")
    assert [step.text for step in plan.steps] == [
        "FROM base AS a",
        "ONBUILD RUN t",
        "RUN a",
        "FROM a AS b",
        "RUN t",
        "RUN b",
        "FROM b",
        "RUN c",
    ]
    assert plan.config.config.on_build is None


def test_an_image_keeps_its_own_triggers():
    assert lowered("FROM base\nONBUILD RUN x").config.config.on_build == ["RUN x"]


@pytest.mark.parametrize("trigger", ["NOPE", "FROM x", "RUN a\nRUN b", "", "ONBUILD RUN x"])
def test_bad_triggers_of_a_base(trigger):
    with pytest.raises(InvalidArgument):
        triggered(trigger)


def test_a_trigger_that_fails_is_placed_at_from():
    with pytest.raises(InvalidArgument, match=r"(?s)invalid containerPort.*Dockerfile:1:"):
        triggered("EXPOSE x")


def test_too_many_triggers():
    with pytest.raises(InvalidArgument, match="more than 1000 triggers"):
        triggered(*["RUN x"] * 1001)


def test_times_of_sources():
    assert source_date_epoch("1700000000") == 1_700_000_000 * 10**9
    for text in ("", "x", "-1", "1.5", "1_0", "9" * 12):
        with pytest.raises(InvalidArgument, match="invalid SOURCE_DATE_EPOCH"):
            source_date_epoch(text)
    text = "ARG SOURCE_DATE_EPOCH=5\nFROM base\nARG SOURCE_DATE_EPOCH\nRUN x"
    plan = lowered(text)
    assert plan.epoch_ns == 5 * 10**9
    assert "SOURCE_DATE_EPOCH=5" in last(plan).env
    assert lowered(text, build_args={"SOURCE_DATE_EPOCH": "7"}).epoch_ns == 7 * 10**9
    assert lowered("FROM base").epoch_ns is None
    with pytest.raises(InvalidArgument, match="SOURCE_DATE_EPOCH"):
        lowered("FROM base", build_args={"SOURCE_DATE_EPOCH": "soon"})


def test_platform_of_the_image():
    images = {"base": config(platform=ARM64)}
    assert str(lowered("FROM base", images=images).platform) == "linux/arm64"
    assert str(lowered("FROM base", images=images, platform=AMD64).platform) == "linux/amd64"
    assert str(lowered("FROM scratch\nLABEL a=b", platform=ARM64).platform) == "linux/arm64"


def layers(count):
    digests = [Digest.of(str(number).encode()) for number in range(count)]
    found = tuple(Descriptor(media_type="l", digest=digest, size=1) for digest in digests)
    return Tree(found, tuple(digests))


def finished(plan, created=None, sizes=None, now=9 * 10**18):
    """Finish a plan of which step n has n layers, made at n seconds."""
    numbers = {
        step.vertex.digest: number
        for number, step in enumerate((s for s in plan.steps if s.vertex), start=1)
    }

    def tree(edge):
        if edge is None:
            return Tree()
        number = numbers[edge.vertex.digest]
        return layers((sizes or {}).get(number, number))

    def created_ns(edge):
        return (created or {}).get(numbers[edge.vertex.digest], numbers[edge.vertex.digest] * 10**9)

    return plan.image_config(tree, created_ns, now)


def test_the_finished_image():
    plan = lowered("FROM base\nENV A=1\nRUN x\nCMD y\nCOPY a /\nUSER u")
    image = finished(plan)
    assert image.rootfs.diff_ids == list(layers(3).diff_ids)
    assert [(entry.created, bool(entry.empty_layer)) for entry in image.history] == [
        ("2020-01-01T00:00:00Z", False),
        ("2020-01-01T00:00:00Z", True),
        ("1970-01-01T00:00:02Z", False),
        ("1970-01-01T00:00:02Z", True),
        ("1970-01-01T00:00:03Z", False),
        ("1970-01-01T00:00:03Z", True),
    ]
    assert image.created == "1970-01-01T00:00:03Z"
    assert finished(plan) == image
    assert image.history[0].created_by == "base"


def test_a_step_without_a_layer_is_an_empty_one():
    image = finished(lowered("FROM base\nRUN x\nRUN y"), sizes={1: 1, 2: 1, 3: 2})
    assert [bool(entry.empty_layer) for entry in image.history] == [False, True, False]


def test_the_time_of_sources_stands_for_all_new_times():
    plan = lowered("FROM base\nRUN x", build_args={"SOURCE_DATE_EPOCH": "1"})
    image = finished(plan)
    assert image.created == "1970-01-01T00:00:01Z"
    assert [entry.created for entry in image.history] == [
        "2020-01-01T00:00:00Z",
        "1970-01-01T00:00:01Z",
    ]


def test_an_image_of_nothing_is_made_now():
    plan = lowered("FROM scratch\nLABEL a=b")
    assert finished(plan, now=1_500_000_000).created == "1970-01-01T00:00:01.5Z"
    assert finished(lowered("FROM scratch")).history is None


def test_what_a_squash_stands_on():
    plan = lowered("FROM base AS a\nRUN x\nFROM a\nRUN y")
    assert plan.base.vertex.op.name.startswith("docker.io/library/base@")
    assert lowered("FROM scratch\nCOPY a /").base is None


def test_history_of_the_base_stays():
    plan = lowered("FROM base\nRUN x")
    assert [entry.created_by for entry in plan.base_history] == ["base"]
    assert created_by(plan) == ["RUN /bin/sh -c x # buildkit"]


def test_a_resolver_is_asked_for_needed_images_alone_and_once():
    resolver = Images({"base": config(on_build=["COPY --from=extra /x /"]), "extra": config()})
    lowered("FROM base AS a\nFROM base\nCOPY --from=a /x /", resolver=resolver)
    assert sorted(resolver.asked) == [("base", "linux/amd64"), ("extra", "linux/amd64")]
