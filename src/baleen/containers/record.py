"""The durable record of one container, and the two JSON shapes in which the API shows it.

A record is a frozen value: a change is `msgspec.structs.replace` made by `ContainerStore.update`,
so an encoded form may be cached for as long as the record is the same object.

Times are RFC 3339 strings in UTC with nanoseconds, as the API has them; `ZERO_TIME` means never.
"""

from __future__ import annotations

from typing import Final

import msgspec

from baleen.api import (
    ContainerConfig,
    EndpointSettings,
    Health,
    HostConfig,
    MountPoint,
    OCIDescriptor,
    PortBinding,
)
from baleen.containers.state import Status
from baleen.network.network import Endpoint, PublishedPort  # msgspec reads it

__all__ = ["ZERO_TIME", "ContainerRecord", "decode_record", "encode_record"]

ZERO_TIME: Final = "0001-01-01T00:00:00Z"


class ContainerRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Everything that has to survive the daemon about one container.

    Attributes:
        name: without the API's leading slash.
        image_id: digest of the image that the container was made from; `config.image` is the
            name that the client used.
        chain_id: chain id of the image's topmost layer; key of the snapshot's parent.
        manifest: of the image for the container's platform, as the API shows it.
        path, args: what is executed: entrypoint and command after merging with the image's.
        config: the client's configuration merged with the image's.
        mounts: where volumes, binds and tmpfs are mounted.
        endpoints: attachment per network name, addresses filled in while active.
        wanted_macs: the MAC addresses that the user asked for, by network name.
        active_endpoints, published: what the networks gave to the current run; kept so that a
            new daemon can take a running container over.
        ports: published ports as bound now: {"80/tcp": [binding]}; null where only exposed.
        status, pid, exit_code, error, oom_killed, started_at, finished_at: the `State` of the API.
        manually_stopped: the user asked for the stop, so `unless-stopped` does not start it again.
        apparmor_profile: of the last run, "" where there was no AppArmor.
        process_label, mount_label: SELinux contexts, given when the container was made.
        state_dir: directory with hostname, hosts, resolv.conf and the log.
    """

    id: str
    name: str
    created: str
    path: str
    args: list[str] = []
    image_id: str
    chain_id: str = ""
    manifest: OCIDescriptor | None = None
    platform: str = "linux"
    driver: str = "overlayfs"
    config: ContainerConfig
    host_config: HostConfig
    mounts: list[MountPoint] = []
    endpoints: dict[str, EndpointSettings] = {}
    ports: dict[str, list[PortBinding] | None] = {}
    wanted_macs: dict[str, str] = {}
    active_endpoints: list[Endpoint] = []
    published: list[PublishedPort] = []
    sandbox_id: str = ""
    status: Status = Status.CREATED
    pid: int = 0
    exit_code: int = 0
    error: str = ""
    oom_killed: bool = False
    started_at: str = ZERO_TIME
    finished_at: str = ZERO_TIME
    health: Health | None = None
    restart_count: int = 0
    manually_stopped: bool = False
    apparmor_profile: str = ""
    process_label: str = ""
    mount_label: str = ""
    state_dir: str = ""
    log_path: str = ""

    @property
    def is_running(self) -> bool:
        """Whether a process of the container is alive (running or paused)."""
        return self.status in (Status.RUNNING, Status.PAUSED)


def encode_record(record: ContainerRecord) -> bytes:
    """Return the document that the database stores."""
    return msgspec.json.encode(record)


_DECODER: Final = msgspec.json.Decoder(ContainerRecord)


def decode_record(document: bytes) -> ContainerRecord:
    """Return the record of a stored document.

    Raises:
        msgspec.ValidationError: the document is not a record of this schema version.
    """
    return _DECODER.decode(document)
