"""Processes that are started inside running containers.

See: Engine API v1.55, /containers/{id}/exec and /exec/*.
"""

from __future__ import annotations

from msgspec import field

from baleen.api.wire import Int, StrSlice, UInt, Wire, pascal

__all__ = ["ExecCreateBody", "ExecInspect", "ExecStartBody", "IDResponse", "ProcessConfig"]


class ExecCreateBody(Wire, frozen=True):
    """Body of /containers/{id}/exec."""

    user: str = ""
    privileged: bool = False
    tty: bool = False
    console_size: list[UInt] = field(default_factory=list)
    attach_stdin: bool = False
    attach_stderr: bool = False
    attach_stdout: bool = False
    detach_keys: str = ""
    env: list[str] = field(default_factory=list)
    working_dir: str = ""
    cmd: StrSlice = field(default_factory=list)


class ExecStartBody(Wire, frozen=True):
    """Body of /exec/{id}/start."""

    detach: bool = False
    tty: bool = False
    console_size: list[UInt] = field(default_factory=list)


class IDResponse(Wire, frozen=True):
    """An answer that is only a new object's id."""

    id: str = ""


class ProcessConfig(Wire, frozen=True, rename=None):
    """The command of an exec, as inspect shows it (lower-case names)."""

    tty: bool = False
    entrypoint: str = ""
    arguments: list[str] = field(default_factory=list)
    privileged: bool | None = None
    user: str = ""

    omit_empty = frozenset({"privileged", "user"})


class ExecInspect(
    Wire,
    frozen=True,
    rename=pascal(id="ID", container_id="ContainerID"),
):
    """Answer of /exec/{id}/json; `exit_code` is None until it has ended."""

    id: str = ""
    running: bool = False
    exit_code: Int | None = None
    process_config: ProcessConfig = ProcessConfig()
    open_stdin: bool = False
    open_stderr: bool = False
    open_stdout: bool = False
    can_remove: bool = False
    container_id: str = field(default="", name="ContainerID")
    detach_keys: str = ""
    pid: Int = 0
