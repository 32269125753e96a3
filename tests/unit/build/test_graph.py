"""Equal operations have equal digests, whichever build they come from."""

from __future__ import annotations

import msgspec
import pytest

from baleen.build.graph import (
    Copying,
    Edge,
    Exec,
    ExecMount,
    FileOp,
    ImageSource,
    Merge,
    Vertex,
    encode_op,
)

BASE = ImageSource(name="a", platform="linux/amd64")
ROOT = ExecMount(kind="bind", target="/", input=0, output=0)


def test_names_and_places_do_not_count_and_inputs_do():
    base = Edge(Vertex(BASE))
    first = Vertex(Merge(), (base,), name="x", place=1, notes={"a": 1})
    assert first.digest == Vertex(Merge(), (base,), name="y", ignore_cache=True).digest
    assert first.digest != Vertex(Merge(), (base, base)).digest
    assert first.digest != Vertex(Merge(), (Edge(base.vertex, 1),)).digest
    assert len(first.digest) == 64


@pytest.mark.parametrize(
    "changed",
    [
        {"args": ("y",)},
        {"env": ("A=1",)},
        {"cwd": "/x"},
        {"user": "u"},
        {"network": "none"},
        {"security": "insecure"},
        {"stdin": b"x"},
    ],
)
def test_every_field_counts(changed):
    op = Exec(args=("x",), mounts=(ROOT,))
    assert encode_op(op) != encode_op(msgspec.structs.replace(op, **changed))


def test_operations_of_two_types_never_encode_the_same():
    assert encode_op(FileOp(actions=(), scratch=True)) != encode_op(Merge())
    assert b"Copying" in encode_op(FileOp(actions=(Copying(input=0, sources=(), destination="/"),)))


def test_hidden_variables_do_not_count():
    one, two = (
        Exec(
            args=("x",),
            mounts=(ROOT,),
            env=(f"http_proxy={value}", "A=1"),
            proxy_env=("HTTP_PROXY",),
        )
        for value in "ab"
    )
    assert encode_op(one) == encode_op(two)
    assert encode_op(one) == encode_op(Exec(args=("x",), mounts=(ROOT,), env=("A=1",)))


def test_walking_gives_inputs_before_users_once_each():
    base = Vertex(BASE, name="base")
    left, right = (Vertex(Merge(), (Edge(base),), name=name) for name in ("left", "right"))
    top = Vertex(Merge(), (Edge(left), Edge(right)), name="top")
    assert [vertex.name for vertex in top.walk()] == ["base", "left", "right", "top"]
