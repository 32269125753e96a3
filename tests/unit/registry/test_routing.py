"""Paths are read from their end, in one spelling."""

from __future__ import annotations

import pytest

from baleen.registry.errors import ApiError, Code
from baleen.registry.routing import Kind, Route, find_route

ROUTES = [
    ("/v2/", Route(Kind.BASE)),
    ("/v2", Route(Kind.BASE)),
    ("/v2/_catalog", Route(Kind.CATALOG)),
    ("/v2/a/b/tags/list", Route(Kind.TAGS, "a/b")),
    ("/v2/tags/list/tags/list", Route(Kind.TAGS, "tags/list")),
    ("/v2/a/manifests/x", Route(Kind.MANIFEST, "a", "x")),
    ("/v2/manifests/manifests/manifests", Route(Kind.MANIFEST, "manifests", "manifests")),
    ("/v2/a/referrers/x", Route(Kind.REFERRERS, "a", "x")),
    ("/v2/a/blobs/x", Route(Kind.BLOB, "a", "x")),
    ("/v2/a/blobs/uploads/", Route(Kind.UPLOADS, "a", "")),
    ("/v2/a/blobs/uploads", Route(Kind.UPLOADS, "a")),
    ("/v2/a/blobs/uploads/x", Route(Kind.UPLOAD, "a", "x")),
    ("/v2/a/blobs/uploads/blobs/uploads/x", Route(Kind.UPLOAD, "a/blobs/uploads", "x")),
]


@pytest.mark.parametrize(("path", "route"), ROUTES)
def test_routes(path, route):
    assert find_route(path, path.encode(), "/") == route
    assert find_route(f"/p/q{path}", b"", "/p/q/") == route


@pytest.mark.parametrize(
    "path", ["", "/", "/v1/", "/v2x", "/v2/a", "/v2/a/b", "/v2/a/manifests/", "/v2/manifests/x"]
)
def test_no_routes(path):
    assert find_route(path, path.encode(), "/") is None


@pytest.mark.parametrize(
    ("path", "raw"),
    [
        ("/v2/A/tags/list", b""),
        ("/v2//a/tags/list", b""),
        ("/v2/a/b/tags/list", b"/v2/a%2fb/tags/list"),
        ("/v2/a/tags/list", b"/v2/%61/tags/list"),
        ("/v2/../x/tags/list", b""),
        (f"/v2/{'a/' * 600}tags/list", b""),
    ],
)
def test_other_spellings_are_refused(path, raw):
    with pytest.raises(ApiError) as caught:
        find_route(path, raw, "/")
    assert caught.value.code is Code.NAME_INVALID


def test_an_escaped_colon_is_one():
    raw = b"/v2/a/blobs/sha256%3Aff?x=%2f"
    assert find_route("/v2/a/blobs/sha256:ff", raw, "/") == Route(Kind.BLOB, "a", "sha256:ff")
