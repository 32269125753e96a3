"""Capabilities of the container's process, set by set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from baleen.api.explanation import ExplainedCapability
from baleen.engine.explaining.why_capabilities import CAPABILITIES
from baleen.linux.capabilities import CAPABILITIES as NUMBERS
from baleen.linux.capabilities import last_cap
from baleen.runtime.default_spec import DEFAULT_CAPABILITIES

if TYPE_CHECKING:
    from baleen.engine.explaining.subject import Subject

__all__ = ["explain_capabilities"]

# The line of /proc/PID/status for each set.
_LINES: Final = {
    "bounding": "CapBnd",
    "effective": "CapEff",
    "permitted": "CapPrm",
    "inheritable": "CapInh",
    "ambient": "CapAmb",
}


def explain_capabilities(subject: Subject) -> list[ExplainedCapability]:
    """Return every capability of this kernel, in its order."""
    sets = {name: _names(subject, name) for name in _LINES}
    highest = last_cap()
    return [
        ExplainedCapability(
            name=name,
            default=name in DEFAULT_CAPABILITIES,
            allows=CAPABILITIES.get(name, ""),
            bounding=name in sets["bounding"],
            effective=name in sets["effective"],
            permitted=name in sets["permitted"],
            inheritable=name in sets["inheritable"],
            ambient=name in sets["ambient"],
        )
        for name, number in NUMBERS.items()
        if number <= highest
    ]


def _names(subject: Subject, kind: str) -> frozenset[str]:
    if subject.live is None:
        return frozenset((subject.process.get("capabilities") or {}).get(kind) or ())
    mask = subject.live.mask(_LINES[kind])
    return frozenset(name for name, number in NUMBERS.items() if mask >> number & 1)
