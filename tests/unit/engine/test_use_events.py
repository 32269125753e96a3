from __future__ import annotations

from baleen.api import ContainerConfig, HostConfig, MountPoint
from baleen.containers.record import ContainerRecord
from baleen.engine.use_events import publish_release, publish_use
from baleen.network.network import Endpoint

ID = "c" * 64
RECORD = ContainerRecord(
    id=ID,
    name="cc",
    created="2027-01-15T08:00:00Z",
    path="sh",
    image_id="i",
    config=ContainerConfig(),
    host_config=HostConfig(),
    mounts=[
        MountPoint(type="bind", source="/tmp", destination="/t"),
        MountPoint(type="volume", name="vol", destination="/v", driver="local", rw=False),
    ],
    active_endpoints=[
        Endpoint(
            id="e",
            network_id="n",
            network_name="own",
            driver="bridge",
            container_id=ID,
            container_name="cc",
        )
    ],
)


class Bus:
    def __init__(self):
        self.seen = []

    def publish_with(self, *event):
        self.seen.append(event)


def test_use_and_release_mirror_each_other():
    bus = Bus()
    publish_use(bus, RECORD)
    publish_release(bus, RECORD)
    network = {"container": ID, "name": "own", "type": "bridge"}
    assert bus.seen == [
        ("network", "connect", "n", network),
        (
            "volume",
            "mount",
            "vol",
            {
                "container": ID,
                "destination": "/v",
                "driver": "local",
                "propagation": "",
                "read/write": "false",
            },
        ),
        ("network", "disconnect", "n", network),
        ("volume", "unmount", "vol", {"container": ID, "driver": "local"}),
    ]


def test_a_container_that_uses_nothing_is_silent():
    bus = Bus()
    alone = ContainerRecord(
        id=ID,
        name="cc",
        created="",
        path="sh",
        image_id="i",
        config=ContainerConfig(),
        host_config=HostConfig(),
    )
    publish_use(bus, alone)
    publish_release(bus, alone)
    assert bus.seen == []
