"""What the types and options of mounts may be: checks of `--mount`, tmpfs options, mode words.

See: Engine API v1.55, definition Mount; mount(8), tmpfs(5).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from baleen import errors
from baleen.errors import InvalidArgument
from baleen.volumes.names import check_volume_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from baleen.api import Mount

__all__ = ["BIND_MODES", "PROPAGATIONS", "check_mount", "tmpfs_options"]

BIND_MODES: Final = frozenset({"rw", "ro", "z", "Z", "consistent", "cached", "delegated"})
PROPAGATIONS: Final = frozenset({"private", "rprivate", "shared", "rshared", "slave", "rslave"})

_TMPFS_FLAGS: Final = frozenset(
    {
        "atime", "defaults", "dev", "diratime", "exec", "noatime", "nodev", "nodiratime",
        "noexec", "norelatime", "nostrictatime", "nosuid", "relatime", "ro", "rw", "strictatime",
        "suid", "sync", "async", "dirsync", "nosymfollow", "private", "rprivate", "shared",
        "rshared", "slave", "rslave", "unbindable", "runbindable",
    }
)  # fmt: skip
_TMPFS_VALUES: Final = re.compile(
    r"(?:size=[0-9]{1,19}[kmgKMG%]?|mode=[0-7]{1,4}|uid=[0-9]{1,10}|gid=[0-9]{1,10}"
    r"|nr_inodes=[0-9]{1,19}[kmgKMG]?|nr_blocks=[0-9]{1,19}[kmgKMG]?|mpol=[a-z=:,0-9-]{1,64}"
    r"|huge=(?:never|always|within_size|advise))",
    re.ASCII,
)
_CONTRARY: Final = {"nosuid": "suid", "nodev": "dev", "noexec": "exec"}


def tmpfs_options(text: str) -> tuple[str, ...]:
    """Return the options of a tmpfs: nosuid, nodev and noexec unless the client says otherwise.

    Raises:
        InvalidArgument: an option that a container's tmpfs may not have.
    """
    words = [word for word in text.split(",") if word]
    wrong = [
        word for word in words if word not in _TMPFS_FLAGS and not _TMPFS_VALUES.fullmatch(word)
    ]
    if wrong:
        raise InvalidArgument(f'Invalid tmpfs option "{wrong[0][:64]}"')
    defaults = [word for word, contrary in _CONTRARY.items() if contrary not in words]
    return tuple(dict.fromkeys([*defaults, *(word for word in words if word != "defaults")]))


def check_mount(mount: Mount) -> None:
    """Check one entry of `--mount` but for its target.

    Raises:
        InvalidArgument: with Docker's text for what is wrong.
    """
    check = _CHECKS.get(mount.type)
    if check is None:
        raise _bad(mount, f'mount type unknown: "{mount.type[:64]}"')
    for kind, options in (
        ("bind", mount.bind_options),
        ("volume", mount.volume_options),
        ("tmpfs", mount.tmpfs_options),
        ("image", mount.image_options),
    ):
        if options is not None and kind != mount.type:
            raise _bad(mount, f"field {kind.capitalize()}Options must not be specified")
    check(mount)


def _bad(mount: Mount, why: str) -> InvalidArgument:
    return InvalidArgument(f'invalid mount config for type "{mount.type[:64]}": {why}')


def _check_bind(mount: Mount) -> None:
    if not mount.source:
        raise _bad(mount, "field Source must not be empty")
    if not mount.source.startswith("/"):
        raise _bad(mount, f"invalid mount path: '{mount.source[:256]}' mount path must be absolute")
    if "\0" in mount.source:
        raise _bad(mount, "invalid mount path")
    options = mount.bind_options
    if options is None:
        return
    if options.propagation and options.propagation not in PROPAGATIONS:
        raise _bad(mount, f"invalid propagation mode: {options.propagation[:64]}")
    if (options.read_only_non_recursive or options.read_only_force_recursive) and (
        not mount.read_only
    ):
        raise _bad(mount, "mount must be read-only to choose how read-only is applied")
    if options.read_only_non_recursive and options.read_only_force_recursive:
        raise _bad(mount, "ReadOnlyForceRecursive and ReadOnlyNonRecursive are mutually exclusive")
    if options.read_only_force_recursive and options.non_recursive:
        raise _bad(mount, "ReadOnlyForceRecursive must not be used with NonRecursive")


def _check_volume(mount: Mount) -> None:
    if mount.source:
        check_volume_name(mount.source)
    options = mount.volume_options
    if options and options.subpath:
        raise errors.NotImplemented("subpaths of volumes are not available in this version")


def _check_tmpfs(mount: Mount) -> None:
    if mount.source:
        raise _bad(mount, "field Source must not be specified")
    if mount.tmpfs_options and mount.tmpfs_options.size_bytes < 0:
        raise _bad(mount, "invalid size")


def _check_image(mount: Mount) -> None:
    if not mount.source:
        raise _bad(mount, "field Source must not be empty")


_CHECKS: Final[dict[str, Callable[[Mount], None]]] = {
    "bind": _check_bind,
    "volume": _check_volume,
    "tmpfs": _check_tmpfs,
    "image": _check_image,
}
