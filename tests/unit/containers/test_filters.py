"""The filters of ps."""

from __future__ import annotations

import pytest

from baleen.api import (
    ContainerConfig,
    Empty,
    EndpointSettings,
    Health,
    HostConfig,
    MountPoint,
    PortBinding,
)
from baleen.containers.filters import compile_filters, parse_bool_filter
from baleen.containers.record import ContainerRecord
from baleen.containers.state import Status
from baleen.errors import InvalidArgument, NotFound


def record(number: int, **changes) -> ContainerRecord:
    base = {
        "id": f"{number:064x}",
        "name": f"c{number}",
        "created": f"2027-01-15T08:00:0{number}.5Z",
        "path": "sh",
        "image_id": f"sha256:{number:064x}",
        "config": ContainerConfig(image="busybox"),
        "host_config": HostConfig(),
    }
    return ContainerRecord(**(base | changes))


RECORDS = [
    record(
        1,
        status=Status.EXITED,
        exit_code=3,
        config=ContainerConfig(labels={"tier": "db", "x": ""}, exposed_ports={"80/tcp": Empty()}),
        mounts=[MountPoint(type="volume", name="data", source="/v/data", destination="/d")],
    ),
    record(
        2,
        status=Status.RUNNING,
        health=Health(status="healthy"),
        endpoints={"own": EndpointSettings(network_id="n" * 64)},
        ports={"53/udp": [PortBinding(host_ip="0.0.0.0", host_port="5353")], "54/tcp": None},
    ),
    record(3),
]


def resolve(reference: str) -> ContainerRecord:
    for found in RECORDS:
        if reference in (found.name, found.id):
            return found
    raise NotFound(f"No such container: {reference}")


def ancestors(reference: str) -> frozenset[str]:
    if reference == "img":
        return frozenset({RECORDS[0].image_id, RECORDS[1].image_id})
    raise NotFound(reference)


def chosen(filters: dict[str, list[str]]) -> str:
    tests = compile_filters(filters, resolve=resolve, ancestors=ancestors)
    return "".join(found.name[1] for found in RECORDS if all(test(found) for test in tests))


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, "123"),
        ({"id": [f"{0:061x}"]}, "123"),
        ({"id": [RECORDS[1].id, "zz"]}, "2"),
        ({"name": ["c1"]}, "1"),
        ({"name": ["^/c[12]$"]}, "12"),
        ({"name": ["^c3$", "1"]}, "13"),
        ({"label": ["tier"]}, "1"),
        ({"label": ["tier=db", "x="]}, "1"),
        ({"label": ["tier=web"]}, ""),
        ({"status": ["running", "created"]}, "23"),
        ({"exited": ["3"]}, "1"),
        ({"exited": ["0"]}, ""),
        ({"health": ["healthy"]}, "2"),
        ({"health": ["none"]}, "13"),
        ({"volume": ["data"]}, "1"),
        ({"volume": ["/d"]}, "1"),
        ({"network": ["own"]}, "2"),
        ({"network": ["n" * 64]}, "2"),
        ({"ancestor": ["img"]}, "12"),
        ({"ancestor": ["other"]}, ""),
        ({"before": ["c2"]}, "1"),
        ({"since": ["c2"]}, "3"),
        ({"expose": ["80"]}, "1"),
        ({"expose": ["70-90/tcp"]}, "1"),
        ({"publish": ["5353/udp"]}, "2"),
        ({"publish": ["5353"]}, ""),
        ({"publish": ["53/udp"]}, ""),
        ({"expose": ["54"]}, "2"),
        ({"is-task": ["true"]}, ""),
        ({"is-task": ["false"]}, "123"),
        ({"status": [], "name": []}, "123"),
        ({"status": ["running"], "name": ["c1"]}, ""),
    ],
)
def test_filters(filters, expected):
    assert chosen(filters) == expected


@pytest.mark.parametrize(
    ("filters", "text"),
    [
        ({"nonsense": ["1"]}, "invalid filter 'nonsense'"),
        ({"status": ["up"]}, "must be one of created, running"),
        ({"exited": ["1_0"]}, "exited"),
        ({"exited": ["x"]}, "exited"),
        ({"health": ["x"]}, "health"),
        ({"is-task": ["maybe"]}, "is-task"),
        ({"publish": ["0"]}, "publish"),
        ({"expose": ["90-80"]}, "expose"),
        ({"expose": ["1-99999999"]}, "expose"),
        ({"name": ["("]}, "invalid pattern"),
    ],
)
def test_malformed_values(filters, text):
    with pytest.raises(InvalidArgument, match=text):
        chosen(filters)


def test_an_unknown_pivot_is_not_found():
    with pytest.raises(NotFound):
        chosen({"before": ["nosuch"]})


def test_boolean_filters():
    assert parse_bool_filter({}, "dangling", default=True) is True
    assert parse_bool_filter({"dangling": ["1"]}, "dangling", default=False) is True
    assert parse_bool_filter({"dangling": ["false"]}, "dangling", default=True) is False
    with pytest.raises(InvalidArgument):
        parse_bool_filter({"dangling": ["true", "false"]}, "dangling", default=True)
