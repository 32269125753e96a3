"""G14: what a client says of host and scheme is in no answer."""

from __future__ import annotations

import pytest
from registry_bed import digest_of, manifest, served

HOSTILE = {
    "Host": "evil.example",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-For": "203.0.113.9",
    "X-Forwarded-Prefix": "/evil.example",
    "X-Original-URL": "/evil.example",
    "X-Rewrite-URL": "/evil.example",
    "Forwarded": "host=evil.example;proto=https",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with served(tmp_path_factory.mktemp("g14") / "data") as it:
        it.push_blob("r", b"{}")
        yield it


def test_locations_and_links_are_relative(server):
    import json

    digest = digest_of(b"{}")
    raw = json.dumps(manifest()).encode()
    kind = {"Content-Type": "application/vnd.oci.image.manifest.v1+json"}
    answers = [
        server.request("POST", "/v2/r/blobs/uploads/", headers=HOSTILE),
        server.request("POST", f"/v2/r/blobs/uploads/?digest={digest}", b"{}", HOSTILE),
        server.request("POST", f"/v2/s/blobs/uploads/?mount={digest}&from=r", headers=HOSTILE),
        server.request("PUT", "/v2/r/manifests/a", raw, {**HOSTILE, **kind}),
        server.request("PUT", "/v2/r/manifests/b", raw, {**HOSTILE, **kind}),
        server.request("GET", "/v2/r/tags/list?n=1", headers=HOSTILE),
        server.request("GET", "/v2/", headers=HOSTILE),
    ]
    for status, headers, body in answers:
        assert status < 300
        assert b"evil.example" not in body
        for value in headers.values():
            assert "evil.example" not in value
        assert headers.get("location", "/v2/").startswith("/v2/")
        assert headers.get("link", "</v2/").startswith("</v2/")
    location = answers[0][1]["location"]
    status, headers, _ = server.request("PATCH", location, b"x", HOSTILE)
    assert (status, headers["location"]) == (202, location)


def test_the_configured_host_wins(tmp_path):
    with served(tmp_path / "data", REGISTRY_HTTP_HOST="https://registry.example") as server:
        _, headers, _ = server.request("POST", "/v2/r/blobs/uploads/", headers=HOSTILE)
        assert headers["location"].startswith("https://registry.example/v2/r/blobs/uploads/")


def test_a_header_cannot_be_split(server):
    for path in ("/v2/r/tags/list?n=1&last=a%0d%0aX:%20y", "/v2/_catalog?last=a%0d%0aX:%20y"):
        status, headers, _ = server.request("GET", path)
        assert status == 400
        assert "x" not in headers
