"""Events of networks and volumes that a container begins and ceases to use.

See: Engine API, /events; moby `daemon/events.go`, `daemon/volumes.go`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from baleen.containers.record import ContainerRecord
    from baleen.engine.events import EventBus

__all__ = ["publish_release", "publish_use"]


def publish_use(events: EventBus, record: ContainerRecord) -> None:
    """Tell that the container's networks are connected and its volumes mounted."""
    _publish_networks(events, record, "connect")
    for mount in record.mounts:
        if mount.type == "volume":
            attributes = {
                "container": record.id,
                "destination": mount.destination,
                "driver": mount.driver,
                "propagation": mount.propagation,
                "read/write": "true" if mount.rw else "false",
            }
            events.publish_with("volume", "mount", mount.name, attributes)


def publish_release(events: EventBus, record: ContainerRecord) -> None:
    """Tell the opposite; `record` as it was while the container ran."""
    _publish_networks(events, record, "disconnect")
    for mount in record.mounts:
        if mount.type == "volume":
            attributes = {"container": record.id, "driver": mount.driver}
            events.publish_with("volume", "unmount", mount.name, attributes)


def _publish_networks(events: EventBus, record: ContainerRecord, action: str) -> None:
    for endpoint in record.active_endpoints:
        attributes = {
            "container": record.id,
            "name": endpoint.network_name,
            "type": endpoint.driver,
        }
        events.publish_with("network", action, endpoint.network_id, attributes)
