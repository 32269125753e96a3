"""`--cap-add`, `--cap-drop` and `--privileged`: from words to the five sets of a process.

See: `docker run`, Runtime privilege and Linux capabilities; capabilities(7).
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

from baleen.errors import InvalidArgument
from baleen.linux.capabilities import CAPABILITIES, available, names_of
from baleen.runtime.default_spec import DEFAULT_CAPABILITIES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from baleen.api import HostConfig

__all__ = ["DEFAULT_CAPABILITIES", "capability_names", "capability_sets"]

_MAX_WORDS: Final = 1024


@cache
def _all_names() -> tuple[str, ...]:
    # What this daemon could give: the kernel's list, cut by our own bounding set.
    return tuple(names_of(available()))


def capability_names(host: HostConfig | None) -> list[str]:
    """Return the bounding set of a container by name; `None` and privileged have everything.

    Additions win over removals, and ALL means all that the daemon itself could have.

    Raises:
        InvalidArgument: a word that is no capability.
    """
    everything = _all_names()
    if host is None or host.privileged:
        return list(everything)
    added, dropped = _parse("CapAdd", host.cap_add), _parse("CapDrop", host.cap_drop)
    if "ALL" in added:
        return [name for name in everything if name not in dropped]
    base = (
        [] if "ALL" in dropped else [name for name in DEFAULT_CAPABILITIES if name not in dropped]
    )
    return [*base, *(name for name in added if name not in base)]


def _parse(field: str, words: Sequence[str]) -> list[str]:
    if len(words) > _MAX_WORDS:
        raise InvalidArgument(f"too many capabilities: more than {_MAX_WORDS}")
    names: dict[str, None] = {}
    for word in words:
        name = word.upper()
        if name == "ALL" or name == "CAP_ALL":
            names["ALL"] = None
            continue
        name = name if name.startswith("CAP_") else f"CAP_{name}"
        if name not in CAPABILITIES or not word.isascii():
            raise InvalidArgument(f'invalid {field}: unknown capability: "{name[:64]}"')
        names[name] = None
    return list(names)


def capability_sets(names: Sequence[str], *, uid: int) -> dict[str, list[str]]:
    """Return the OCI `capabilities`: inheritable and ambient stay empty.

    A process that is not root starts with none in effect; the bounding set still lets a set-uid
    program gain what the container may have.
    """
    held = list(names) if uid == 0 else []
    return {
        "bounding": list(names),
        "effective": held,
        "permitted": list(held),
        "inheritable": [],
        "ambient": [],
    }
