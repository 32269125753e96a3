"""The filters of `docker volume ls` and `docker volume prune`.

See: Engine API v1.55 /volumes, /volumes/prune, parameter filters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from baleen.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from baleen.volumes.record import VolumeRecord

__all__ = ["compile_filters", "compile_prune_filters"]

_KNOWN: Final = frozenset({"dangling", "driver", "label", "name"})
_KNOWN_PRUNE: Final = frozenset({"all", "label", "label!"})
_TRUE: Final = frozenset({"1", "true", "True"})
_FALSE: Final = frozenset({"0", "false", "False"})


def compile_filters(
    filters: Mapping[str, Sequence[str]], *, is_free: Callable[[VolumeRecord], bool]
) -> list[Callable[[VolumeRecord], bool]]:
    """Return the tests that a listed volume has to pass; `is_free`: no container refers to it.

    Raises:
        InvalidArgument: an unknown filter or a malformed value.
    """
    _refuse_unknown(filters, _KNOWN)
    tests: list[Callable[[VolumeRecord], bool]] = []
    if dangling := filters.get("dangling"):
        wanted = _boolean("dangling", dangling)
        tests.append(lambda record: is_free(record) == wanted)
    if drivers := filters.get("driver"):
        is_local = "local" in drivers
        tests.append(lambda _record: is_local)
    if labels := filters.get("label"):
        tests.append(lambda record: _has_labels(record, labels))
    if names := filters.get("name"):
        tests.append(lambda record: any(_name_matches(record.name, name) for name in names))
    return tests


def compile_prune_filters(
    filters: Mapping[str, Sequence[str]],
) -> tuple[list[Callable[[VolumeRecord], bool]], bool]:
    """Return the tests, and whether volumes with a name are to be removed too.

    Raises:
        InvalidArgument: an unknown filter or a malformed value.
    """
    _refuse_unknown(filters, _KNOWN_PRUNE)
    tests: list[Callable[[VolumeRecord], bool]] = []
    if labels := filters.get("label"):
        tests.append(lambda record: _has_labels(record, labels))
    if unwanted := filters.get("label!"):
        tests.append(lambda record: not _has_labels(record, unwanted))
    everything = filters.get("all")
    return tests, bool(everything) and _boolean("all", everything or ())


def _refuse_unknown(filters: Mapping[str, Sequence[str]], known: frozenset[str]) -> None:
    for name in filters:
        if name not in known:
            raise InvalidArgument(f"invalid filter '{name}'")


def _boolean(name: str, values: Sequence[str]) -> bool:
    given = set(values)
    if given <= _TRUE:
        return True
    if given <= _FALSE:
        return False
    raise InvalidArgument(f"invalid filter '{name}={','.join(sorted(given))[:64]}'")


def _has_labels(record: VolumeRecord, wanted: Sequence[str]) -> bool:
    for want in wanted:
        key, equals, value = want.partition("=")
        if key not in record.labels or (equals and record.labels[key] != value):
            return False
    return True


def _name_matches(name: str, wanted: str) -> bool:
    """Whether the name has `wanted` in it; `^` and `$` tie it to begin and end."""
    text = wanted.removeprefix("^").removesuffix("$")
    starts, ends = wanted.startswith("^"), wanted.endswith("$")
    if starts and ends:
        return name == text
    if starts:
        return name.startswith(text)
    return name.endswith(text) if ends else text in name
