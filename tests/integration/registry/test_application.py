"""The endpoints and errors of the specification, line by line (spec.md, "Endpoints")."""

from __future__ import annotations

import json

from registry_bed import OCI_MANIFEST, digest_of, manifest, opened

from baleen.errors import Unavailable
from baleen.registry.access import ANYBODY
from baleen.registry.errors import ApiError, Code

ABSENT = digest_of(b"absent")
HERE = digest_of(b"here")
NO_SESSION = "0" * 32

# method, path, body, content type, status, error code
TABLE = [
    ("GET", "/v2/", b"", 200, ""),
    ("HEAD", "/v2/", b"", 200, ""),
    ("GET", "/v2", b"", 200, ""),
    ("PUT", "/v2/", b"", 405, "UNSUPPORTED"),
    ("GET", "/", b"", 404, "UNSUPPORTED"),
    ("GET", "/v1/repositories", b"", 404, "UNSUPPORTED"),
    ("GET", "/v2/a/b", b"", 404, "UNSUPPORTED"),
    ("GET", "/v2/a/unknown/b", b"", 404, "UNSUPPORTED"),
    # end-2
    ("GET", f"/v2/r/blobs/{HERE}", b"", 200, ""),
    ("HEAD", f"/v2/r/blobs/{HERE}", b"", 200, ""),
    ("GET", f"/v2/r/blobs/{HERE.replace(':', '%3A')}", b"", 200, ""),
    ("GET", f"/v2/r/blobs/{ABSENT}", b"", 404, "BLOB_UNKNOWN"),
    ("HEAD", f"/v2/r/blobs/{ABSENT}", b"", 404, None),
    ("GET", f"/v2/other/blobs/{HERE}", b"", 404, "BLOB_UNKNOWN"),
    ("GET", "/v2/r/blobs/sha256:12", b"", 400, "DIGEST_INVALID"),
    ("GET", f"/v2/r/blobs/md5:{'0' * 32}", b"", 400, "DIGEST_INVALID"),
    ("GET", f"/v2/R/blobs/{HERE}", b"", 400, "NAME_INVALID"),
    ("GET", f"/v2/r%2fx/blobs/{HERE}", b"", 400, "NAME_INVALID"),
    ("GET", f"/v2/{'a' * 256}/blobs/{HERE}", b"", 400, "NAME_INVALID"),
    ("GET", f"/v2/a..b/blobs/{HERE}", b"", 400, "NAME_INVALID"),
    ("POST", f"/v2/r/blobs/{HERE}", b"", 405, "UNSUPPORTED"),
    # end-3
    ("GET", "/v2/r/manifests/tag", b"", 200, ""),
    ("HEAD", "/v2/r/manifests/tag", b"", 200, ""),
    ("GET", "/v2/r/manifests/none", b"", 404, "MANIFEST_UNKNOWN"),
    ("GET", f"/v2/r/manifests/{ABSENT}", b"", 404, "MANIFEST_UNKNOWN"),
    ("GET", "/v2/r/manifests/.tag", b"", 400, "TAG_INVALID"),
    ("GET", f"/v2/r/manifests/{'t' * 129}", b"", 400, "TAG_INVALID"),
    ("GET", "/v2/r/manifests/sha256:xy", b"", 400, "DIGEST_INVALID"),
    # end-4
    ("POST", "/v2/r/blobs/uploads/", b"", 202, ""),
    ("POST", "/v2/r/blobs/uploads", b"", 202, ""),
    ("GET", "/v2/r/blobs/uploads/", b"", 405, "UNSUPPORTED"),
    ("POST", f"/v2/r/blobs/uploads/?digest={digest_of(b'one')}", b"one", 201, ""),
    ("POST", f"/v2/r/blobs/uploads/?digest={ABSENT}", b"one", 400, "DIGEST_INVALID"),
    ("POST", "/v2/r/blobs/uploads/?digest=sha256:1", b"one", 400, "DIGEST_INVALID"),
    # end-5, end-6, end-13
    ("PATCH", f"/v2/r/blobs/uploads/{NO_SESSION}", b"x", 404, "BLOB_UPLOAD_UNKNOWN"),
    ("PUT", f"/v2/r/blobs/uploads/{NO_SESSION}?digest={HERE}", b"", 404, "BLOB_UPLOAD_UNKNOWN"),
    ("GET", f"/v2/r/blobs/uploads/{NO_SESSION}", b"", 404, "BLOB_UPLOAD_UNKNOWN"),
    ("DELETE", f"/v2/r/blobs/uploads/{NO_SESSION}", b"", 404, "BLOB_UPLOAD_UNKNOWN"),
    ("GET", "/v2/r/blobs/uploads/..", b"", 404, "BLOB_UPLOAD_UNKNOWN"),
    # end-7
    ("PUT", "/v2/r/manifests/x", b"{", 400, "MANIFEST_INVALID"),
    ("PUT", "/v2/r/manifests/x", json.dumps(manifest(b"gone")).encode(), 400,
     "MANIFEST_BLOB_UNKNOWN"),
    ("PUT", f"/v2/r/manifests/{ABSENT}", b"{}", 400, "DIGEST_INVALID"),
    ("PUT", "/v2/r/manifests/x", b"x" * ((4 << 20) + 1), 413, "SIZE_INVALID"),
    # end-8
    ("GET", "/v2/r/tags/list", b"", 200, ""),
    ("GET", "/v2/none/tags/list", b"", 404, "NAME_UNKNOWN"),
    ("GET", "/v2/r/tags/list?n=x", b"", 400, "PAGINATION_NUMBER_INVALID"),
    # end-9, end-10
    ("DELETE", "/v2/r/manifests/none", b"", 404, "MANIFEST_UNKNOWN"),
    ("DELETE", f"/v2/r/manifests/{ABSENT}", b"", 404, "MANIFEST_UNKNOWN"),
    ("DELETE", f"/v2/r/blobs/{ABSENT}", b"", 404, "BLOB_UNKNOWN"),
    # end-12
    ("GET", f"/v2/none/referrers/{ABSENT}", b"", 200, ""),
    ("GET", "/v2/r/referrers/tag", b"", 400, "DIGEST_INVALID"),
    # Names with the words of the API among their components
    ("POST", "/v2/blobs/uploads/blobs/uploads/", b"", 202, ""),
    ("GET", "/v2/tags/list/manifests/x", b"", 404, "MANIFEST_UNKNOWN"),
    ("GET", "/v2/_catalog", b"", 200, ""),
]  # fmt: skip


async def test_endpoints_and_their_errors(registry):
    await registry.push_blob("r", b"here")
    await registry.push_blob("r", b"{}")
    await registry.push_manifest("r", "tag", manifest())
    wrong = []
    for method, path, body, status, code in TABLE:
        answer = await registry.request(method, path, body, {"content-type": OCI_MANIFEST})
        assert answer.headers["docker-distribution-api-version"] == "registry/2.0"
        if code:
            assert answer.headers["content-type"] == "application/json"
        if (answer.status, answer.code if code else code) != (status, code):
            wrong.append((method, path, answer))
    assert wrong == []


async def test_a_method_that_is_not_there_is_told_the_others(registry):
    answer = await registry.request("DELETE", "/v2/r/tags/list")
    assert answer.status == 405
    assert answer.headers["allow"] == "GET, HEAD"


async def test_rights_are_asked_before_anything_else(tmp_path):
    asked = []

    class Nobody:
        async def authorize(self, repository, actions, request):
            asked.append((repository, {str(action) for action in actions}, request.method))
            raise ApiError(Code.UNAUTHORIZED, headers={"www-authenticate": 'Basic realm="x"'})

        async def allows(self, *_):
            raise AssertionError

    async with opened(tmp_path / "data", access=Nobody()) as registry:
        blob = digest_of(b"x")
        for method, path in [
            ("GET", "/v2/"),
            ("GET", "/v2/_catalog"),
            ("GET", f"/v2/a/b/blobs/{blob}"),
            ("HEAD", "/v2/a/manifests/x"),
            ("PUT", "/v2/a/manifests/x"),
            ("DELETE", "/v2/a/manifests/x"),
            ("DELETE", f"/v2/a/blobs/{blob}"),
            ("POST", f"/v2/a/blobs/uploads/?mount={blob}&from=b"),
            ("PATCH", f"/v2/a/blobs/uploads/{NO_SESSION}"),
            ("PUT", f"/v2/a/blobs/uploads/{NO_SESSION}"),
            ("GET", "/v2/a/tags/list"),
            ("GET", f"/v2/a/referrers/{blob}"),
        ]:
            answer = await registry.request(method, path, b"body")
            assert answer.status == 401
            assert answer.headers["www-authenticate"] == 'Basic realm="x"'
    assert asked == [
        (None, set(), "GET"),
        (None, {"catalog"}, "GET"),
        ("a/b", {"pull"}, "GET"),
        ("a", {"pull"}, "HEAD"),
        ("a", {"push"}, "PUT"),
        ("a", {"delete"}, "DELETE"),
        ("a", {"delete"}, "DELETE"),
        ("a", {"pull", "push"}, "POST"),
        ("a", {"push"}, "PATCH"),
        ("a", {"push"}, "PUT"),
        ("a", {"pull"}, "GET"),
        ("a", {"pull"}, "GET"),
    ]


async def test_a_bug_is_a_500_without_its_text(registry, monkeypatch, caplog):
    async def broken(*_):
        raise RuntimeError("secret path")

    monkeypatch.setattr(registry.contents, "tags", broken)
    answer = await registry.get("/v2/r/tags/list")
    assert (answer.status, answer.code) == (500, "UNKNOWN")
    assert b"secret" not in answer.body
    assert "secret path" in caplog.text


async def test_a_service_that_is_away_is_a_503(registry, monkeypatch):
    async def away(*_):
        raise Unavailable("no database")

    monkeypatch.setattr(registry.contents, "tags", away)
    answer = await registry.get("/v2/r/tags/list")
    assert (answer.status, answer.code) == (503, "UNAVAILABLE")
    assert answer.headers["retry-after"] == "1"


async def test_the_lifespan_starts_and_closes_the_contents(tmp_path):
    async with opened(tmp_path / "data") as registry:
        await registry.contents.close()
        messages = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
        sent = []

        async def receive():
            return messages.pop(0)

        async def send(message):
            sent.append(message["type"])

        registry.contents._pool = type(registry.contents._pool)(2)
        registry.contents.uploads._pool = registry.contents._pool
        await registry.app({"type": "lifespan"}, receive, send)
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


async def test_a_cache_takes_no_writes(tmp_path):
    class Upstream:
        async def tags(self, *_):
            return ["b", "A", "c"]

    async with opened(tmp_path / "data", upstream=Upstream()) as registry:
        for method, path in [
            ("POST", "/v2/a/blobs/uploads/"),
            ("PUT", "/v2/a/manifests/x"),
            ("DELETE", "/v2/a/manifests/x"),
            ("DELETE", f"/v2/a/blobs/{ABSENT}"),
        ]:
            answer = await registry.request(method, path, b"{}")
            assert (answer.status, answer.code) == (405, "UNSUPPORTED")
        answer = await registry.get("/v2/a/tags/list?n=2")
        assert answer.json == {"name": "a", "tags": ["A", "b"]}
        assert ANYBODY.name == ""


async def test_configured_headers_are_on_every_answer(tmp_path):
    http = {"headers": {"Strict-Transport-Security": ["max-age=1"]}}
    async with opened(tmp_path / "data", http=http) as registry:
        for path in ("/v2/", "/v2/x/tags/list"):
            answer = await registry.get(path)
            assert answer.headers["strict-transport-security"] == "max-age=1"
