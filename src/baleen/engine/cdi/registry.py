"""The CDI devices of this host: which there are, and what asking for some of them edits.

The directories are read at each question: they are small, and what a vendor's service has just
written counts at once.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from baleen.engine.cdi import spec_file
from baleen.engine.cdi.spec_file import Edits
from baleen.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from baleen.engine.cdi.spec_file import SpecFile

__all__ = ["DEFAULT_SPEC_DIRS", "Found", "resolve", "scan"]

DEFAULT_SPEC_DIRS: Final = ("/etc/cdi", "/var/run/cdi")


@dataclass(frozen=True, slots=True)
class _Origin:
    path: str
    priority: int
    spec: SpecFile
    edits: Edits


@dataclass(slots=True)
class Found:
    """What the directories hold.

    Attributes:
        devices: by qualified name, those that can be had.
        problems: files that cannot be used and devices that conflict, by path.
    """

    devices: dict[str, _Origin] = field(default_factory=dict)
    problems: dict[str, list[str]] = field(default_factory=dict)


def scan(directories: Sequence[str]) -> Found:
    """Return what is in the directories, the later ones taking precedence. Blocks."""
    found = Found()
    conflicts: set[str] = set()
    for priority, directory in enumerate(directories):
        for path in _files(directory):
            try:
                spec = spec_file.read(path)
            except FileNotFoundError:
                continue  # just removed
            except (InvalidArgument, OSError) as err:
                text = err.strerror if isinstance(err, OSError) else str(err)
                problem = f"failed to load CDI Spec {text}"
                found.problems.setdefault(path, []).append(problem)
                continue
            for device in spec.devices:
                name = f"{spec.kind}={device.name}"
                origin = _Origin(path, priority, spec, device.container_edits)
                other = found.devices.get(name)
                if other is not None and other.priority == priority:
                    conflicts.add(name)
                    text = f'conflicting device "{name}" (specs "{path}", "{other.path}")'
                    for place in (path, other.path):
                        found.problems.setdefault(place, []).append(text)
                    continue
                # A clear device of a later directory settles a conflict of an earlier one.
                conflicts.discard(name)
                found.devices[name] = origin
    for name in conflicts:
        del found.devices[name]
    return found


def resolve(found: Found, names: Sequence[str]) -> Edits:
    """Return the edits of these devices, those of each file once and first.

    Raises:
        InvalidArgument: naming the devices that are not there.
    """
    unknown = [name for name in names if name not in found.devices]
    if unknown:
        shown = ", ".join(name[:256] for name in unknown)
        raise InvalidArgument(f"unresolvable CDI devices {shown}")
    edits = Edits()
    seen: set[str] = set()
    for name in names:
        origin = found.devices[name]
        if origin.path not in seen:
            seen.add(origin.path)
            edits = edits.merged(origin.spec.container_edits)
        edits = edits.merged(origin.edits)
    return edits


def _files(directory: str) -> Iterator[str]:
    """Yield the spec files of a directory, which need not exist, by name."""
    try:
        names = sorted(os.listdir(directory))  # noqa: PTH208  # names only
    except OSError:
        return
    for name in names:
        if name.endswith((".json", ".yaml")):
            yield f"{directory.rstrip('/')}/{name}"
