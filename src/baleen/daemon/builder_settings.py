"""`builder` in daemon.json: what of the build cache goes by itself.

    "builder": {"gc": {"enabled": true, "defaultKeepStorage": "20GB",
                       "policy": [{"keepStorage": "10GB", "filter": ["unused-for=48h"]},
                                  {"maxUsedSpace": "50GB", "all": true}]}}

See: dockerd reference, "Daemon configuration file"; moby, daemon/config/builder.go.
"""

from __future__ import annotations

from typing import Any

import msgspec

from baleen.build.solver.prune import PrunePolicy, parse_filters
from baleen.daemon.options import parse_size
from baleen.errors import InvalidArgument

__all__ = ["builder_gc"]


class _Rule(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    all: bool = False
    keep_storage: str = ""
    reserved_space: str = ""
    max_used_space: str = ""
    min_free_space: str = ""
    filter: list[str] | dict[str, dict[str, bool]] = []


class _Gc(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    enabled: bool = True
    default_keep_storage: str = ""
    default_reserved_space: str = ""
    default_max_used_space: str = ""
    default_min_free_space: str = ""
    policy: list[_Rule] = []


class _Builder(msgspec.Struct, frozen=True, rename="camel"):
    gc: _Gc = _Gc()


def builder_gc(settings: Any) -> tuple[PrunePolicy, ...] | None:  # noqa: ANN401  # JSON
    """Return the rules in their order; None: the default ones; empty: nothing goes by itself.

    Raises:
        InvalidArgument: malformed.
    """
    if settings in (None, ""):
        return None
    try:
        gc = msgspec.convert(settings, _Builder).gc
    except msgspec.ValidationError as err:
        raise InvalidArgument(f"builder: {err}") from err
    if not gc.enabled:
        return ()
    if gc.policy:
        return tuple(_policy(rule, gc) for rule in gc.policy)
    if gc == _Gc():
        return None
    return (_policy(_Rule(), gc), _policy(_Rule(all=True), gc))


def _policy(rule: _Rule, gc: _Gc) -> PrunePolicy:
    filters, unused_ns = parse_filters(_filters(rule.filter))
    return PrunePolicy(
        all=rule.all,
        unused_ns=unused_ns,
        filters=filters,
        reserved_bytes=_bytes(
            rule.reserved_space
            or rule.keep_storage
            or gc.default_reserved_space
            or gc.default_keep_storage
        ),
        max_used_bytes=_bytes(rule.max_used_space or gc.default_max_used_space),
        min_free_bytes=_bytes(rule.min_free_space or gc.default_min_free_space),
    )


def _filters(given: list[str] | dict[str, dict[str, bool]]) -> dict[str, list[str]]:
    if isinstance(given, dict):
        return {key: list(values) for key, values in given.items()}
    found: dict[str, list[str]] = {}
    for text in given:
        key, _, value = text.partition("=")
        found.setdefault(key, []).append(value)
    return found


def _bytes(text: str) -> int:
    return parse_size(text) if text else 0
