"""Each mount of the container with the reason why it is there."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from baleen.api.explanation import ExplainedMount
from baleen.engine.explaining import why_mounts as why
from baleen.runtime.devices import DEFAULT_DEVICES

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from baleen.api import MountPoint
    from baleen.engine.explaining.mountinfo import MountLine
    from baleen.engine.explaining.subject import Subject

__all__ = ["explain_mounts"]

_CGROUPS = "/sys/fs/cgroup"
_SHM = "/dev/shm"  # noqa: S108  # the container's
# Of a bind the kernel shows only where in its file system it begins.
_SHOWN_OF_SUPER = ("size=", "mode=", "nr_inodes=")


def explain_mounts(subject: Subject, anonymous: Collection[str]) -> list[ExplainedMount]:
    """Return the mounts in the kernel's order, or in that of a start.

    Args:
        subject: the container.
        anonymous: names of volumes that nobody has named.
    """
    reasons = _Reasons(subject, anonymous)
    if subject.live is not None:
        return [reasons.of_line(line) for line in subject.live.mounts]
    planned = [reasons.of_root()]
    planned += [reasons.of_entry(entry) for entry in subject.oci.get("mounts") or ()]
    if subject.process.get("terminal"):
        planned.append(
            ExplainedMount(target="/dev/console", type="bind", kind="terminal", why=why.CONSOLE)
        )
    return planned


class _Reasons:
    """Finds the reason of a mount; each place is explained by the engine's mount only once."""

    def __init__(self, subject: Subject, anonymous: Collection[str]) -> None:
        self._subject = subject
        self._anonymous = anonymous
        self._points = {point.destination: point for point in subject.record.mounts}
        self._entries: dict[str, Mapping[str, Any]] = {
            entry["destination"]: entry for entry in subject.oci.get("mounts") or ()
        }
        self._masked = frozenset(subject.linux.get("maskedPaths") or ())
        self._protected = frozenset(subject.linux.get("readonlyPaths") or ())
        self._explained: set[str] = set()
        self._nodes: frozenset[str] = frozenset()
        if any(entry["type"] == "user" for entry in subject.linux.get("namespaces") or ()):
            asked = (entry["path"] for entry in subject.linux.get("devices") or ())
            self._nodes = frozenset((*(device.path for device in DEFAULT_DEVICES), *asked))

    def of_root(self) -> ExplainedMount:
        read_only = bool((self._subject.oci.get("root") or {}).get("readonly"))
        return ExplainedMount(
            target="/",
            type="overlay",
            source="overlay",
            options=["ro"] if read_only else ["rw"],
            propagation=str(self._subject.linux.get("rootfsPropagation") or ""),
            kind="root",
            why=self._root_text(),
        )

    def of_entry(self, entry: Mapping[str, Any]) -> ExplainedMount:
        target = entry["destination"]
        kind, text = self._of_entry(target)
        point = self._points.get(target)
        source = str(entry.get("source", ""))
        if point is not None and point.type == "bind" and not os.path.lexists(source):
            text += why.NOT_THERE_YET
        return ExplainedMount(
            target=target,
            type=str(entry.get("type", "")),
            source=source,
            options=list(entry.get("options") or ()),
            kind=kind,
            why=text,
        )

    def of_line(self, line: MountLine) -> ExplainedMount:
        kind, text = self._of_line(line)
        entry = self._entries.get(line.target)
        source = line.source
        if entry is not None and entry.get("type") == "bind" and kind in ("user", "engine"):
            source = str(entry.get("source", ""))
        elif line.root != "/" and kind != "root":
            source = f"{line.source}:{line.root}"
        shown = [word for word in line.super_options if word.startswith(_SHOWN_OF_SUPER)]
        return ExplainedMount(
            target=line.target,
            type=line.type,
            source=source,
            options=[*line.options, *(shown if line.type == "tmpfs" else ())],
            propagation=line.propagation,
            kind=kind,
            why=text,
            id=line.id,
            parent=line.parent,
        )

    def _of_line(self, line: MountLine) -> tuple[str, str]:
        target = line.target
        known = target in self._entries and target not in self._explained
        if not known and any(target.startswith(f"{above}/") for above in self._points):
            return "user", why.SUBMOUNT
        if target in self._explained:
            return "container", why.CONTAINERS_OWN
        self._explained.add(target)
        if target == "/":
            return "root", self._root_text()
        if target in self._entries:
            return self._of_entry(target)
        if target in self._masked:
            is_directory = line.type == "tmpfs" and line.root == "/"
            return "mask", why.MASKED_DIRECTORY if is_directory else why.MASKED_FILE
        if target in self._protected:
            return "read-only", why.PROTECTED
        if target in self._nodes:
            return "default", why.DEVICE
        if target == "/dev/console" and self._subject.process.get("terminal"):
            return "terminal", why.CONSOLE
        if target.startswith(f"{_CGROUPS}/") and _CGROUPS in self._entries:
            return "cgroup", why.CGROUP_VIEW
        return "container", why.CONTAINERS_OWN

    def _of_entry(self, target: str) -> tuple[str, str]:
        point = self._points.get(target)
        if point is not None:
            return "user", self._asked_for(point)
        if target in why.ENGINE_FILES:
            return "engine", why.ENGINE_FILES[target]
        if target == _SHM and self._entries[target].get("type") == "bind":
            return "default", why.SHM_OF_OTHER
        if target in why.DEFAULTS:
            return "default", why.DEFAULTS[target]
        return "user", why.TMPFS

    def _asked_for(self, point: MountPoint) -> str:
        if point.type == "tmpfs":
            return why.TMPFS
        if point.type == "volume":
            if point.name in self._anonymous or not point.name:
                return why.ANONYMOUS_VOLUME
            return why.VOLUME.format(name=point.name)
        return why.BIND if point.rw else why.READ_ONLY_BIND

    def _root_text(self) -> str:
        read_only = bool((self._subject.oci.get("root") or {}).get("readonly"))
        return why.ROOT + (why.ROOT_READ_ONLY if read_only else "")
