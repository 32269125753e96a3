"""Which namespaces the container has of its own, and with whom it shares the others."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from baleen.api.explanation import ExplainedNamespace
from baleen.engine.explaining.why_namespaces import ENGINES, JOINED, NAMESPACES, OTHER
from baleen.linux.user_namespace import in_first_user_namespace

if TYPE_CHECKING:
    from baleen.engine.explaining.subject import Subject

__all__ = ["explain_namespaces"]


def explain_namespaces(subject: Subject) -> list[ExplainedNamespace]:
    """Return one entry for each type that the kernel has.

    Of a running process the kernel's numbers decide, not what was asked for.
    """
    wanted = {entry["type"]: entry for entry in subject.linux.get("namespaces") or ()}
    result = []
    for kind, why in NAMESPACES.items():
        if subject.live is None:
            scope, identity = _planned(kind, wanted)
        else:
            identity = subject.live.namespaces.get(kind, "")
            if not identity:
                continue
            scope = _observed(kind, identity, subject, is_wanted=kind in wanted)
        if kind == "user" and scope == "host" and not in_first_user_namespace():
            why = replace(why, host=ENGINES)
        texts = {"own": why.own, "host": why.host, "container": JOINED, "other": OTHER}
        result.append(
            ExplainedNamespace(
                type=kind,
                id=identity,
                scope=scope,
                shared_with=_shared_with(kind, identity, scope, subject),
                isolates=why.isolates,
                why=texts[scope],
                see=why.see,
            )
        )
    return result


def _planned(kind: str, wanted: dict[str, dict[str, str]]) -> tuple[str, str]:
    entry = wanted.get(kind)
    if entry is None:
        return "host", _identity(f"/proc/thread-self/ns/{NAMESPACES[kind].file}")
    path = entry.get("path")
    return ("container", _identity(path)) if path else ("own", "")


def _identity(path: str) -> str:
    try:
        return os.readlink(path)  # noqa: PTH115  # the kernel's text, not a path
    except OSError:
        return ""


def _observed(kind: str, identity: str, subject: Subject, *, is_wanted: bool) -> str:
    assert subject.live is not None
    if identity == subject.live.host_namespaces.get(kind):
        return "host"
    if kind in subject.joined:
        return "container"
    return "own" if is_wanted else "other"


def _shared_with(kind: str, identity: str, scope: str, subject: Subject) -> list[str]:
    if scope == "host":
        return []
    names = [
        neighbour.name
        for neighbour in subject.neighbours
        if identity and neighbour.namespaces.get(kind) == identity
    ]
    if not names and scope == "container" and kind in subject.joined:
        names = [subject.joined[kind]]
    return names
