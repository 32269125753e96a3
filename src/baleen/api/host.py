"""What a container asks of its host: HostConfig and the types inside it.

See: Engine API v1.55, definitions Resources, HostConfig, Mount and theirs.
"""

from __future__ import annotations

from msgspec import field

from baleen.api.wire import Int, UInt, UInt16, UInt32, Wire, pascal

__all__ = [
    "BindOptions",
    "ContainerUpdateBody",
    "ContainerUpdateResponse",
    "DeviceMapping",
    "DeviceRequest",
    "DriverConfig",
    "HostConfig",
    "ImageOptions",
    "LogConfig",
    "Mount",
    "PortBinding",
    "Resources",
    "RestartPolicy",
    "ThrottleDevice",
    "TmpfsOptions",
    "Ulimit",
    "VolumeOptions",
    "WeightDevice",
]


class DeviceMapping(Wire, frozen=True):
    """A host device shown in a container; permissions are letters of `rwm`."""

    path_on_host: str = ""
    path_in_container: str = ""
    cgroup_permissions: str = ""


class DeviceRequest(Wire, frozen=True, rename=pascal(device_ids="DeviceIDs")):
    """Devices wanted by driver and capability (GPUs, CDI)."""

    driver: str = ""
    count: Int = 0
    device_ids: list[str] = field(default_factory=list)
    capabilities: list[list[str]] = field(default_factory=list)
    options: dict[str, str] = field(default_factory=dict)

    null_empty = frozenset({"device_ids", "capabilities", "options"})


class ThrottleDevice(Wire, frozen=True):
    """A rate for one block device: bytes or operations each second."""

    path: str = ""
    rate: UInt = 0


class WeightDevice(Wire, frozen=True):
    """A block I/O weight (10 to 1000) for one device."""

    path: str = ""
    weight: UInt16 = 0


class Ulimit(Wire, frozen=True):
    """One setrlimit(2) limit by its short name (`nofile`); -1 is unlimited."""

    name: str = ""
    hard: Int = 0
    soft: Int = 0


class DriverConfig(Wire, frozen=True):
    """A volume driver and its options, inside a mount."""

    name: str = ""
    options: dict[str, str] = field(default_factory=dict)

    omit_empty = frozenset({"name", "options"})


class BindOptions(Wire, frozen=True):
    """Options of a mount of type `bind`."""

    propagation: str = ""
    non_recursive: bool = False
    create_mountpoint: bool = False
    read_only_non_recursive: bool = False
    read_only_force_recursive: bool = False

    omit_empty = frozenset(
        {
            "propagation",
            "non_recursive",
            "create_mountpoint",
            "read_only_non_recursive",
            "read_only_force_recursive",
        }
    )


class VolumeOptions(Wire, frozen=True):
    """Options of a mount of type `volume`."""

    no_copy: bool = False
    labels: dict[str, str] = field(default_factory=dict)
    driver_config: DriverConfig | None = None
    subpath: str = ""

    omit_empty = frozenset({"no_copy", "labels", "driver_config", "subpath"})


class ImageOptions(Wire, frozen=True):
    """Options of a mount of type `image`."""

    subpath: str = ""

    omit_empty = frozenset({"subpath"})


class TmpfsOptions(Wire, frozen=True):
    """Options of a mount of type `tmpfs`; size in bytes (0: half of memory), mode as a number."""

    size_bytes: Int = 0
    mode: UInt32 = 0
    options: list[list[str]] = field(default_factory=list)

    omit_empty = frozenset({"size_bytes", "mode", "options"})


class Mount(Wire, frozen=True):
    """One entry of `--mount`; type is bind, volume, tmpfs, image, npipe or cluster."""

    type: str = ""
    source: str = ""
    target: str = ""
    read_only: bool = False
    consistency: str = ""
    bind_options: BindOptions | None = None
    volume_options: VolumeOptions | None = None
    image_options: ImageOptions | None = None
    tmpfs_options: TmpfsOptions | None = None

    omit_empty = frozenset(
        {
            "type",
            "source",
            "target",
            "read_only",
            "consistency",
            "bind_options",
            "volume_options",
            "image_options",
            "tmpfs_options",
        }
    )


class RestartPolicy(Wire, frozen=True):
    """When an ended container starts again: "", no, always, unless-stopped, on-failure."""

    name: str = ""
    maximum_retry_count: Int = 0


class LogConfig(Wire, frozen=True):
    """A log driver and its options; an empty type is the daemon's default driver."""

    type: str = ""
    config: dict[str, str] = field(default_factory=dict)


class PortBinding(Wire, frozen=True):
    """A host address and port (text: "", "8080" or "8000-8010") for a container's port."""

    host_ip: str = ""
    host_port: str = ""


_RESOURCE_NAMES = pascal(
    blkio_device_read_iops="BlkioDeviceReadIOps",
    blkio_device_write_iops="BlkioDeviceWriteIOps",
    io_maximum_iops="IOMaximumIOps",
    io_maximum_bandwidth="IOMaximumBandwidth",
    container_id_file="ContainerIDFile",
    uts_mode="UTSMode",
)

_RESOURCE_NULLS = frozenset(
    {
        "blkio_device_read_bps",
        "blkio_device_write_bps",
        "blkio_device_read_iops",
        "blkio_device_write_iops",
        "device_cgroup_rules",
        "device_requests",
        "ulimits",
    }
)


class Resources(Wire, frozen=True, rename=_RESOURCE_NAMES):
    """Limits: memory in bytes, CPU periods and quotas in microseconds; 0 is "no limit given".

    None says that the client did not speak of it: `memory_swappiness`, `oom_kill_disable` and
    `pids_limit` (where 0 and -1 mean unlimited).
    """

    cpu_shares: Int = 0
    memory: Int = 0
    nano_cpus: Int = 0
    cgroup_parent: str = ""
    blkio_weight: UInt16 = 0
    blkio_weight_device: list[WeightDevice] = field(default_factory=list)
    blkio_device_read_bps: list[ThrottleDevice] = field(default_factory=list)
    blkio_device_write_bps: list[ThrottleDevice] = field(default_factory=list)
    blkio_device_read_iops: list[ThrottleDevice] = field(default_factory=list)
    blkio_device_write_iops: list[ThrottleDevice] = field(default_factory=list)
    cpu_period: Int = 0
    cpu_quota: Int = 0
    cpu_realtime_period: Int = 0
    cpu_realtime_runtime: Int = 0
    cpuset_cpus: str = ""
    cpuset_mems: str = ""
    devices: list[DeviceMapping] = field(default_factory=list)
    device_cgroup_rules: list[str] = field(default_factory=list)
    device_requests: list[DeviceRequest] = field(default_factory=list)
    kernel_memory: Int = 0
    kernel_memory_tcp: Int = field(default=0, name="KernelMemoryTCP")
    memory_reservation: Int = 0
    memory_swap: Int = 0
    memory_swappiness: Int | None = None
    oom_kill_disable: bool | None = None
    pids_limit: Int | None = None
    ulimits: list[Ulimit] = field(default_factory=list)
    cpu_count: Int = 0
    cpu_percent: Int = 0
    io_maximum_iops: UInt = 0
    io_maximum_bandwidth: UInt = 0

    omit_empty = frozenset({"kernel_memory", "kernel_memory_tcp"})
    null_empty = _RESOURCE_NULLS


class HostConfig(Resources, frozen=True, rename=_RESOURCE_NAMES):
    """Everything of a container that depends on this host.

    None has a meaning in: `init` (the daemon's default), `masked_paths` and `readonly_paths`
    (the default lists; empty lists mask nothing).
    """

    binds: list[str] = field(default_factory=list)
    container_id_file: str = ""
    log_config: LogConfig = LogConfig()
    network_mode: str = ""
    port_bindings: dict[str, list[PortBinding]] = field(default_factory=dict)
    restart_policy: RestartPolicy = RestartPolicy()
    auto_remove: bool = False
    volume_driver: str = ""
    volumes_from: list[str] = field(default_factory=list)
    console_size: list[UInt] = field(default_factory=lambda: [0, 0])
    annotations: dict[str, str] = field(default_factory=dict)
    cap_add: list[str] = field(default_factory=list)
    cap_drop: list[str] = field(default_factory=list)
    cgroupns_mode: str = ""
    dns: list[str] = field(default_factory=list)
    dns_options: list[str] = field(default_factory=list)
    dns_search: list[str] = field(default_factory=list)
    extra_hosts: list[str] = field(default_factory=list)
    group_add: list[str] = field(default_factory=list)
    ipc_mode: str = ""
    cgroup: str = ""
    links: list[str] = field(default_factory=list)
    oom_score_adj: Int = 0
    pid_mode: str = ""
    privileged: bool = False
    publish_all_ports: bool = False
    readonly_rootfs: bool = False
    security_opt: list[str] = field(default_factory=list)
    storage_opt: dict[str, str] = field(default_factory=dict)
    tmpfs: dict[str, str] = field(default_factory=dict)
    uts_mode: str = ""
    userns_mode: str = ""
    shm_size: Int = 0
    sysctls: dict[str, str] = field(default_factory=dict)
    runtime: str = ""
    isolation: str = ""
    mounts: list[Mount] = field(default_factory=list)
    masked_paths: list[str] | None = None
    readonly_paths: list[str] | None = None
    init: bool | None = None

    omit_empty = Resources.omit_empty | frozenset(
        {"annotations", "storage_opt", "tmpfs", "sysctls", "runtime", "mounts", "init"}
    )
    null_empty = _RESOURCE_NULLS | frozenset(
        {
            "binds",
            "volumes_from",
            "cap_add",
            "cap_drop",
            "extra_hosts",
            "group_add",
            "links",
            "security_opt",
        }
    )


class ContainerUpdateBody(Resources, frozen=True, rename=_RESOURCE_NAMES):
    """Body of /containers/{id}/update; a zero value means "leave as it is"."""

    restart_policy: RestartPolicy = RestartPolicy()


class ContainerUpdateResponse(Wire, frozen=True):
    """Answer of /containers/{id}/update."""

    warnings: list[str] = field(default_factory=list)
