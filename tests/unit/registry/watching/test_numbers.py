from __future__ import annotations

from baleen.registry.watching.metrics import Metrics
from baleen.registry.watching.numbers import Nobody


def count(numbers):
    """Use each number as those that count do."""
    numbers.events.labels("push").inc()
    numbers.deliveries.labels("ci", "failed").inc()
    numbers.dropped.labels("ci").inc(3)
    numbers.pending.labels("ci").set(4)
    numbers.proxy_requests.labels("blob", "hit").inc()
    numbers.proxy_pulled_bytes.inc(100)


def test_what_is_counted_is_shown_or_taken_by_nobody():
    count(Nobody())
    metrics = Metrics()
    count(metrics)
    shown = metrics.exposition()[1].decode()
    assert 'registry_notifications_pending{endpoint="ci"} 4.0' in shown
    assert "registry_proxy_pulled_bytes_total 100.0" in shown
