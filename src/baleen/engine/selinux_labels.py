"""SELinux contexts of containers: of which parts they are made, and what options change of them.

A container's processes have one context, all its files another one; both have the same level, a
pair of categories that no other container has, so that containers of one type cannot reach each
other's files. Pure: what the host's policy names comes in as text.

See: https://github.com/SELinuxProject/selinux-notebook, Security Context, Multi-Category Security;
`docker run --security-opt label=`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from baleen.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Sequence

    from baleen.api import HostConfig

__all__ = [
    "CATEGORIES",
    "DISABLE",
    "Context",
    "container_labels",
    "options_of",
    "private_level",
    "read_contexts",
    "shared_label",
]

CATEGORIES: Final = 1024
"""How many categories policies have: c0 to c1023."""
DISABLE: Final = "disable"
_SHARED_LEVEL: Final = "s0"
_PARTS: Final = ("user", "role", "type", "level", "filetype")
_SYNTAX: Final = (
    "valid options 'disable' or 'user, role, level, type, filetype' followed by ':' and a value"
)


@dataclass(frozen=True, slots=True)
class Context:
    """A security context, `user:role:type[:level]`."""

    user: str
    role: str
    type: str
    level: str = ""

    @classmethod
    def parse(cls, text: str) -> Context:
        """Return the context that is written down (InvalidArgument)."""
        parts = text.split(":", 3)
        if len(parts) < 3 or not all(parts) or not text.isprintable() or '"' in text:
            raise InvalidArgument(f"invalid SELinux context: {text[:256]!r}")
        return cls(*parts)

    def __str__(self) -> str:
        return ":".join(part for part in (self.user, self.role, self.type, self.level) if part)


def read_contexts(text: str) -> dict[str, str]:
    """Return what a policy's `lxc_contexts` says: context by purpose ("process", "file", …)."""
    result = {}
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.lstrip().startswith(("#", ";")):
            result[name.strip()] = value.strip().strip('"')
    return result


def private_level(first: int, second: int) -> str:
    """Return the level of two different categories."""
    low, high = sorted((first, second))
    return f"s0:c{low},c{high}"


def shared_label(label: str) -> str:
    """Return the context of files that all containers may use."""
    return str(replace(Context.parse(label), level=_SHARED_LEVEL))


def container_labels(
    process: Context, file: Context, options: Sequence[str]
) -> tuple[Context, Context]:
    """Return the contexts of processes and files after what `label=` options say, in order.

    Args:
        process: context of its processes without options.
        file: that of its files.
        options: `user:USER`, `role:ROLE`, `type:TYPE`, `level:LEVEL`, `filetype:TYPE`; no
            "disable".

    Raises:
        InvalidArgument: anything else.
    """
    for option in options:
        name, colon, value = option.partition(":")
        if name not in _PARTS or not colon or not value:
            raise InvalidArgument(f"Bad label option {option[:128]!r}, {_SYNTAX}")
        if name == "filetype":
            file = replace(file, type=value)
            continue
        process = replace(process, **{name: value})
        if name in ("level", "user"):
            file = replace(file, **{name: value})
    return Context.parse(str(process)), Context.parse(str(file))


def options_of(host: HostConfig, label_of: dict[str, str]) -> list[str]:
    """Return the `--security-opt`s that a container without any `label` gets, as `inspect` shows.

    A container that sees the host's processes or IPC cannot be told apart from the host; one that
    joins another container's has its context.

    Args:
        host: of the container to be.
        label_of: the processes' context of containers that it may join, by the mode that says so
            (`container:<ref>`).

    Raises:
        InvalidArgument: it joins two containers with different contexts.
    """
    if any(option.partition("=")[0] == "label" for option in host.security_opt):
        return []
    if host.privileged or "host" in (host.ipc_mode, host.pid_mode):
        return [f"label={DISABLE}"]
    modes = [mode for mode in (host.pid_mode, host.ipc_mode) if mode in label_of]
    labels = {label_of[mode] for mode in modes}
    if len(labels) > 1:
        raise InvalidArgument("--ipc and --pid containers SELinux labels aren't the same")
    if not labels or not (label := labels.pop()):
        return []
    context = Context.parse(label)
    parts = [("user", context.user), ("role", context.role), ("type", context.type)]
    return [f"label={name}:{value}" for name, value in (*parts, ("level", context.level)) if value]
