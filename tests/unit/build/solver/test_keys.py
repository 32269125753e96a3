"""Keys change with whatever changes a result, and with nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from solver_bed import context, copy, image, run

from baleen.build.graph import (
    Copying,
    Edge,
    Exec,
    ExecMount,
    FileOp,
    GitSource,
    HttpSource,
    Merge,
    Vertex,
)
from baleen.build.interfaces import Contents, Selection
from baleen.build.session import LocalDirectory
from baleen.build.solver.keys import fast_key, identity, is_fixed, parts, selections, slow_key
from baleen.build.trees import EMPTY, Tree
from baleen.oci.digest import Digest

LOCAL = LocalDirectory(Path("/context"))


def tree(*names):
    return Tree((), tuple(Digest.of(name.encode()) for name in names))


def test_a_tree_is_known_by_its_layers_in_order():
    assert identity(tree("a", "b")) != identity(tree("b", "a"))
    assert identity(tree("a")) == identity(tree("a"))
    assert identity(EMPTY) != identity(tree("a"))


def test_a_fast_key_covers_operation_inputs_and_time():
    vertex = run("make", image())
    key = fast_key(vertex, [tree("a")], None)
    assert key == fast_key(run("make", image("other name")), [tree("a")], None)
    others = [
        fast_key(run("make all", image()), [tree("a")], None),
        fast_key(vertex, [tree("b")], None),
        fast_key(vertex, [tree("a")], 0),
        fast_key(run("make", image(), env=["A=1"]), [tree("a")], None),
    ]
    assert len({key, *others}) == 5


def test_a_context_has_no_fast_key_and_no_slow_one_unread():
    vertex = copy("/a", image(), context())
    assert fast_key(vertex, [tree("a"), LOCAL], None) is None
    assert slow_key(vertex, [tree("a"), LOCAL], {}, None) is None
    read = {1: [Contents("x")]}
    assert slow_key(vertex, [tree("a"), LOCAL], read, None) is not None


def test_a_slow_key_has_contents_in_the_place_of_layers():
    vertex = copy("/a", image(), image("other"))
    key = slow_key(vertex, [tree("a"), tree("b")], {1: [Contents("x")]}, None)
    assert key == slow_key(vertex, [tree("a"), tree("c")], {1: [Contents("x")]}, None)
    assert key != slow_key(vertex, [tree("a"), tree("b")], {1: [Contents("y")]}, None)
    assert key != slow_key(vertex, [tree("z"), tree("b")], {1: [Contents("x")]}, None)
    assert key != fast_key(vertex, [tree("a"), tree("b")], None)


def test_values_of_predefined_arguments_are_no_part_of_a_key():
    def key(value):
        vertex = run("make", image())
        op = Exec(
            args=vertex.op.args,
            mounts=vertex.op.mounts,
            env=(f"HTTP_PROXY={value}", "A=1"),
            proxy_env=("HTTP_PROXY",),
        )
        found = Vertex(op, vertex.inputs)
        assert "environment:HTTP_PROXY" not in parts(found, [tree("a")], {})
        return fast_key(found, [tree("a")], None)

    assert key("http://user:secret@a") == key("http://b")


def test_what_matters_of_inputs():
    both = FileOp(
        actions=(
            Copying(input=1, sources=("/a*",), destination="/", exclude=("x",)),
            Copying(input=1, sources=("/b/./c",), destination="/", parents=True),
            Copying(input=0, sources=("/from/the/base",), destination="/"),
        )
    )
    assert selections(Vertex(both)) == {
        1: [
            Selection(paths=("/a*",), patterns=True, contents_only=True, exclude=("x",)),
            Selection(paths=("/b/./c",), patterns=True, parents=True),
        ]
    }
    scratch = FileOp(actions=(Copying(input=0, sources=("/a",), destination="/"),), scratch=True)
    assert list(selections(Vertex(scratch))) == [0]
    assert selections(Vertex(Merge())) == {}
    mounts = (
        ExecMount(kind="bind", target="/", input=0, output=0),
        ExecMount(kind="bind", target="/src", input=1, source="/sub", readonly=True),
        ExecMount(kind="bind", target="/dropped", input=2),
        ExecMount(kind="cache", target="/c", input=3),
        ExecMount(kind="bind", target="/also", input=3),
        ExecMount(kind="bind", target="/kept", input=4, output=1),
    )
    assert selections(Vertex(Exec(args=("x",), mounts=mounts))) == {
        1: [Selection(paths=("/sub",), follow=False)],
        2: [Selection(paths=("/",), follow=False)],
    }


@pytest.mark.parametrize(
    ("op", "fixed"),
    [
        (HttpSource(url="http://a", filename="a"), False),
        (HttpSource(url="http://a", filename="a", checksum="sha256:" + "0" * 64), True),
        (GitSource(url="x"), False),
        (GitSource(url="x", ref="main"), False),
        (GitSource(url="x", ref="z" * 40), False),
        (GitSource(url="x", ref="a" * 40), True),
        (GitSource(url="x", ref="main", checksum="a" * 40), True),
        (GitSource(url="x", ref="main", checksum="a" * 7), False),
        (Merge(), False),
    ],
)
def test_sources_that_never_change(op, fixed):
    assert is_fixed(Vertex(op)) is fixed


def test_parts_hold_no_values_of_variables():
    vertex = run("make", image(), env=["TOKEN=hunter2", "A=1"])
    found = parts(vertex, [tree("a")], {})
    assert "hunter2" not in repr(found)
    assert found["instruction:"] == "/bin/sh -c make"
    assert found["environment:TOKEN"] != found["environment:A"]
    files = {1: [Contents("x", {"/a": b"\x01"})]}
    found = parts(copy("/a", image(), context()), [tree("a"), LOCAL], files)
    assert found["file:/a"] == "01"
    assert "base:0" in found
    assert "base:1" not in found


def test_which_output_of_an_input_matters():
    two = run("x", image())
    assert fast_key(Vertex(Merge(), (Edge(two, 0),)), [tree("a")], None) != fast_key(
        Vertex(Merge(), (Edge(two, 1),)), [tree("a")], None
    )
