"""Images and contexts from outside."""

from __future__ import annotations

import pytest
from lowering_bed import Images, config, input_of, last, lowered, ops

from baleen.build.graph import Copying, FileOp, GitSource, HttpSource, ImageSource, LocalSource
from baleen.build.lowering.context import http_source
from baleen.errors import InvalidArgument, NotFound


def test_images_are_found_at_the_same_time_and_once_each():
    resolver = Images({"a": config(), "b": config(), "c": config()})
    lowered(
        "FROM a\nCOPY --from=b /x /\nCOPY --from=c /x /\nRUN --mount=from=b,target=/m x",
        resolver=resolver,
    )
    assert sorted(name for name, _ in resolver.asked) == ["a", "b", "c"]
    assert resolver.most == 3


def test_a_missing_image_keeps_its_error():
    with pytest.raises(NotFound, match=r"^no such image: nope$"):
        lowered("FROM nope")
    with pytest.raises(NotFound):
        lowered("FROM base\nCOPY --from=nope /x /")


def test_the_source_has_what_the_name_led_to():
    plan = lowered("FROM base\nRUN x")
    assert input_of(plan, 0) == ImageSource(
        name=f"docker.io/library/base@sha256:{'1' * 64}", platform="linux/amd64"
    )


def test_an_image_without_layers_is_scratch_with_a_config():
    plan = lowered("FROM empty\nRUN x", images={"empty": config(layers=0, user="u")})
    assert last(plan).mounts[0].input == -1
    assert plan.target.vertex.inputs == ()
    assert plan.config.config.user == "u"


def test_scratch_may_be_copied_from():
    plan = lowered("FROM base\nCOPY --from=scratch / /x")
    assert input_of(plan, 1) == FileOp(actions=(), scratch=True)


@pytest.mark.parametrize(
    "name", ["base", "base:latest", "docker.io/library/base", "docker.io/library/base:latest"]
)
def test_a_named_context_stands_for_an_image(name):
    resolver = Images({"mine": config(user="mine")})
    plan = lowered("FROM base\nRUN x", contexts={name: "docker-image://mine"}, resolver=resolver)
    assert plan.config.config.user == "mine"


def test_a_named_context_with_another_tag_does_not():
    plan = lowered(
        "FROM base:1\nRUN x",
        images={"base:1": config(user="one")},
        contexts={"base:2": "docker-image://x", "base": "docker-image://x"},
    )
    assert plan.config.config.user == "one"


def test_a_named_context_stands_for_a_stage():
    plan = lowered(
        "FROM nowhere AS build\nRUN never\nFROM base\nCOPY --from=build /x /\nCOPY --from=0 /y /",
        contexts={"build": "local:mine"},
        locals_=["mine"],
    )
    assert [step.text for step in plan.steps if "RUN" in step.text] == []
    assert "mine" in {getattr(op, "name", "") for op in ops(plan).values()}


def test_a_directory_as_base_is_copied():
    plan = lowered("FROM dir\nRUN x", contexts={"dir": "local:dir"}, locals_=["dir"])
    base = plan.target.vertex.inputs[0].vertex
    assert base.op == FileOp(
        actions=(Copying(input=0, sources=("/",), destination="/", owner="keep"),), scratch=True
    )
    assert base.inputs[0].vertex.op == LocalSource(name="dir", unique="build")


def test_a_directory_to_copy_from_is_not():
    plan = lowered(
        "FROM base\nCOPY --from=dir /a /", contexts={"dir": "local:dir"}, locals_=["dir"]
    )
    assert input_of(plan, 1) == LocalSource(name="dir", unique="build")


def test_remote_contexts():
    plan = lowered("FROM base\nCOPY --from=x /a /", contexts={"x": "https://h/r.git#v1:sub"})
    assert input_of(plan, 1) == GitSource(url="https://h/r.git", ref="v1", subdirectory="sub")
    plan = lowered("FROM base\nCOPY --from=x /a /", contexts={"x": "https://h/a.tar.gz"})
    unpacked = plan.target.vertex.inputs[1].vertex
    assert unpacked.op.actions[0].unpack
    assert unpacked.inputs[0].vertex.op == HttpSource(url="https://h/a.tar.gz", filename="a.tar.gz")


@pytest.mark.parametrize(
    ("context", "message"),
    [
        ("local:gone", 'no directory "gone" came'),
        ("ftp://x", 'unsupported build context "ftp://x"'),
    ],
)
def test_bad_contexts(context, message):
    with pytest.raises(InvalidArgument, match=message):
        lowered("FROM base\nCOPY --from=x /a /", contexts={"x": context})


def test_scratch_and_the_context_have_their_names_for_themselves():
    plan = lowered("FROM scratch\nCOPY a /", contexts={"scratch": "local:x", "context": "local:x"})
    assert input_of(plan, 0) == LocalSource(name="context", unique="build")


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://h/a/b.tgz?x=1#f", "b.tgz"),
        ("https://h", "__unnamed__"),
        ("https://h/", "__unnamed__"),
        ("https://h/a/", "a"),
        ("https://h/a/..", "__unnamed__"),
        ("https://h?x=/y", "__unnamed__"),
    ],
)
def test_names_of_files_of_urls(url, name):
    assert http_source(url).filename == name
