from __future__ import annotations

import pytest

from baleen.registry.watching.metrics import Measured, Metrics, handler_of


@pytest.mark.parametrize(
    ("path", "handler"),
    [
        ("/v2/", "base"),
        ("/v2/_catalog", "catalog"),
        ("/v2/a/b/manifests/latest", "manifest"),
        ("/v2/a/blobs/sha256:0", "blob"),
        ("/v2/a/blobs/uploads/", "uploads"),
        ("/v2/a/blobs/uploads/1234", "uploads"),
        ("/v2/a/tags/list", "tags"),
        ("/v2/a/referrers/sha256:0", "referrers"),
        ("/v2/whatever", "other"),
        ("/token", "token"),
        ("/", "other"),
        ("", "other"),
    ],
)
def test_handlers(path, handler):
    assert handler_of(path) == handler


async def behind(scope, receive, send):
    await receive()
    await send({"type": "http.response.start", "status": 202, "headers": []})
    await send({"type": "http.response.body", "body": b"123"})


async def test_requests_are_counted(call):
    metrics = Metrics()
    application = Measured(behind, metrics)
    await call(application, "PUT", "/v2/a/manifests/b", body=b"12345")
    await call(application, "BREW", "/v2/a/manifests/b")
    kind, text = metrics.exposition()
    assert kind.startswith("text/plain")
    lines = text.decode().splitlines()
    for line in (
        'registry_http_requests_total{code="202",handler="manifest",method="PUT"} 1.0',
        'registry_http_requests_total{code="202",handler="manifest",method="other"} 1.0',
        'registry_http_request_size_bytes_total{handler="manifest"} 5.0',
        'registry_http_response_size_bytes_total{handler="manifest"} 6.0',
        'registry_http_in_flight_requests{handler="manifest"} 0.0',
        'registry_http_request_duration_seconds_count{handler="manifest",method="PUT"} 1.0',
    ):
        assert line in lines


async def test_a_request_that_fails_is_in_flight_no_more(call):
    async def broken(scope, receive, send):
        raise OSError("gone")

    metrics = Metrics()
    with pytest.raises(OSError, match="gone"):
        await call(Measured(broken, metrics), "GET", "/v2/")
    assert b'in_flight_requests{handler="base"} 0.0' in metrics.exposition()[1]


async def test_names_of_clients_make_no_series(call):
    metrics = Metrics()
    application = Measured(behind, metrics)
    for number in range(50):
        await call(application, "GET", f"/v2/a{number}/manifests/{number}")
        await call(application, f"M{number}", f"/x{number}")
    assert len(metrics.exposition()[1].splitlines()) < 120
