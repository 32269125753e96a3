"""The graph of a build: operations and what they take, each keyed by its content.

Shaped after BuildKit's LLB, so that a definition that came over BuildKit's wire fits in as well as
a Dockerfile: a vertex is one operation over the outputs of others. Equal vertices have equal
digests, whichever build they come from; that is how work is shared and found again.

All paths inside trees are absolute and clean ("/a/b"); a tree is the result of a vertex's output.

See: BuildKit, solver/pb/ops.proto.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "Copying",
    "Edge",
    "Exec",
    "ExecDevice",
    "ExecMount",
    "FileAction",
    "FileOp",
    "GitSource",
    "HttpSource",
    "ImageSource",
    "LocalSource",
    "Making",
    "Merge",
    "Op",
    "Removing",
    "Vertex",
    "Writing",
]


class _Op(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What all operations are: values; equal ones encode to equal bytes."""


# --- sources: trees from outside -----------------------------------------------------------------


class ImageSource(_Op, frozen=True, kw_only=True, tag=True):
    """The file system of an image.

    Attributes:
        name: its name in full with the digest that it was resolved to, if known; or an image id.
        platform: `os/architecture[/variant]`.
    """

    name: str
    platform: str


class LocalSource(_Op, frozen=True, kw_only=True, tag=True):
    """A directory that came with the build.

    Attributes:
        name: `context`, `dockerfile`, or that of a `--build-context`.
        unique: tells one build's directory from another's; contents decide about the cache.
        exclude: patterns of the `.dockerignore` in force, in order.
    """

    name: str
    unique: str
    exclude: tuple[str, ...] = ()


class GitSource(_Op, frozen=True, kw_only=True, tag=True):
    """A git repository's tree at a commit.

    Attributes:
        url: without fragment.
        ref: branch, tag or commit; "" for the remote's HEAD.
        subdirectory: of the repository, or "".
        keep_git_dir: leave `.git` in it.
        checksum: the commit that it must be, or "".
    """

    url: str
    ref: str = ""
    subdirectory: str = ""
    keep_git_dir: bool = False
    checksum: str = ""


class HttpSource(_Op, frozen=True, kw_only=True, tag=True):
    """A tree of the one file that a URL gives.

    Attributes:
        url: http or https.
        checksum: `sha256:...` that it must have, or "".
        filename: the file's name in the tree.
        mode: its permissions.
    """

    url: str
    checksum: str = ""
    filename: str
    mode: int = 0o600


# --- file operations ------------------------------------------------------------------------------


class Copying(_Op, frozen=True, kw_only=True, tag=True):
    """Copy from another input.

    Attributes:
        input: index of the vertex's input to copy from; -1: from the tree worked on.
        sources: paths or patterns (Go's filepath.Match), absolute in that input.
        destination: absolute; ends in "/" where it must be a directory.
        owner: `user[:group]`, names looked up in the tree worked on; "": root; "keep": as it is.
        mode: chmod's words (octal or symbolic), or "".
        unpack: extract archives (recognized by content) instead of copying them.
        contents_of_directories: copy what is in a directory, not itself (COPY's rule).
        parents: keep the path of each source below the destination (`--parents`).
        exclude: patterns that are left out, relative to each source.
        allow_none: no error where a wildcard matches nothing.
        created_ns: times of directories that are made on the way; None: now.
    """

    input: int
    sources: tuple[str, ...]
    destination: str
    owner: str = ""
    mode: str = ""
    unpack: bool = False
    contents_of_directories: bool = True
    parents: bool = False
    exclude: tuple[str, ...] = ()
    allow_none: bool = False
    created_ns: int | None = None


class Making(_Op, frozen=True, kw_only=True, tag=True):
    """Make a directory with its parents (WORKDIR); nothing where it exists."""

    path: str
    owner: str = ""
    mode: int = 0o755
    created_ns: int | None = None


class Writing(_Op, frozen=True, kw_only=True, tag=True):
    """Write a file (a heredoc)."""

    path: str
    content: bytes
    owner: str = ""
    mode: str = "0644"
    created_ns: int | None = None


class Removing(_Op, frozen=True, kw_only=True, tag=True):
    """Remove a path, whatever it is; absent is fine."""

    path: str


FileAction: TypeAlias = Copying | Making | Writing | Removing


class FileOp(_Op, frozen=True, kw_only=True, tag=True):
    """Actions in order on input 0 (or on an empty tree: `scratch`); output 0 is the result."""

    actions: tuple[FileAction, ...]
    scratch: bool = False


class Merge(_Op, frozen=True, kw_only=True, tag=True):
    """All inputs laid over each other, later ones on top (`COPY --link`)."""


# --- processes ------------------------------------------------------------------------------------


class ExecMount(_Op, frozen=True, kw_only=True, tag=True):
    """One mount of an `Exec`.

    Attributes:
        kind: what it is.
        target: where; "/" is the root, which comes first and has kind `bind`.
        input: index of the vertex's input whose tree it shows; -1: an empty one.
        source: path inside that input.
        output: index of the output that holds what was written; -1: writes are dropped.
        readonly: no writes.
        cache_id, sharing: of a `cache` mount: any text; `shared`, `private` or `locked`.
        id: of a secret or an ssh agent.
        env: name of the variable that holds the secret, instead of or beside a file.
        required: fail where the secret or agent is not offered; else leave the mount out.
        uid, gid, mode: of the file, socket or directory that is made for it.
        size_bytes: of a tmpfs; 0: unlimited.
    """

    kind: Literal["bind", "cache", "tmpfs", "secret", "ssh"]
    target: str
    input: int = -1
    source: str = "/"
    output: int = -1
    readonly: bool = False
    cache_id: str = ""
    sharing: Literal["shared", "private", "locked"] = "shared"
    id: str = ""
    env: str = ""
    required: bool = False
    uid: int = 0
    gid: int = 0
    mode: int | None = None
    size_bytes: int = 0


class ExecDevice(_Op, frozen=True, kw_only=True, tag=True):
    """A CDI device of the host; one that is not `required` may be missing."""

    name: str
    required: bool = False


class Exec(_Op, frozen=True, kw_only=True, tag=True):
    """A process in a tree (RUN).

    Attributes:
        args: what is executed, the shell included.
        env: `NAME=value`, as the process sees it.
        cwd: absolute.
        user: `user[:group]`, "" is root; names are looked up in the root's files.
        mounts: root first.
        network: "" (the build's own), `none` or `host`.
        security: `sandbox` or `insecure`.
        stdin: what it reads (a heredoc's script); empty: /dev/null.
        extra_hosts: `name:address` lines for /etc/hosts.
        hostname: in its own namespace; "" for a made-up one.
        devices: of the host.
        proxy_env: names of variables in `env` that never are part of the key (predefined ARGs).
    """

    args: tuple[str, ...]
    env: tuple[str, ...] = ()
    cwd: str = "/"
    user: str = ""
    mounts: tuple[ExecMount, ...]
    network: str = ""
    security: Literal["sandbox", "insecure"] = "sandbox"
    stdin: bytes = b""
    extra_hosts: tuple[str, ...] = ()
    hostname: str = ""
    devices: tuple[ExecDevice, ...] = ()
    proxy_env: tuple[str, ...] = ()


Op: TypeAlias = ImageSource | LocalSource | GitSource | HttpSource | FileOp | Merge | Exec


# --- vertices ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Edge:
    """Output `output` of a vertex."""

    vertex: Vertex
    output: int = 0


@dataclass(frozen=True, eq=False)
class Vertex:
    """An operation and its inputs.

    Attributes:
        op: what is done.
        inputs: what it is done with.
        name: for people: `[build 2/3] RUN make`.
        ignore_cache: run it, whatever the cache has (`--no-cache`).
        place: where the instruction stands in a Dockerfile (its first line), or 0.
    """

    op: Op
    inputs: tuple[Edge, ...] = ()
    name: str = ""
    ignore_cache: bool = False
    place: int = 0
    notes: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def digest(self) -> str:
        """The key of the definition (sha256, hex): of the operation and all that it stands on.

        Names, places and notes have no part in it, nor the values of `Exec.proxy_env`.
        """
        hashed = hashlib.sha256(encode_op(self.op))
        for edge in self.inputs:
            hashed.update(f"\n{edge.vertex.digest}:{edge.output}".encode())
        return hashed.hexdigest()

    def walk(self) -> Iterator[Vertex]:
        """Yield this vertex and all below it once each, inputs before users."""
        seen: set[int] = set()
        stack: list[tuple[Vertex, bool]] = [(self, False)]
        while stack:
            vertex, expanded = stack.pop()
            if expanded:
                yield vertex
            elif id(vertex) not in seen:
                seen.add(id(vertex))
                stack.append((vertex, True))
                stack.extend((edge.vertex, False) for edge in reversed(vertex.inputs))


def encode_op(op: Op) -> bytes:
    """Return the bytes that stand for an operation in keys: JSON with sorted fields."""
    if isinstance(op, Exec) and op.proxy_env:
        hidden = {name.lower() for name in op.proxy_env}
        kept = tuple(v for v in op.env if v.partition("=")[0].lower() not in hidden)
        op = msgspec.structs.replace(op, env=kept, proxy_env=())
    return _encoder.encode(op)


_encoder = msgspec.json.Encoder(order="sorted")
