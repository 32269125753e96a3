"""Events as endpoints get them: distribution's envelope, `{"events": [...]}`.

See: distribution's documentation, "Notifications", "Events".
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

    from baleen.registry.events import Event

__all__ = ["MEDIA_TYPE", "Source", "encode_event", "envelope"]

MEDIA_TYPE = "application/vnd.docker.distribution.events.v2+json"


@dataclass(frozen=True, slots=True)
class Source:
    """Who sends: address of the registry, and a text that is another after each start."""

    address: str
    instance_id: str


def encode_event(event: Event, source: Source, url_base: str, now: float) -> bytes:
    """Return one event as JSON, with a new id.

    Args:
        event: what happened.
        source: where.
        url_base: URL of the registry from the configuration; empty leaves `target.url` empty, as no
            header of a request is trusted for it.
        now: seconds since the epoch.
    """
    target: dict[str, object] = {"repository": event.repository}
    if event.digest:
        # A `Digest` is a kind of str that msgspec does not know.
        target |= {"mediaType": event.media_type, "digest": str(event.digest)}
        target |= {"size": event.size, "length": event.size}
        if url_base:
            target["url"] = _url(event, url_base)
    if event.tag:
        target["tag"] = event.tag
    if event.source:
        target["fromRepository"] = event.source
    when = datetime.fromtimestamp(now, UTC).isoformat().replace("+00:00", "Z")
    document: dict[str, object] = {
        "id": str(uuid.uuid4()),
        "timestamp": when,
        "action": event.action.value,
        "target": target,
        "request": _request(event),
        "actor": {"name": event.actor.name} if event.actor.name else {},
        "source": {"addr": source.address, "instanceID": source.instance_id},
    }
    return msgspec.json.encode(document)


def envelope(events: Iterable[bytes]) -> bytes:
    """Put encoded events into one envelope."""
    return b'{"events":[' + b",".join(events) + b"]}"


def _url(event: Event, url_base: str) -> str:
    kind = "blobs" if event.media_type == "application/octet-stream" else "manifests"
    return f"{url_base.rstrip('/')}/v2/{event.repository}/{kind}/{event.digest}"


def _request(event: Event) -> dict[str, object]:
    request = event.request
    if request is None:
        return {}
    return {
        "id": request.id,
        "addr": request.client,
        "host": request.headers.get("host", ""),
        "method": request.method,
        "useragent": request.headers.get("user-agent", ""),
    }
