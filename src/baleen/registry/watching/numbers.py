"""The numbers that parts of a registry give out, whether or not anybody reads them.

`metrics` keeps them for Prometheus. Where no debug address shows them, `Nobody` takes them: then
Prometheus' client, which is a tenth of an idle registry's memory, is not loaded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from typing import Any

__all__ = ["Count", "Level", "Nobody", "Numbers"]


class Count(Protocol):
    """Only grows."""

    def labels(self, *labelvalues: Any) -> Self:  # noqa: ANN401  # as prometheus_client has it
        """Return the one with these labels."""
        ...

    def inc(self, amount: float = 1) -> None:
        """Add `amount`."""
        ...


class Level(Protocol):
    """Goes up and down."""

    def labels(self, *labelvalues: Any) -> Self:  # noqa: ANN401  # as prometheus_client has it
        """Return the one with these labels."""
        ...

    def set(self, value: float) -> None:
        """Be `value` now."""
        ...


class Numbers(Protocol):
    """What couriers and the cache count.

    Attributes:
        events: events taken, by action.
        deliveries: envelopes sent, by endpoint and whether it `succeeded` or `failed`.
        dropped: events given up, by endpoint, because its queue was full.
        pending: events that wait, by endpoint.
        proxy_requests: by kind (`manifest`, `blob`) and result: `hit`, `miss`, `stale`, `failed`.
        proxy_pulled_bytes: of blobs from the upstream.
    """

    @property
    def events(self) -> Count: ...  # noqa: D102  # see above
    @property
    def deliveries(self) -> Count: ...  # noqa: D102  # see above
    @property
    def dropped(self) -> Count: ...  # noqa: D102  # see above
    @property
    def pending(self) -> Level: ...  # noqa: D102  # see above
    @property
    def proxy_requests(self) -> Count: ...  # noqa: D102  # see above
    @property
    def proxy_pulled_bytes(self) -> Count: ...  # noqa: D102  # see above


class _Nothing:
    def labels(self, *labelvalues: object) -> Self:
        del labelvalues
        return self

    def inc(self, amount: float = 1) -> None:
        del amount

    def set(self, value: float) -> None:
        del value


class Nobody:
    """`Numbers` that are not kept."""

    events = deliveries = dropped = pending = proxy_requests = proxy_pulled_bytes = _Nothing()
