"""`RUN --device`: which CDI devices a step of a build gets, and whether it may have them.

A name is that of a device (`vendor.com/class=name`), of a kind for its first device
(`vendor.com/class`), of all devices of a kind (`vendor.com/class=*`), or a class that the files'
annotations give to devices.

See: Dockerfile reference, RUN --device; BuildKit, docs/cdi.md; `engine.cdi`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from baleen.build.entitlements import DEVICE
from baleen.build.exec.process import Devices
from baleen.engine import cdi
from baleen.errors import InvalidArgument, PermissionDenied

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from baleen.build.graph import ExecDevice
    from baleen.engine.cdi import Found

__all__ = ["find_devices"]

_CLASS = "org.mobyproject.buildkit.device.class"
_AUTO_ALLOW = "org.mobyproject.buildkit.device.autoallow"


def find_devices(
    wanted: Sequence[ExecDevice], spec_dirs: Sequence[str], *, allowed: bool
) -> Devices:
    """Return what the devices add to a process: `edits` are CDI's, or None. Blocks.

    Args:
        wanted: of the step; those that are not there are left out unless they are required.
        spec_dirs: where CDI spec files are; none: CDI is turned off.
        allowed: whether the build may have any device; else only those may be had that their
            file allows by annotation.

    Raises:
        InvalidArgument: a required one is not registered.
        PermissionDenied: naming the one that the build may not have.
    """
    found = cdi.scan(spec_dirs)
    names: list[str] = []
    for device in wanted:
        matching = list(_matching(found, device.name))
        if not matching and device.required:
            raise InvalidArgument(f'required device "{device.name[:256]}" is not registered')
        for name in matching:
            if not allowed and _annotation(found, name, _AUTO_ALLOW) != "true":
                raise PermissionDenied(
                    f'device "{name}" is not allowed', hint=f"build with --allow {DEVICE}"
                )
        names += [name for name in matching if name not in names]
    if not names:
        return Devices()
    edits = cdi.resolve(found, names)
    targets = ((mount.container_path, Path(mount.host_path).is_dir()) for mount in edits.mounts)
    return Devices(edits, tuple(targets))


def _matching(found: Found, name: str) -> Iterator[str]:
    if name in found.devices:
        yield name
        return
    kind, equals, which = name.partition("=")
    of_kind = [known for known in found.devices if known.partition("=")[0] == kind]
    if equals:
        yield from of_kind if which == "*" else ()
    elif "/" in kind:
        yield from of_kind[:1]
    else:
        yield from (known for known in found.devices if _annotation(found, known, _CLASS) == name)


def _annotation(found: Found, name: str, key: str) -> str:
    """Return what the device's annotations, or else its file's, say."""
    spec = found.devices[name].spec
    own = {f"{spec.kind}={device.name}": device.annotations for device in spec.devices}
    return own[name].get(key, spec.annotations.get(key, ""))
