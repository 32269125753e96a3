from __future__ import annotations

import json

import pytest
from lying_registry import content, status

from baleen.distribution.credentials import Credentials
from baleen.distribution.searching import parse_search_filters, split_term
from baleen.errors import InvalidArgument, Unavailable

RESULTS = [
    {"name": "busybox", "description": "Small", "star_count": 100, "is_official": True},
    {"name": "me/busybox", "description": "", "star_count": 3, "is_automated": True},
]


def search(world, term="busybox", **options):
    return world.client.search(f"{world.registry.authority}/{term}", **options)


@pytest.fixture
def searched(world):
    answer = content(json.dumps({"results": RESULTS}).encode(), "application/json")
    world.registry.lie("GET", "/v1/search", answer, times=9)
    return world


def test_results_are_as_the_registry_gives_them(searched):
    found = search(searched)
    assert [(r.name, r.star_count, r.is_official) for r in found] == [
        ("busybox", 100, True),
        ("me/busybox", 3, False),
    ]
    assert searched.registry.requests[0].path == "/v1/search?q=busybox&n=25"


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ({"is-official": ["true"]}, ["busybox"]),
        ({"is-official": ["false"]}, ["busybox", "me/busybox"]),
        ({"is-automated": ["1"]}, ["me/busybox"]),
        ({"stars": ["50"]}, ["busybox"]),
        ({"stars": ["1", "200"]}, []),
    ],
)
def test_filters_choose(searched, filters, names):
    assert [result.name for result in search(searched, filters=filters)] == names


@pytest.mark.parametrize(
    ("filters", "words"),
    [
        ({"name": ["x"]}, "invalid filter 'name'"),
        ({"stars": ["many"]}, r"invalid filter 'stars=\[many\]'"),
        ({"is-official": ["maybe"]}, r"invalid filter 'is-official=\[maybe\]'"),
    ],
)
def test_bad_filters_are_dockers_errors(filters, words):
    with pytest.raises(InvalidArgument, match=words):
        parse_search_filters(filters)


@pytest.mark.parametrize("limit", [-1, 101])
def test_a_limit_has_limits(searched, limit):
    with pytest.raises(InvalidArgument, match=f"invalid limit {limit}"):
        search(searched, limit=limit)
    search(searched, limit=100)
    assert searched.registry.requests[-1].path.endswith("n=100")


@pytest.mark.parametrize(
    ("term", "parts"),
    [
        ("busybox", ("docker.io", "busybox")),
        ("library/busybox", ("docker.io", "busybox")),
        ("me/busybox", ("docker.io", "me/busybox")),
        ("docker.io/x", ("docker.io", "x")),
        ("index.docker.io/x", ("docker.io", "x")),
        ("quay.io/a/b", ("quay.io", "a/b")),
        ("localhost/x", ("localhost", "x")),
        ("reg:5000/x", ("reg:5000", "x")),
    ],
)
def test_a_term_may_begin_with_its_registry(term, parts):
    assert split_term(term) == parts


def test_a_url_is_no_term():
    with pytest.raises(InvalidArgument, match="should not have a scheme"):
        split_term("https://quay.io/x")


def test_credentials_are_sent(searched):
    search(searched, credentials=Credentials(username="user", password="secret"))
    assert searched.registry.requests[0].headers["Authorization"] == "Basic dXNlcjpzZWNyZXQ="


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (status(404), "does not offer a search"),
        (status(500), "received unexpected HTTP status: 500"),
        (content(b"<html>"), "the answer to a search is malformed"),
    ],
)
def test_a_registry_that_cannot_search_is_named(world, answer, words):
    world.registry.lie("GET", "/v1/search", answer)
    with pytest.raises(Unavailable, match=words):
        search(world)
