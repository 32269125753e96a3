"""`--add-runtime` and `runtimes` of daemon.json, with dockerd's rules and words.

    --add-runtime NAME=PATH
    {"runtimes": {"NAME": {"path": "PATH", "runtimeArgs": ["--debug"]}}}

Shims of containerd (`runtimeType`) are refused: there is no containerd here to run them.

See: dockerd reference, "Configure container runtimes".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import msgspec

from baleen.engine.runtimes import OWN_NAMES, RegisteredRuntime
from baleen.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["FileRuntime", "add_runtime", "check_default", "from_file"]

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", re.ASCII)


class FileRuntime(msgspec.Struct, rename="camel"):
    """One entry of `runtimes` in daemon.json."""

    path: str = ""
    runtime_args: list[str] = msgspec.field(default_factory=list)
    runtime_type: str = ""
    options: dict[str, Any] | None = None


def add_runtime(known: Mapping[str, RegisteredRuntime], text: str) -> dict[str, RegisteredRuntime]:
    """Return `known` and what one --add-runtime says; raises InvalidArgument."""
    name, equals, path = (part.strip() for part in text.partition("="))
    if not equals or not name or not path:
        raise InvalidArgument(f"invalid runtime argument: {text[:128]}")
    name = name.lower()
    _check_name(name)
    if name in known:
        raise InvalidArgument(f"runtime '{name}' was already defined")
    return {**known, name: _registered(name, FileRuntime(path=path))}


def from_file(entries: Mapping[str, FileRuntime]) -> dict[str, RegisteredRuntime]:
    """Return the runtimes of the file; raises InvalidArgument."""
    for name in entries:
        _check_name(name)
    return {name: _registered(name, entry) for name, entry in entries.items()}


def check_default(name: str, registered: Mapping[str, RegisteredRuntime]) -> None:
    """Refuse a default that is neither ours nor registered."""
    if name not in OWN_NAMES and name not in registered:
        raise InvalidArgument(f"specified default runtime '{name[:64]}' does not exist")


def _check_name(name: str) -> None:
    if name in OWN_NAMES:
        raise InvalidArgument(f"runtime name '{name}' is reserved")
    if not _NAME.fullmatch(name):
        raise InvalidArgument(f"invalid runtime name {name[:64]!r}")


def _registered(name: str, entry: FileRuntime) -> RegisteredRuntime:
    where = f"runtime {name}"
    if not entry.path and not entry.runtime_type:
        raise InvalidArgument(f"{where}: either a runtimeType or a path must be configured")
    if entry.path and entry.runtime_type:
        raise InvalidArgument(
            f"{where}: cannot configure both path and runtimeType for the same runtime"
        )
    if entry.path and entry.options:
        raise InvalidArgument(f"{where}: options cannot be used with a path runtime")
    if entry.runtime_type and entry.runtime_args:
        raise InvalidArgument(f"{where}: args cannot be used with a runtimeType runtime")
    if entry.runtime_type:
        raise InvalidArgument(
            f"{where}: runtimeType {entry.runtime_type[:64]!r} is not supported: it is a shim of "
            "containerd, which is not used; give the path of an OCI runtime's program"
        )
    if "/" in entry.path and not entry.path.startswith("/"):
        raise InvalidArgument(f"{where}: {entry.path[:256]!r} is neither a name nor absolute")
    if any("\0" in text for text in (entry.path, *entry.runtime_args)):
        raise InvalidArgument(f"{where}: path and arguments cannot hold a null byte")
    return RegisteredRuntime(entry.path, tuple(entry.runtime_args))
