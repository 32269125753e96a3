"""The paths of /proc and /sys that are hidden or cannot be written, and whether that holds."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from baleen.api.explanation import ExplainedPath
from baleen.engine.explaining.mountinfo import is_visible
from baleen.engine.explaining.why_paths import why_path

if TYPE_CHECKING:
    from baleen.engine.explaining.subject import Subject

__all__ = ["explain_paths"]


def explain_paths(subject: Subject) -> list[ExplainedPath]:
    """Return masked, then read-only paths; of a running container with what the kernel has.

    A path without its mount is "absent" when this kernel has no such file at all, and "missing"
    when it has: it came after the start, or the container has unmounted the protection, or
    mounted something over it (a second /proc, say).
    """
    result = []
    for protection, key in (("masked", "maskedPaths"), ("read-only", "readonlyPaths")):
        for path in subject.linux.get(key) or ():
            reason = why_path(path)
            result.append(
                ExplainedPath(
                    path=path,
                    protection=protection,
                    state=_state(subject, path, protection),
                    why=reason.why,
                    see=reason.see,
                )
            )
    return result


def _state(subject: Subject, path: str, protection: str) -> str:
    # The daemon's own /proc and /sys: what is protected there is of no namespace.
    exists = os.path.lexists(path)
    if subject.live is None:
        return "planned" if exists else "absent"
    mounts = subject.live.mounts
    found = [line for line in mounts if line.target == path]
    if any(
        is_visible(line, mounts) and (protection == "masked" or "ro" in line.options)
        for line in found
    ):
        return "in force"
    return "missing" if exists or found else "absent"
