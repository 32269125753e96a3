"""The filters of volumes."""

from __future__ import annotations

import pytest

from baleen.errors import InvalidArgument
from baleen.volumes.filters import compile_filters, compile_prune_filters
from baleen.volumes.record import VolumeRecord

RECORDS = [
    VolumeRecord(name="db-data", created_at="", labels={"tier": "db"}),
    VolumeRecord(name="web-data", created_at=""),
    VolumeRecord(name="cache", created_at="", labels={"tier": "web"}),
]


def chosen(filters) -> list[str]:
    tests = compile_filters(filters, is_free=lambda record: record.name == "cache")
    return [record.name for record in RECORDS if all(test(record) for test in tests)]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, ["db-data", "web-data", "cache"]),
        ({"name": ["data"]}, ["db-data", "web-data"]),
        ({"name": ["^db"]}, ["db-data"]),
        ({"name": ["data$", "che"]}, ["db-data", "web-data", "cache"]),
        ({"name": ["^cache$"]}, ["cache"]),
        ({"label": ["tier"]}, ["db-data", "cache"]),
        ({"label": ["tier=db"]}, ["db-data"]),
        ({"dangling": ["true"]}, ["cache"]),
        ({"dangling": ["0"]}, ["db-data", "web-data"]),
        ({"driver": ["local"]}, ["db-data", "web-data", "cache"]),
        ({"driver": ["nfs"]}, []),
    ],
)
def test_filters(filters, expected):
    assert chosen(filters) == expected


def test_prune_filters():
    tests, everything = compile_prune_filters({"label!": ["tier=db"], "all": ["1"]})
    assert everything
    assert [record.name for record in RECORDS if all(test(record) for test in tests)] == [
        "web-data",
        "cache",
    ]
    assert compile_prune_filters({}) == ([], False)
    assert compile_prune_filters({"all": ["false"]}) == ([], False)


@pytest.mark.parametrize(
    "filters", [{"nonsense": ["x"]}, {"dangling": ["maybe"]}, {"dangling": ["true", "false"]}]
)
def test_malformed_filters(filters):
    with pytest.raises(InvalidArgument, match="invalid filter"):
        chosen(filters)
    with pytest.raises(InvalidArgument, match="invalid filter"):
        compile_prune_filters({"all": ["maybe"]})
