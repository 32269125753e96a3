"""`--security-opt`: parsed once, then trusted.

See: `docker run --security-opt` in the command line reference.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from baleen.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["SecurityOptions", "parse_security_options"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityOptions:
    """What the options ask for.

    Attributes:
        no_new_privileges: set the bit of that name.
        seccomp: "unconfined", "builtin", the text of a profile, or None for the daemon's default.
        unmasked: neither masked nor read-only paths (`systempaths=unconfined`).
    """

    no_new_privileges: bool = False
    seccomp: str | None = None
    unmasked: bool = False


def parse_security_options(options: Sequence[str]) -> SecurityOptions:
    """Return the options as values; labels of SELinux are accepted and have no effect.

    Raises:
        InvalidArgument: an unknown option or value.
    """
    no_new_privileges = unmasked = False
    seccomp: str | None = None
    for option in options:
        name, value = _split(option)
        if name == "no-new-privileges" and value in ("", "true", "false"):
            no_new_privileges = value != "false"
        elif name == "seccomp":
            seccomp = value or None
        elif name == "systempaths" and value == "unconfined":
            unmasked = True
        elif name == "apparmor" and value not in ("", "unconfined", "docker-default"):
            raise InvalidArgument(
                f"invalid --security-opt: {_short(option)!r}: AppArmor profiles other than "
                "'unconfined' are not supported on this host"
            )
        elif name not in ("label", "apparmor", "disable"):
            raise InvalidArgument(f"invalid --security-opt: {_short(option)!r}")
    return SecurityOptions(no_new_privileges=no_new_privileges, seccomp=seccomp, unmasked=unmasked)


def _split(option: str) -> tuple[str, str]:
    """Return name and value of "name=value", or of the older form "name:value"."""
    separator = "=" if "=" in option else ":"
    name, _, value = option.partition(separator)
    return name, value


def _short(text: str) -> str:
    return text[:128]
