"""What the cache knows an operation by: hashes over it and over what its inputs hold.

An input is known by its layers' diff ids; where only some of its files matter (what COPY takes,
what a bind mount shows), by a digest of these files. So equal work is found again whichever way
its inputs came to be, and nothing but what we have computed ourselves is ever looked up.

    fast key   all inputs by their layers: needs no look at any file
    slow key   inputs of which files matter by their contents

A build context has no layers: with one among the inputs there is no fast key.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from baleen.build.graph import Copying, Exec, FileOp, GitSource, HttpSource, encode_op
from baleen.build.interfaces import Selection
from baleen.build.session import LocalDirectory

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from baleen.build.graph import Vertex
    from baleen.build.interfaces import Contents, Input
    from baleen.build.trees import Tree

__all__ = ["fast_key", "identity", "is_fixed", "parts", "selections", "slow_key"]

# Changes whenever results of equal operations do: entries of older versions are never found then.
_VERSION = b"baleen-build-1"
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


def identity(tree: Tree) -> str:
    """Return what a tree is known by."""
    return hashlib.sha256("\n".join(tree.diff_ids).encode()).hexdigest()


def is_fixed(vertex: Vertex) -> bool:
    """Say whether a source is the same whenever it is fetched: its checksum or commit is given."""
    match vertex.op:
        case HttpSource(checksum=checksum):
            return bool(checksum)
        case GitSource(checksum=checksum, ref=ref):
            return _COMMIT.fullmatch(checksum or ref) is not None
        case _:
            return False


def selections(vertex: Vertex) -> dict[int, list[Selection]]:
    """Return the inputs of which only some files matter, with these."""
    found: dict[int, list[Selection]] = {}
    match vertex.op:
        case FileOp(actions=actions, scratch=scratch):
            for action in actions:
                if isinstance(action, Copying) and action.input >= (0 if scratch else 1):
                    found.setdefault(action.input, []).append(_copied(action))
        case Exec(mounts=mounts):
            whole = {mount.input for mount in mounts if mount.kind != "bind" or mount.output >= 0}
            for mount in mounts:
                if mount.input >= 0 and mount.input not in whole:
                    shown = Selection(paths=(mount.source,), follow=False)
                    found.setdefault(mount.input, []).append(shown)
        case _:
            pass
    return found


def _copied(action: Copying) -> Selection:
    return Selection(
        paths=action.sources,
        patterns=True,
        follow=True,
        contents_only=action.contents_of_directories and not action.parents,
        exclude=action.exclude,
        parents=action.parents,
    )


def fast_key(vertex: Vertex, inputs: Sequence[Input], epoch_ns: int | None) -> str | None:
    """Return the key over whole inputs, or None with a context among them."""
    words = []
    for source in inputs:
        if isinstance(source, LocalDirectory):
            return None
        words.append(identity(source))
    return _key(b"fast", vertex, words, epoch_ns)


def slow_key(
    vertex: Vertex,
    inputs: Sequence[Input],
    contents: Mapping[int, Sequence[Contents]],
    epoch_ns: int | None,
) -> str | None:
    """Return the key with `contents` in the place of the inputs that they were read from.

    None: a context is among the inputs and nothing of it was read.
    """
    words = []
    for index, source in enumerate(inputs):
        if index in contents:
            words.append("contents:" + ",".join(found.digest for found in contents[index]))
        elif isinstance(source, LocalDirectory):
            return None
        else:
            words.append(identity(source))
    return _key(b"slow", vertex, words, epoch_ns)


def _key(kind: bytes, vertex: Vertex, words: Sequence[str], epoch_ns: int | None) -> str:
    hashed = hashlib.sha256(_VERSION)
    for edge, word in zip(vertex.inputs, words, strict=True):
        hashed.update(f"\n{edge.output}:{word}".encode())
    hashed.update(b"\n%s\n%s\n" % (kind, str(epoch_ns).encode()))
    hashed.update(encode_op(vertex.op))
    return hashed.hexdigest()


def parts(
    vertex: Vertex, inputs: Sequence[Input], contents: Mapping[int, Sequence[Contents]]
) -> dict[str, str]:
    """Return what the keys were made of, by `kind:subject`, to tell later what has changed.

    Values of variables and files are there as short digests only.
    """
    found: dict[str, str] = {}
    op = vertex.op
    if isinstance(op, Exec):
        hidden = {name.lower() for name in op.proxy_env}
        found["instruction:"] = " ".join(op.args)
        for entry in op.env:
            name, _, value = entry.partition("=")
            if name.lower() not in hidden:
                found[f"environment:{name}"] = _short(value)
        for mount in op.mounts[1:]:
            found[f"mount:{mount.target or mount.id}"] = _short(repr(mount))
        for name in ("cwd", "user", "network", "security", "hostname"):
            found[f"option:{name}"] = str(getattr(op, name))
        found["option:extra hosts"] = " ".join(op.extra_hosts)
    elif isinstance(op, FileOp):
        found["instruction:"] = _short(encode_op(op).decode())
    else:
        found["instruction:"] = encode_op(op).decode()[:200]
    for index, source in enumerate(inputs):
        if index in contents:
            for one in contents[index]:
                found[f"option:contents of input {index}"] = one.digest[:16]
                for path, digest in one.entries.items():
                    found[f"file:{path}"] = digest.hex()
        elif not isinstance(source, LocalDirectory):
            found[f"base:{index}"] = identity(source)[:16]
    return found


def _short(value: str) -> str:
    return hashlib.sha256(value.encode("utf-8", "surrogateescape")).hexdigest()[:12]
