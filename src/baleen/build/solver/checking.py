"""Whether a graph makes sense, before anything of it runs.

Lowering makes only graphs that do; definitions that come over a wire can be anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from baleen.build.entitlements import check_entitled
from baleen.build.graph import (
    Copying,
    Exec,
    FileOp,
    GitSource,
    HttpSource,
    ImageSource,
    LocalSource,
    Making,
    Merge,
    Op,
    Removing,
    Writing,
)
from baleen.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from baleen.build.graph import Edge, Vertex

__all__ = ["check_graph", "output_count"]

_LIMIT_VERTICES = 20_000
_LIMIT_INPUTS = 5_000
_LIMIT_PATH = 4096


def check_graph(targets: Sequence[Edge], entitlements: Collection[str]) -> list[Vertex]:
    """Return all vertices, each once, inputs before users.

    Raises:
        InvalidArgument: an operation refers to what is not there, or has a bad path.
        PermissionDenied: a process needs a right that the build has not been given.
    """
    found: dict[str, Vertex] = {}
    seen: set[int] = set()
    for target in targets:
        for vertex in target.vertex.walk():
            if id(vertex) in seen:
                continue
            seen.add(id(vertex))
            if len(seen) > _LIMIT_VERTICES:
                raise InvalidArgument(f"the build has more than {_LIMIT_VERTICES} operations")
            _check(vertex, entitlements)
            found.setdefault(vertex.digest, vertex)
        _check_output(target)
    return list(found.values())


def output_count(vertex: Vertex) -> int:
    """Return how many trees an operation gives."""
    op = vertex.op
    if isinstance(op, Exec):
        return 1 + max((mount.output for mount in op.mounts), default=-1)
    return 1


def _check(vertex: Vertex, entitlements: Collection[str]) -> None:
    try:
        plain = msgspec.to_builtins(vertex.op, builtin_types=(bytes,))
        msgspec.convert(plain, Op, builtin_types=(bytes,))
        assert vertex.digest  # made here, where what has no bytes is told
    except (msgspec.MsgspecError, TypeError, ValueError, OverflowError) as err:
        raise _bad(vertex, f"a field of a wrong kind: {err}") from err
    count = len(vertex.inputs)
    if count > _LIMIT_INPUTS:
        raise _bad(vertex, f"more than {_LIMIT_INPUTS} inputs")
    for edge in vertex.inputs:
        _check_output(edge)
    match vertex.op:
        case FileOp():
            if not vertex.op.scratch:
                _check_layers(vertex, 0)
            _check_files(vertex, vertex.op)
        case Exec():
            _check_exec(vertex, vertex.op, entitlements)
        case Merge():
            if not count:
                raise _bad(vertex, "nothing to merge")
            for index in range(count):
                _check_layers(vertex, index)
        case ImageSource() | LocalSource() | GitSource() | HttpSource():
            if count:
                raise _bad(vertex, "a source with inputs")


def _check_output(edge: Edge) -> None:
    if not 0 <= edge.output < output_count(edge.vertex):
        raise _bad(edge.vertex, f"no output {edge.output}")


def _check_layers(vertex: Vertex, index: int) -> None:
    if 0 <= index < len(vertex.inputs) and isinstance(vertex.inputs[index].vertex.op, LocalSource):
        raise _bad(vertex, "a build context in the place of a tree")


def _check_files(vertex: Vertex, op: FileOp) -> None:
    count = len(vertex.inputs)
    if not op.scratch and not count:
        raise _bad(vertex, "no tree to work on")
    for action in op.actions:
        match action:
            case Copying():
                if not -1 <= action.input < count:
                    raise _bad(vertex, f"no input {action.input}")
                for source in action.sources:
                    _check_path(vertex, source)
                _check_path(vertex, action.destination)
            case Making() | Writing() | Removing():
                _check_path(vertex, action.path)


def _check_exec(vertex: Vertex, op: Exec, entitlements: Collection[str]) -> None:
    count = len(vertex.inputs)
    if not op.args or not op.args[0]:
        raise _bad(vertex, "nothing to execute")
    if any("\0" in word for word in (*op.args, *op.env, op.user, op.hostname)):
        raise _bad(vertex, "a word with a NUL byte")
    _check_path(vertex, op.cwd)
    if not op.mounts or op.mounts[0].target != "/" or op.mounts[0].kind != "bind":
        raise _bad(vertex, "no root")
    outputs = [mount.output for mount in op.mounts if mount.output >= 0]
    if sorted(outputs) != list(range(len(outputs))):
        raise _bad(vertex, "outputs that are not numbered one after the other")
    for mount in op.mounts:
        if not -1 <= mount.input < count:
            raise _bad(vertex, f"no input {mount.input}")
        if mount.output >= 0 or mount.kind != "bind":
            _check_layers(vertex, mount.input)
        if mount.target or not mount.env:
            _check_path(vertex, mount.target)
        _check_path(vertex, mount.source)
    check_entitled(op, entitlements)


def _check_path(vertex: Vertex, path: str) -> None:
    if not path.startswith("/") or "\0" in path:
        raise _bad(vertex, f"a bad path: {path[:64]!r}")
    if len(path) > _LIMIT_PATH:
        raise _bad(vertex, f"a path of more than {_LIMIT_PATH} characters")
    if ".." in path.split("/"):
        raise _bad(vertex, f"a path with ..: {path[:64]!r}")


def _bad(vertex: Vertex, what: str) -> InvalidArgument:
    name = vertex.name or type(vertex.op).__name__
    return InvalidArgument(f"invalid build definition: {name}: {what}")
