"""Prometheus metrics of a registry.

    registry_http_requests_total{handler, method, code}
    registry_http_request_duration_seconds{handler, method}      until the answer was complete
    registry_http_in_flight_requests{handler}
    registry_http_request_size_bytes_total{handler}, of answers: registry_http_response_…
    registry_notifications_*, registry_proxy_*                   see Metrics

Labels have few values whatever clients send: a handler is the kind of a route, never a name, and an
unknown method is `other`.

See: distribution's `metrics`; Prometheus, "Metric and label naming".
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

if TYPE_CHECKING:
    from collections.abc import Callable

    from baleen.registry.messages import Asgi, Message, Receive, Scope, Send

__all__ = ["Measured", "Metrics", "handler_of"]

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)


def handler_of(path: str) -> str:
    """Return the kind of route that a path belongs to."""
    if path in {"/v2/", "/v2"}:
        return "base"
    if path == "/v2/_catalog":
        return "catalog"
    if path.startswith("/token"):
        return "token"
    if not path.startswith("/v2/"):
        return "other"
    parts = path.split("/")
    if parts[-2:] == ["tags", "list"]:
        return "tags"
    if "uploads" in parts[-2:] and "blobs" in parts[-3:]:
        return "uploads"
    kinds = {"manifests": "manifest", "blobs": "blob", "referrers": "referrers"}
    return kinds.get(parts[-2], "other")


class Metrics:
    """The numbers of one registry; not shared with anything else in the process.

    Attributes:
        events: events taken, by action.
        deliveries: envelopes sent, by endpoint and whether it `succeeded` or `failed`.
        dropped: events given up, by endpoint, because its queue was full.
        pending: events that wait, by endpoint.
        proxy_requests: by kind (`manifest`, `blob`) and result: `hit`, `miss`, `stale`, `failed`.
        proxy_pulled_bytes: of blobs from the upstream.
    """

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.requests = Counter(
            "registry_http_requests",
            "Requests answered.",
            ["handler", "method", "code"],
            registry=registry,
        )
        self.duration = Histogram(
            "registry_http_request_duration_seconds",
            "Time until the answer was complete.",
            ["handler", "method"],
            buckets=_BUCKETS,
            registry=registry,
        )
        self.in_flight = Gauge(
            "registry_http_in_flight_requests",
            "Requests being answered.",
            ["handler"],
            registry=registry,
        )
        self.request_bytes = Counter(
            "registry_http_request_size_bytes",
            "Bytes of requests' bodies.",
            ["handler"],
            registry=registry,
        )
        self.response_bytes = Counter(
            "registry_http_response_size_bytes",
            "Bytes of answers' bodies.",
            ["handler"],
            registry=registry,
        )
        self.events = Counter(
            "registry_notifications_events", "Events noted.", ["action"], registry=registry
        )
        self.deliveries = Counter(
            "registry_notifications_deliveries",
            "Envelopes sent to endpoints.",
            ["endpoint", "result"],
            registry=registry,
        )
        self.dropped = Counter(
            "registry_notifications_dropped",
            "Events given up because a queue was full.",
            ["endpoint"],
            registry=registry,
        )
        self.pending = Gauge(
            "registry_notifications_pending",
            "Events that wait for their endpoint.",
            ["endpoint"],
            registry=registry,
        )
        self.proxy_requests = Counter(
            "registry_proxy_requests",
            "What the cache was asked for.",
            ["kind", "result"],
            registry=registry,
        )
        self.proxy_pulled_bytes = Counter(
            "registry_proxy_pulled_bytes", "Bytes of blobs from the upstream.", registry=registry
        )

    def exposition(self) -> tuple[str, bytes]:
        """Return content type and text of all numbers."""
        return CONTENT_TYPE_LATEST, generate_latest(self.registry)


@dataclass(slots=True)
class _Series:
    in_flight: Gauge
    duration: Histogram
    request_bytes: Counter
    response_bytes: Counter
    by_status: dict[int, Counter]


class Measured:
    """An application whose requests are counted."""

    def __init__(
        self, behind: Asgi, metrics: Metrics, *, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._behind = behind
        self._metrics = metrics
        self._clock = clock
        self._series: dict[tuple[str, str], _Series] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection scope."""
        if scope["type"] != "http":
            await self._behind(scope, receive, send)
            return
        metrics = self._metrics
        handler = handler_of(scope["path"])
        method = scope["method"] if scope["method"] in _METHODS else "other"
        began = self._clock()
        status, sent, received = 0, 0, 0

        async def watch_answer(message: Message) -> None:
            nonlocal status, sent
            if message["type"] == "http.response.start":
                status = message["status"]
            elif message["type"] == "http.response.body":
                sent += len(message.get("body", b""))
            await send(message)

        async def watch_body() -> Message:
            nonlocal received
            message = await receive()
            if message["type"] == "http.request":
                received += len(message.get("body", b""))
            return message

        series = self._series_of(handler, method)
        series.in_flight.inc()
        try:
            await self._behind(scope, watch_body, watch_answer)
        finally:
            series.in_flight.dec()
            code = series.by_status.get(status)
            if code is None:
                code = metrics.requests.labels(handler, method, str(status))
                series.by_status[status] = code
            code.inc()
            series.duration.observe(self._clock() - began)
            if received:
                series.request_bytes.inc(received)
            series.response_bytes.inc(sent)

    def _series_of(self, handler: str, method: str) -> _Series:
        """Return the series of a route; finding them by their labels takes longer than counting."""
        series = self._series.get((handler, method))
        if series is None:
            metrics = self._metrics
            series = _Series(
                metrics.in_flight.labels(handler),
                metrics.duration.labels(handler, method),
                metrics.request_bytes.labels(handler),
                metrics.response_bytes.labels(handler),
                {},
            )
            self._series[handler, method] = series
        return series
