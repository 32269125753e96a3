"""The filters of `docker ps`, compiled once per request into one predicate on a record.

Values of one filter are alternatives, except `label`, of which all have to hold; filters of
different names have all to hold.

See: Engine API v1.55 /containers/json, parameter filters.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from baleen.containers.pattern import compile_pattern
from baleen.containers.state import Status
from baleen.errors import InvalidArgument, NotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from baleen.containers.record import ContainerRecord

__all__ = ["Predicate", "compile_filters", "match_labels", "parse_bool_filter", "refuse_unknown"]

Predicate = "Callable[[ContainerRecord], bool]"

_KNOWN: Final = frozenset(
    {
        "ancestor", "before", "exited", "expose", "health", "id", "is-task", "isolation", "label",
        "name", "network", "publish", "since", "status", "volume",
    }
)  # fmt: skip
_PORTS: Final = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?(?:/(tcp|udp|sctp))?", re.ASCII)
_EXIT_CODE: Final = re.compile(r"[+-]?\d{1,10}", re.ASCII)
_HEALTHS: Final = frozenset({"none", "starting", "healthy", "unhealthy"})


def refuse_unknown(filters: Mapping[str, Sequence[str]], known: frozenset[str]) -> None:
    """Raise InvalidArgument for the first filter that is not of `known`."""
    for name in filters:
        if name not in known:
            raise InvalidArgument(f"invalid filter '{name}'")


def parse_bool_filter(filters: Mapping[str, Sequence[str]], name: str, *, default: bool) -> bool:
    """Return the value of a filter that is true or false (also 1 and 0).

    Raises:
        InvalidArgument: another value, or both.
    """
    values = set(filters.get(name) or ())
    if not values:
        return default
    if values <= {"1", "true", "True"}:
        return True
    if values <= {"0", "false", "False"}:
        return False
    raise InvalidArgument(f"invalid filter '{name}={','.join(sorted(values))}'")


def match_labels(labels: Mapping[str, str], wanted: Sequence[str]) -> bool:
    """Whether every "key" or "key=value" of `wanted` is among the labels."""
    for want in wanted:
        key, equals, value = want.partition("=")
        if key not in labels or (equals and labels[key] != value):
            return False
    return True


def compile_filters(
    filters: Mapping[str, Sequence[str]],
    *,
    resolve: Callable[[str], ContainerRecord],
    ancestors: Callable[[str], frozenset[str]],
) -> list[Callable[[ContainerRecord], bool]]:
    """Return the tests that a record has to pass.

    Args:
        filters: values by filter name, as decoded from the request.
        resolve: from a reference to a record, for `before` and `since`; may raise NotFound.
        ancestors: from an image reference to the ids of it and of what was made from it; NotFound
            means that no container has it.

    Raises:
        InvalidArgument: an unknown filter or a malformed value.
        NotFound: `before` or `since` name no container.
    """
    refuse_unknown(filters, _KNOWN)
    tests = []
    for name, values in filters.items():
        if not values:
            continue
        if name == "ancestor":
            tests.append(_by_ancestor(values, ancestors))
        elif name in ("before", "since"):
            tests.extend(_by_order(name, resolve(value)) for value in values)
        elif (make := _MAKERS.get(name)) is not None:
            tests.append(make(values))
    return tests


def _by_ancestor(
    values: Sequence[str], ancestors: Callable[[str], frozenset[str]]
) -> Callable[[ContainerRecord], bool]:
    ids: set[str] = set()
    for value in values:
        try:
            ids |= ancestors(value)
        except NotFound:
            continue
    return lambda record: record.image_id in ids


def _by_order(name: str, pivot: ContainerRecord) -> Callable[[ContainerRecord], bool]:
    # RFC 3339 in UTC does not sort as text when fractions differ in length: compare with padding.
    mark = _sortable(pivot.created)
    if name == "before":
        return lambda record: _sortable(record.created) < mark
    return lambda record: _sortable(record.created) > mark


def _sortable(created: str) -> str:
    whole, _, fraction = created.removesuffix("Z").partition(".")
    return whole + fraction.ljust(9, "0")


def _by_id(values: Sequence[str]) -> Callable[[ContainerRecord], bool]:
    return lambda record: any(record.id.startswith(value) for value in values)


def _by_name(values: Sequence[str]) -> Callable[[ContainerRecord], bool]:
    patterns = [compile_pattern(value) for value in values]
    return lambda record: any(match(record.name) or match(f"/{record.name}") for match in patterns)


def _by_label(values: Sequence[str]) -> Callable[[ContainerRecord], bool]:
    return lambda record: match_labels(record.config.labels, values)


def _by_status(values: Sequence[str]) -> Callable[[ContainerRecord], bool]:
    for value in values:
        if value not in Status.__members__.values():
            raise InvalidArgument(
                f"invalid filter 'status': invalid value for state ({value}): "
                f"must be one of {', '.join(Status)}"
            )
    wanted = frozenset(values)
    return lambda record: record.status.value in wanted


def _by_exit_code(values: Sequence[str]) -> Callable[[ContainerRecord], bool]:
    codes = set()
    for value in values:
        if _EXIT_CODE.fullmatch(value) is None:
            raise InvalidArgument(f"invalid filter 'exited={value}': want an exit code")
        codes.add(int(value))
    return lambda record: record.status is Status.EXITED and record.exit_code in codes


def _by_health(values: Sequence[str]) -> Callable[[ContainerRecord], bool]:
    for value in values:
        if value not in _HEALTHS:
            raise InvalidArgument(f"unrecognised filter value for health: {value}")
    wanted = frozenset(values)
    return lambda record: ((record.health and record.health.status) or "none") in wanted


def _by_volume(values: Sequence[str]) -> Callable[[ContainerRecord], bool]:
    wanted = frozenset(values)
    return lambda record: any(
        mount.name in wanted or mount.destination in wanted or mount.source in wanted
        for mount in record.mounts
    )


def _by_network(values: Sequence[str]) -> Callable[[ContainerRecord], bool]:
    wanted = frozenset(values)
    return lambda record: any(
        name in wanted or (endpoint.network_id and endpoint.network_id in wanted)
        for name, endpoint in record.endpoints.items()
    )


def _parse_ports(filter_name: str, values: Sequence[str]) -> set[str]:
    ports: set[str] = set()
    for value in values:
        match = _PORTS.fullmatch(value)
        first = int(match[1]) if match else 0
        last = int(match[2] or match[1]) if match else 0
        if match is None or not 1 <= first <= last <= 65535:
            raise InvalidArgument(
                f"invalid filter '{filter_name}={value}': want port[-port][/proto]"
            )
        ports.update(f"{port}/{match[3] or 'tcp'}" for port in range(first, last + 1))
    return ports


def _by_expose(values: Sequence[str]) -> Callable[[ContainerRecord], bool]:
    ports = _parse_ports("expose", values)
    return lambda record: any(
        port in ports for port in (*record.config.exposed_ports, *record.ports)
    )


def _by_publish(values: Sequence[str]) -> Callable[[ContainerRecord], bool]:
    ports = _parse_ports("publish", values)
    return lambda record: any(
        f"{binding.host_port}/{key.partition('/')[2]}" in ports
        for key, bindings in record.ports.items()
        for binding in bindings or ()
    )


def _by_task(values: Sequence[str]) -> Callable[[ContainerRecord], bool]:
    # Tasks belong to a swarm; a plain container never is one.
    wanted = parse_bool_filter({"is-task": values}, "is-task", default=False)
    return lambda _record: not wanted


def _by_isolation(values: Sequence[str]) -> Callable[[ContainerRecord], bool]:
    return lambda _record: "default" in values or "" in values


_MAKERS: Final = {
    "exited": _by_exit_code,
    "expose": _by_expose,
    "health": _by_health,
    "id": _by_id,
    "is-task": _by_task,
    "isolation": _by_isolation,
    "label": _by_label,
    "name": _by_name,
    "network": _by_network,
    "publish": _by_publish,
    "status": _by_status,
    "volume": _by_volume,
}
