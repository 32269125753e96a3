"""What a Dockerfile says: one class for each instruction, its words as written.

No variable is expanded here: `expansion.expand` does that where values are known (lowering). Words
keep their quotes and escapes for it, except in JSON form.

See: Dockerfile reference.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

__all__ = [
    "Add",
    "Arg",
    "Cmd",
    "Command",
    "Copy",
    "Dockerfile",
    "Entrypoint",
    "Env",
    "Expose",
    "From",
    "Healthcheck",
    "Heredoc",
    "Instruction",
    "KeyValue",
    "Label",
    "Location",
    "Maintainer",
    "Onbuild",
    "Run",
    "RunDevice",
    "RunMount",
    "Shell",
    "Stage",
    "StopSignal",
    "User",
    "Volume",
    "Workdir",
]


@dataclass(frozen=True, slots=True)
class Location:
    """Where in the Dockerfile: 1-based lines, inclusive; `column` (1-based) in the first."""

    line: int
    end_line: int
    column: int = 1


@dataclass(frozen=True, slots=True)
class Heredoc:
    """`<<NAME`: `content` with its final newline; `expand` unless NAME was quoted."""

    name: str
    content: str
    expand: bool
    file_descriptor: int = 0


@dataclass(frozen=True, slots=True)
class KeyValue:
    """`KEY=value`; `value` is None for an ARG without default."""

    key: str
    value: str | None


@dataclass(frozen=True, slots=True)
class Command:
    """What to execute: one text for the shell (`shell`), or the words of the JSON form."""

    words: tuple[str, ...]
    shell: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Instruction:
    """What all have.

    Attributes:
        location: where it stands.
        text: the instruction as history and progress show it, continuation lines joined:
            `RUN apt-get update && apt-get install -y x`.
        comments: the comment lines directly above, without their `#`.
    """

    location: Location
    text: str
    comments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class From(_Instruction):
    """`FROM [--platform=P] image [AS alias]`; absent parts are ""."""

    image: str
    platform: str = ""
    alias: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arg(_Instruction):
    """`ARG name[=default] ...`."""

    pairs: tuple[KeyValue, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Env(_Instruction):
    """`ENV key=value ...`, or with `legacy` `ENV key value`."""

    pairs: tuple[KeyValue, ...]
    legacy: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Label(_Instruction):
    """`LABEL key=value ...`, or with `legacy` `LABEL key value`."""

    pairs: tuple[KeyValue, ...]
    legacy: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Maintainer(_Instruction):
    """`MAINTAINER name`."""

    name: str


@dataclass(frozen=True, slots=True)
class RunMount:
    """`RUN --mount=type=...`: the keys as given, unexpanded; flags without value are "true".

    Attributes:
        type: bind, cache, tmpfs, secret or ssh.
        options: target, source, from, readwrite, id, sharing, mode, uid, gid, size, required, env
            under these names, whatever alias was written (dst, ro, rw, ...).
    """

    type: str
    options: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class RunDevice:
    """`RUN --device=name,[required]`; the name may hold variables."""

    name: str
    required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Run(_Instruction):
    """`RUN [--mount] [--network=] [--security=] [--device=] command`.

    With heredocs and the shell form, `command` is the first line with its `<<NAME` words; a lone
    heredoc without a command is a script of its own.
    """

    command: Command
    mounts: tuple[RunMount, ...] = ()
    network: str = ""
    security: str = ""
    devices: tuple[RunDevice, ...] = ()
    heredocs: tuple[Heredoc, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cmd(_Instruction):
    """`CMD`."""

    command: Command


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrypoint(_Instruction):
    """`ENTRYPOINT`."""

    command: Command


@dataclass(frozen=True, slots=True, kw_only=True)
class Shell(_Instruction):
    """`SHELL ["executable", "parameters"]`."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Healthcheck(_Instruction):
    """`HEALTHCHECK NONE` (command None) or `HEALTHCHECK [options] CMD command`.

    Attributes:
        interval, timeout, start_period, start_interval: nanoseconds; 0: the default.
        retries: 0: the default.
    """

    command: Command | None
    interval: int = 0
    timeout: int = 0
    start_period: int = 0
    start_interval: int = 0
    retries: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy(_Instruction):
    """`COPY [flags] src... dest`; sources that are heredocs are in `heredocs`, not `sources`."""

    sources: tuple[str, ...]
    destination: str
    heredocs: tuple[Heredoc, ...] = ()
    from_: str = ""
    chown: str = ""
    chmod: str = ""
    link: bool = False
    parents: bool = False
    exclude: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Add(_Instruction):
    """`ADD [flags] src... dest`; `unpack` None: as the kind of source asks."""

    sources: tuple[str, ...]
    destination: str
    heredocs: tuple[Heredoc, ...] = ()
    chown: str = ""
    chmod: str = ""
    link: bool = False
    exclude: tuple[str, ...] = ()
    checksum: str = ""
    keep_git_dir: bool = False
    unpack: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Workdir(_Instruction):
    """`WORKDIR path`."""

    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class User(_Instruction):
    """`USER user[:group]`."""

    user: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume(_Instruction):
    """`VOLUME path ...`."""

    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Expose(_Instruction):
    """`EXPOSE port[-port][/protocol] ...`, the words as written."""

    ports: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StopSignal(_Instruction):
    """`STOPSIGNAL signal`."""

    signal: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Onbuild(_Instruction):
    """`ONBUILD instruction`: `expression` is what the image keeps, whatever it says.

    `parser.parse_trigger` gives the instruction.
    """

    expression: str


Instruction: TypeAlias = (
    From
    | Arg
    | Env
    | Label
    | Maintainer
    | Run
    | Cmd
    | Entrypoint
    | Shell
    | Healthcheck
    | Copy
    | Add
    | Workdir
    | User
    | Volume
    | Expose
    | StopSignal
    | Onbuild
)


@dataclass(frozen=True, slots=True)
class Stage:
    """A FROM and what follows it; `index` counts from 0."""

    index: int
    base: From
    instructions: tuple[Instruction, ...]


@dataclass(frozen=True, slots=True)
class Dockerfile:
    r"""A parsed Dockerfile.

    Attributes:
        stages: at least one.
        global_args: those before the first FROM.
        escape: "\\" or "`".
        syntax: the `# syntax=` line's value, or "".
        check: the `# check=` line's value, or "".
        source: the whole text, for error excerpts.
        name: the file's name, for errors.
        empty_continuations: instructions with a blank line within them (Docker warns of them):
            where they are, and their text.
    """

    stages: tuple[Stage, ...]
    global_args: tuple[Arg, ...]
    escape: str
    syntax: str
    check: str
    source: str
    name: str = "Dockerfile"
    empty_continuations: tuple[tuple[Location, str], ...] = ()
