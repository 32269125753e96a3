"""Containers on the wire: creation, inspection, lists, state, waiting.

See: Engine API v1.55, /containers/*.
"""

from __future__ import annotations

from msgspec import field

from baleen.api.host import HostConfig
from baleen.api.images import DriverData, OCIDescriptor  # msgspec reads it
from baleen.api.networks import EndpointSettings, NetworkingConfig, NetworkSettings
from baleen.api.wire import Empty, Int, StrSlice, UInt, UInt16, Wire, pascal

__all__ = [
    "ContainerConfig",
    "ContainerCreateBody",
    "ContainerCreateResponse",
    "ContainerInspectResponse",
    "ContainerState",
    "ContainerSummary",
    "ContainerSummaryHealth",
    "ContainerSummaryHostConfig",
    "ContainerSummaryNetworkSettings",
    "ContainerTopResponse",
    "ContainerWaitExitError",
    "ContainerWaitResponse",
    "ContainersPruneResponse",
    "FilesystemChange",
    "Health",
    "HealthConfig",
    "HealthcheckResult",
    "MountPoint",
    "PortSummary",
]


class HealthConfig(Wire, frozen=True):
    """A health check; durations in nanoseconds, 0 inherits; `test` empty inherits too."""

    test: list[str] = field(default_factory=list)
    interval: Int = 0
    timeout: Int = 0
    start_period: Int = 0
    start_interval: Int = 0
    retries: Int = 0

    omit_empty = frozenset(
        {"test", "interval", "timeout", "start_period", "start_interval", "retries"}
    )


class ContainerConfig(Wire, frozen=True):
    """What of a container does not depend on the host.

    `cmd` and `entrypoint` are None when the client did not name them (the image's are taken);
    an empty list or a list of one empty string clears the image's entrypoint. `healthcheck`,
    `stop_timeout` (seconds) are None when not given.
    """

    hostname: str = ""
    domainname: str = ""
    user: str = ""
    attach_stdin: bool = False
    attach_stdout: bool = False
    attach_stderr: bool = False
    exposed_ports: dict[str, Empty] = field(default_factory=dict)
    tty: bool = False
    open_stdin: bool = False
    stdin_once: bool = False
    env: list[str] = field(default_factory=list)
    cmd: StrSlice | None = None
    healthcheck: HealthConfig | None = None
    args_escaped: bool = False
    image: str = ""
    volumes: dict[str, Empty] = field(default_factory=dict)
    working_dir: str = ""
    entrypoint: StrSlice | None = None
    network_disabled: bool = False
    mac_address: str = ""  # before v1.44; now in EndpointSettings
    on_build: list[str] = field(default_factory=list)
    labels: dict[str, str] = field(default_factory=dict)
    stop_signal: str = ""
    stop_timeout: Int | None = None
    shell: StrSlice = field(default_factory=list)

    omit_empty = frozenset(
        {
            "exposed_ports",
            "healthcheck",
            "args_escaped",
            "network_disabled",
            "mac_address",
            "on_build",
            "stop_signal",
            "stop_timeout",
            "shell",
        }
    )
    null_empty = frozenset({"volumes"})


class ContainerCreateBody(ContainerConfig, frozen=True):
    """Body of /containers/create: the fields of ContainerConfig and two objects more."""

    host_config: HostConfig = HostConfig()
    networking_config: NetworkingConfig = NetworkingConfig()

    @property
    def config(self) -> ContainerConfig:
        """The ContainerConfig part alone."""
        names = ContainerConfig.__struct_fields__
        return ContainerConfig(**{name: getattr(self, name) for name in names})


class ContainerCreateResponse(Wire, frozen=True):
    """Answer of /containers/create."""

    id: str = ""
    warnings: list[str] = field(default_factory=list)


class ContainerWaitExitError(Wire, frozen=True):
    """Why waiting itself went wrong."""

    message: str = ""


class ContainerWaitResponse(Wire, frozen=True):
    """Answer of /containers/{id}/wait."""

    status_code: Int = 0
    error: ContainerWaitExitError | None = None

    omit_empty = frozenset({"error"})


class ContainerTopResponse(Wire, frozen=True):
    """Answer of /containers/{id}/top: one row of columns for each process."""

    titles: list[str] = field(default_factory=list)
    processes: list[list[str]] = field(default_factory=list)


class HealthcheckResult(Wire, frozen=True):
    """One probe; times are RFC 3339."""

    start: str = ""
    end: str = ""
    exit_code: Int = 0
    output: str = ""


class Health(Wire, frozen=True):
    """Health: none, starting, healthy or unhealthy, and the last probes."""

    status: str = "none"
    failing_streak: Int = 0
    log: list[HealthcheckResult] = field(default_factory=list)


class ContainerState(Wire, frozen=True, rename=pascal(oom_killed="OOMKilled")):
    """State as inspect shows it; times are RFC 3339, year 1 when it has not happened."""

    status: str = "created"
    running: bool = False
    paused: bool = False
    restarting: bool = False
    oom_killed: bool = False
    dead: bool = False
    pid: Int = 0
    exit_code: Int = 0
    error: str = ""
    started_at: str = "0001-01-01T00:00:00Z"
    finished_at: str = "0001-01-01T00:00:00Z"
    health: Health | None = None

    omit_empty = frozenset({"health"})


class MountPoint(Wire, frozen=True, rename=pascal(rw="RW")):
    """A mount that a container has."""

    type: str = ""
    name: str = ""
    source: str = ""
    destination: str = ""
    driver: str = ""
    mode: str = ""
    rw: bool = False
    propagation: str = ""

    omit_empty = frozenset({"type", "name", "driver"})


class ContainerInspectResponse(Wire, frozen=True, rename=pascal(exec_ids="ExecIDs")):
    """Answer of /containers/{id}/json."""

    id: str = ""
    created: str = ""
    path: str = ""
    args: list[str] = field(default_factory=list)
    state: ContainerState = ContainerState()
    image: str = ""
    resolv_conf_path: str = ""
    hostname_path: str = ""
    hosts_path: str = ""
    log_path: str = ""
    name: str = ""
    restart_count: Int = 0
    driver: str = ""
    platform: str = "linux"
    mount_label: str = ""
    process_label: str = ""
    app_armor_profile: str = ""
    exec_ids: list[str] = field(default_factory=list)
    host_config: HostConfig = HostConfig()
    graph_driver: DriverData | None = None
    size_rw: Int | None = None
    size_root_fs: Int | None = None
    image_manifest_descriptor: OCIDescriptor | None = None
    mounts: list[MountPoint] = field(default_factory=list)
    config: ContainerConfig = ContainerConfig()
    network_settings: NetworkSettings = NetworkSettings()

    omit_empty = frozenset({"graph_driver", "size_rw", "size_root_fs", "image_manifest_descriptor"})
    null_empty = frozenset({"exec_ids"})


class PortSummary(Wire, frozen=True, rename=pascal(ip="IP")):
    """A port in a list of containers; type is tcp, udp or sctp."""

    ip: str = ""
    private_port: UInt16 = 0
    public_port: UInt16 = 0
    type: str = "tcp"

    omit_empty = frozenset({"ip", "public_port"})


class ContainerSummaryHostConfig(Wire, frozen=True):
    """The two facts of HostConfig that a list shows."""

    network_mode: str = ""
    annotations: dict[str, str] = field(default_factory=dict)

    omit_empty = frozenset({"network_mode", "annotations"})


class ContainerSummaryNetworkSettings(Wire, frozen=True):
    """The networks of a container in a list."""

    networks: dict[str, EndpointSettings] = field(default_factory=dict)


class ContainerSummaryHealth(Wire, frozen=True):
    """Health in a list."""

    status: str = "none"
    failing_streak: Int = 0


class ContainerSummary(Wire, frozen=True, rename=pascal(image_id="ImageID")):
    """One container in /containers/json; created is in Unix seconds."""

    id: str = ""
    names: list[str] = field(default_factory=list)
    image: str = ""
    image_id: str = ""
    image_manifest_descriptor: OCIDescriptor | None = None
    command: str = ""
    created: Int = 0
    ports: list[PortSummary] = field(default_factory=list)
    size_rw: Int | None = None
    size_root_fs: Int | None = None
    labels: dict[str, str] = field(default_factory=dict)
    state: str = ""
    status: str = ""
    host_config: ContainerSummaryHostConfig = ContainerSummaryHostConfig()
    health: ContainerSummaryHealth | None = None
    network_settings: ContainerSummaryNetworkSettings = ContainerSummaryNetworkSettings()
    mounts: list[MountPoint] = field(default_factory=list)

    omit_empty = frozenset({"image_manifest_descriptor", "size_rw", "size_root_fs", "health"})


class FilesystemChange(Wire, frozen=True):
    """One line of /containers/{id}/changes; kind 0 modified, 1 added, 2 deleted."""

    path: str = ""
    kind: UInt = 0


class ContainersPruneResponse(Wire, frozen=True):
    """Answer of /containers/prune; space in bytes."""

    containers_deleted: list[str] = field(default_factory=list)
    space_reclaimed: UInt = 0

    null_empty = frozenset({"containers_deleted"})
