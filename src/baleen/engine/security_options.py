"""`--security-opt`: parsed once, then trusted.

See: `docker run --security-opt` in the command line reference.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from baleen.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["SecurityOptions", "parse_security_options"]

# The kernel takes a name, and a word before it, that fit into a page.
_MAX_NAME: Final = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityOptions:
    """What the options ask for.

    Attributes:
        no_new_privileges: set the bit of that name.
        seccomp: "unconfined", "builtin", the text of a profile, or None for the daemon's default.
        apparmor: name of a profile, "unconfined", or "" for the engine's own.
        labels: what `label=` says for SELinux, in order.
        unmasked: neither masked nor read-only paths (`systempaths=unconfined`).
    """

    no_new_privileges: bool = False
    seccomp: str | None = None
    apparmor: str = ""
    labels: tuple[str, ...] = ()
    unmasked: bool = False


def parse_security_options(options: Sequence[str]) -> SecurityOptions:
    """Return the options as values; what a host without the module makes of them is not told here.

    Raises:
        InvalidArgument: an unknown option or value.
    """
    no_new_privileges = unmasked = False
    seccomp: str | None = None
    apparmor = ""
    labels: list[str] = []
    for option in options:
        name, value = _split(option)
        if name == "no-new-privileges" and value in ("", "true", "false"):
            no_new_privileges = value != "false"
        elif name == "seccomp":
            seccomp = value or None
        elif name == "systempaths" and value == "unconfined":
            unmasked = True
        elif name == "apparmor" and _is_name(value):
            apparmor = value
        elif name == "label" and _is_name(value):
            labels.append(value)
        elif option == "disable":
            labels.append(option)
        else:
            raise InvalidArgument(f"invalid --security-opt: {_short(option)!r}")
    return SecurityOptions(
        no_new_privileges=no_new_privileges,
        seccomp=seccomp,
        apparmor=apparmor,
        labels=tuple(labels),
        unmasked=unmasked,
    )


def _is_name(value: str) -> bool:
    return len(value) <= _MAX_NAME and value.isprintable()


def _split(option: str) -> tuple[str, str]:
    """Return name and value of "name=value", or of the older form "name:value"."""
    separator = "=" if "=" in option else ":"
    name, _, value = option.partition(separator)
    return name, value


def _short(text: str) -> str:
    return text[:128]
