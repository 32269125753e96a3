"""A graph that makes no sense is refused before anything of it runs."""

from __future__ import annotations

import random

import msgspec
import pytest
from solver_bed import Bed, context, copy, image, run

from baleen.build import graph
from baleen.build.graph import (
    Copying,
    Edge,
    Exec,
    ExecMount,
    FileOp,
    ImageSource,
    Making,
    Merge,
    Removing,
    Vertex,
    Writing,
)
from baleen.build.solver.checking import check_graph, output_count
from baleen.errors import BaleenError, InvalidArgument, PermissionDenied

ROOT = ExecMount(kind="bind", target="/", input=0, output=0)
BASE = (Edge(image()),)


def executed(*mounts, args=("x",), **fields):
    return Vertex(Exec(args=args, mounts=mounts or (ROOT,), **fields), BASE, name="step")


def files(*actions, inputs=BASE, scratch=False):
    return Vertex(FileOp(actions=actions, scratch=scratch), inputs, name="step")


@pytest.mark.parametrize(
    ("vertex", "problem"),
    [
        (executed(args=()), "nothing to execute"),
        (executed(args=("",)), "nothing to execute"),
        (executed(args=("a\0b",)), "NUL"),
        (executed(env=("A=\0",)), "NUL"),
        (executed(cwd="relative"), "a bad path"),
        (executed(cwd="/a/../b"), r"a path with \.\."),
        (executed(ExecMount(kind="bind", target="/x", input=0, output=0)), "no root"),
        (executed(ExecMount(kind="tmpfs", target="/")), "no root"),
        (executed(ROOT, ExecMount(kind="bind", target="/x", input=1)), "no input 1"),
        (executed(ROOT, ExecMount(kind="bind", target="/x", input=-2)), "no input -2"),
        (executed(ROOT, ExecMount(kind="bind", target="x")), "a bad path"),
        (executed(ROOT, ExecMount(kind="bind", target="/x", source="x")), "a bad path"),
        (executed(ROOT, ExecMount(kind="bind", target="/x", output=2)), "outputs"),
        (executed(ROOT, ExecMount(kind="bind", target="/x", output=0)), "outputs"),
        (files(inputs=()), "no tree to work on"),
        (files(Copying(input=1, sources=("/a",), destination="/")), "no input 1"),
        (files(Copying(input=0, sources=("a",), destination="/")), "a bad path"),
        (files(Copying(input=0, sources=("/a",), destination="/../x")), r"a path with \.\."),
        (files(Making(path="/" + "a" * 5000)), "more than 4096"),
        (files(Writing(path="/a\0", content=b"")), "a bad path"),
        (files(Removing(path="../x")), "a bad path"),
        (files(ROOT), "a field of a wrong kind"),
        (Vertex(Merge(), name="step"), "nothing to merge"),
        (Vertex(ROOT, name="step"), "a field of a wrong kind"),
        (Vertex(ImageSource(name="a", platform=""), BASE, name="step"), "a source with inputs"),
        (Vertex(Merge(), (Edge(image(), 1),), name="step"), "no output 1"),
        (Vertex(Merge(), (Edge(image(), -1),), name="step"), "no output -1"),
        (Vertex(Merge(), BASE * 5001, name="step"), "more than 5000 inputs"),
    ],
)
def test_nonsense_is_named(vertex, problem):
    with pytest.raises(InvalidArgument, match=f"invalid build definition: .*{problem}"):
        check_graph([Edge(vertex)], ())


def test_rights(bed):
    assert bed
    for vertex, right in (
        (executed(network="host"), "network.host"),
        (executed(security="insecure"), "security.insecure"),
    ):
        with pytest.raises(PermissionDenied, match=f"{right} is not allowed"):
            check_graph([Edge(vertex)], ())
        assert check_graph([Edge(vertex)], {right})


def test_each_vertex_comes_once_and_behind_its_inputs():
    shared = run("shared", image())
    target = Vertex(Merge(), (Edge(run("a", shared)), Edge(run("b", shared))), name="merge")
    names = [vertex.name for vertex in check_graph([Edge(target), Edge(shared)], ())]
    assert names == ["FROM base", "RUN shared", "RUN a", "RUN b", "merge"]


def test_a_target_without_that_output():
    with pytest.raises(InvalidArgument, match="no output 1"):
        check_graph([Edge(image(), 1)], ())
    assert output_count(executed(ROOT, ExecMount(kind="bind", target="/x", output=1))) == 2


def test_too_many():
    vertices = tuple(Edge(run(str(number), image())) for number in range(4999))
    groups = [Vertex(Merge(), vertices[:4999], name=str(number)) for number in range(2)]
    assert len(check_graph([Edge(group) for group in groups], ())) == 5001
    chain = image()
    for number in range(20_001):
        chain = run(str(number), chain)
    with pytest.raises(InvalidArgument, match="more than 20000 operations"):
        check_graph([Edge(chain)], ())


ACTIONS = (Copying, Making, Writing, Removing)


def mutated(rng, op):
    """Return the operation with one field of a random value of the right or a wrong kind."""
    name = rng.choice(op.__struct_fields__)
    values = [
        -1,
        0,
        1,
        99,
        2**70,
        "",
        "/",
        "..",
        "/a/../b",
        "\0",
        "a" * 70_000,
        "é",
        (),
        ("x",),
        (ROOT,),
        (Making(path="x"),),
        None,
        True,
        b"",
        b"x",
        "host",
        "insecure",
        "bind",
        "cache",
    ]
    return msgspec.structs.replace(op, **{name: rng.choice(values)})


async def test_mutated_graphs_give_an_error_each_or_run(tmp_path):
    bed = Bed(tmp_path)
    rng = random.Random(20_26)
    outcomes = {"ran": 0, "refused": 0}
    for number in range(2500):
        base = rng.choice([image(), context(), run("x", image())])
        vertex = rng.choice(
            [
                run("a", base, mounts=[ExecMount(kind="bind", target="/m", input=0)]),
                copy("/a", image(), base),
                Vertex(Merge(), (Edge(base), Edge(image()))),
            ]
        )
        op = vertex.op
        for _ in range(rng.randint(1, 2)):
            if isinstance(op, (Exec, FileOp)) and rng.random() < 0.5:
                inner = "mounts" if isinstance(op, Exec) else "actions"
                items = getattr(op, inner)
                if isinstance(items, tuple) and items and hasattr(items[-1], "__struct_fields__"):
                    items = (*items[:-1], mutated(rng, items[-1]))
                    op = msgspec.structs.replace(op, **{inner: items})
            elif op.__struct_fields__:
                op = mutated(rng, op)
        inputs = rng.choice([vertex.inputs, vertex.inputs[:1], (), vertex.inputs * 2])
        target = Edge(Vertex(op, inputs, name=f"fuzz {number}"), rng.choice([0, 0, 0, 1, -1]))
        try:
            await bed.build(target, context={"/a": "1"})
            outcomes["ran"] += 1
        except BaleenError:
            outcomes["refused"] += 1
    assert min(outcomes.values()) > 100
    assert bed.layers.running == 0
    assert len(bed.solver.flights) == 0
    _, ran = await bed.build(run("still works", image()))
    assert ran == ["RUN still works"]
    bed.database.close()


def test_the_graph_has_no_operation_that_is_not_checked():
    assert set(graph.Op.__args__) == {
        graph.ImageSource,
        graph.LocalSource,
        graph.GitSource,
        graph.HttpSource,
        graph.FileOp,
        graph.Merge,
        graph.Exec,
    }
