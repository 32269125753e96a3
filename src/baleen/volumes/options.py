"""Options of the `local` driver: `type`, `device` and `o`, as mount(8) takes them.

See: `docker volume create`, Driver-specific options.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from baleen import errors
from baleen.errors import InvalidArgument
from baleen.runtime.mount_options import parse_options

if TYPE_CHECKING:
    from collections.abc import Mapping

    from baleen.runtime.mount_options import MountOptions

__all__ = ["MountSource", "check_options", "mount_source"]

_NEEDS: Final = {"device": ("type",), "type": ("device",), "o": ("device", "type")}
# They are about one container's ids, its image, or a mount that is there already.
_OF_CONTAINERS: Final = frozenset({"idmap", "ridmap", "tmpcopyup", "remount"})
_MAX_TEXT: Final = 4096


class MountSource:
    """What to mount at a volume's place: the arguments of mount(2)."""

    __slots__ = ("device", "filesystem", "options")

    def __init__(self, device: str, filesystem: str, options: MountOptions) -> None:
        self.device = device
        self.filesystem = filesystem
        self.options = options


def check_options(options: Mapping[str, str]) -> None:
    """Accept the options, or say which is wrong.

    Raises:
        InvalidArgument: an unknown or incomplete option.
        NotImplemented: a size limit; that needs a file system with project quotas.
    """
    for name, value in options.items():
        if name == "size":
            raise errors.NotImplemented("quota size requested but no quota support")
        if name not in _NEEDS:
            raise InvalidArgument(f'invalid option: "{name[:64]}"')
        if "\0" in value or len(value) > _MAX_TEXT:
            raise InvalidArgument(f"invalid value of option {name}")
        for needed in _NEEDS[name]:
            if not options.get(needed):
                raise InvalidArgument(f'missing required option: "{needed}"')
    mount_source(options)


def mount_source(options: Mapping[str, str]) -> MountSource | None:
    """Return what the options ask to mount; None: nothing, the volume is a plain directory."""
    if not options.get("device"):
        return None
    words = [word for word in options.get("o", "").split(",") if word]
    for word in words:
        if word in _OF_CONTAINERS:
            raise InvalidArgument(f"invalid option: mount option {word!r} is not for volumes")
    return MountSource(options["device"], options["type"], parse_options(words))
