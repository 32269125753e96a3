"""The engine itself on the wire: version, info, events, disk usage.

See: Engine API v1.55, /info, /version, /events, /system/df.
"""

from __future__ import annotations

from msgspec import field

from baleen.api.containers import ContainerSummary  # msgspec reads it
from baleen.api.images import ImageSummary  # msgspec reads it
from baleen.api.volumes import Volume  # msgspec reads it
from baleen.api.wire import Int, UInt, Wire, pascal

__all__ = [
    "BuildCacheDiskUsage",
    "Commit",
    "ComponentVersion",
    "ContainersDiskUsage",
    "DefaultAddressPool",
    "DiscoveredDevice",
    "ErrorResponse",
    "EventActor",
    "EventMessage",
    "FirewallInfo",
    "ImagesDiskUsage",
    "IndexInfo",
    "PlatformName",
    "PluginsInfo",
    "RegistryServiceConfig",
    "Runtime",
    "SwarmInfo",
    "SystemInfo",
    "SystemVersion",
    "VolumesDiskUsage",
]


class ErrorResponse(Wire, frozen=True, rename="lower"):
    """Body of every error."""

    message: str = ""


class PlatformName(Wire, frozen=True):
    """The product's name."""

    name: str = ""


class ComponentVersion(Wire, frozen=True):
    """One component of the engine and its version."""

    name: str = ""
    version: str = ""
    details: dict[str, str] = field(default_factory=dict)

    omit_empty = frozenset({"details"})


class SystemVersion(Wire, frozen=True, rename=pascal(min_api_version="MinAPIVersion")):
    """Answer of /version."""

    platform: PlatformName = PlatformName()
    components: list[ComponentVersion] = field(default_factory=list)
    version: str = ""
    api_version: str = ""
    min_api_version: str = ""
    git_commit: str = ""
    go_version: str = ""
    os: str = "linux"
    arch: str = ""
    kernel_version: str = ""
    experimental: bool = False
    build_time: str = ""

    omit_empty = frozenset({"kernel_version", "experimental", "build_time"})


class PluginsInfo(Wire, frozen=True):
    """Drivers by kind."""

    volume: list[str] = field(default_factory=list)
    network: list[str] = field(default_factory=list)
    authorization: list[str] = field(default_factory=list)
    log: list[str] = field(default_factory=list)

    null_empty = frozenset({"authorization"})


class IndexInfo(Wire, frozen=True):
    """One registry's settings."""

    name: str = ""
    mirrors: list[str] = field(default_factory=list)
    secure: bool = True
    official: bool = False


class RegistryServiceConfig(
    Wire, frozen=True, rename=pascal(insecure_registry_cidrs="InsecureRegistryCIDRs")
):
    """Settings for registries."""

    insecure_registry_cidrs: list[str] = field(default_factory=list)
    index_configs: dict[str, IndexInfo] = field(default_factory=dict)
    mirrors: list[str] = field(default_factory=list)


class Runtime(Wire, frozen=True, rename="camel"):
    """A runtime and its features."""

    path: str = ""
    runtime_args: list[str] = field(default_factory=list)
    status: dict[str, str] = field(default_factory=dict)

    omit_empty = frozenset({"path", "runtime_args", "status"})


class Commit(Wire, frozen=True, rename=pascal(id="ID")):
    """The commit of a component."""

    id: str = ""


class SwarmInfo(Wire, frozen=True, rename=pascal(node_id="NodeID")):
    """This node's place in a swarm."""

    node_id: str = ""
    node_addr: str = ""
    local_node_state: str = "inactive"
    control_available: bool = False
    error: str = ""
    remote_managers: list[str] = field(default_factory=list)

    null_empty = frozenset({"remote_managers"})


class FirewallInfo(Wire, frozen=True):
    """The firewall backend."""

    driver: str = ""
    info: list[list[str]] = field(default_factory=list)

    omit_empty = frozenset({"info"})


class DefaultAddressPool(Wire, frozen=True):
    """A pool of subnets for new networks; size is a prefix length."""

    base: str = ""
    size: Int = 0


class DiscoveredDevice(Wire, frozen=True, rename=pascal(id="ID")):
    """A device that `--device` takes by name; `source` is the driver that knows it."""

    source: str = ""
    id: str = ""


class SystemInfo(
    Wire,
    frozen=True,
    rename=pascal(
        id="ID",
        cpu_shares="CPUShares",
        cpu_set="CPUSet",
        ipv4_forwarding="IPv4Forwarding",
        nfd="NFd",
        ngoroutines="NGoroutines",
        nevents_listener="NEventsListener",
        ncpu="NCPU",
        os_version="OSVersion",
        os_type="OSType",
        cdi_spec_dirs="CDISpecDirs",
    ),
):
    """Answer of /info; memory in bytes."""

    id: str = ""
    containers: Int = 0
    containers_running: Int = 0
    containers_paused: Int = 0
    containers_stopped: Int = 0
    images: Int = 0
    driver: str = ""
    driver_status: list[list[str]] = field(default_factory=list)
    plugins: PluginsInfo = PluginsInfo()
    memory_limit: bool = False
    swap_limit: bool = False
    cpu_cfs_period: bool = False
    cpu_cfs_quota: bool = False
    cpu_shares: bool = False
    cpu_set: bool = False
    pids_limit: bool = False
    oom_kill_disable: bool = False
    ipv4_forwarding: bool = False
    debug: bool = False
    nfd: Int = 0
    ngoroutines: Int = 0
    system_time: str = ""
    logging_driver: str = ""
    cgroup_driver: str = ""
    cgroup_version: str = ""
    nevents_listener: Int = 0
    kernel_version: str = ""
    operating_system: str = ""
    os_version: str = ""
    os_type: str = "linux"
    architecture: str = ""
    index_server_address: str = "https://index.docker.io/v1/"
    registry_config: RegistryServiceConfig | None = None
    ncpu: Int = 0
    mem_total: Int = 0
    generic_resources: list[str] = field(default_factory=list)
    docker_root_dir: str = ""
    http_proxy: str = ""
    https_proxy: str = ""
    no_proxy: str = ""
    name: str = ""
    labels: list[str] = field(default_factory=list)
    experimental_build: bool = False
    server_version: str = ""
    runtimes: dict[str, Runtime] = field(default_factory=dict)
    default_runtime: str = ""
    swarm: SwarmInfo = SwarmInfo()
    live_restore_enabled: bool = True
    isolation: str = ""
    init_binary: str = ""
    containerd_commit: Commit = Commit()
    runc_commit: Commit = Commit()
    init_commit: Commit = Commit()
    security_options: list[str] = field(default_factory=list)
    product_license: str = ""
    default_address_pools: list[DefaultAddressPool] = field(default_factory=list)
    firewall_backend: FirewallInfo | None = None
    warnings: list[str] = field(default_factory=list)
    cdi_spec_dirs: list[str] = field(default_factory=list)
    discovered_devices: list[DiscoveredDevice] = field(default_factory=list)

    omit_empty = frozenset(
        {
            "cgroup_version",
            "product_license",
            "default_address_pools",
            "firewall_backend",
            "discovered_devices",
        }
    )
    null_empty = frozenset({"generic_resources", "warnings"})


class EventActor(Wire, frozen=True, rename=pascal(id="ID")):
    """The object that an event is about."""

    id: str = ""
    attributes: dict[str, str] = field(default_factory=dict)


class EventMessage(
    Wire,
    frozen=True,
    rename=pascal(
        status="status",
        id="id",
        from_="from",
        scope="scope",
        time="time",
        time_nano="timeNano",
    ),
):
    """One line of /events; the first three fields are for clients before v1.52."""

    status: str = ""
    id: str = ""
    from_: str = ""
    type: str = ""
    action: str = ""
    actor: EventActor = EventActor()
    scope: str = "local"
    time: Int = 0
    time_nano: Int = 0

    omit_empty = frozenset({"status", "id", "from_"})


class ImagesDiskUsage(Wire, frozen=True):
    """What images take; sizes in bytes."""

    active_count: Int = 0
    total_count: Int = 0
    reclaimable: Int = 0
    total_size: Int = 0
    items: list[ImageSummary] = field(default_factory=list)

    omit_empty = frozenset({"items"})


class ContainersDiskUsage(Wire, frozen=True):
    """What containers' writable layers take; sizes in bytes."""

    active_count: Int = 0
    total_count: Int = 0
    reclaimable: Int = 0
    total_size: Int = 0
    items: list[ContainerSummary] = field(default_factory=list)

    omit_empty = frozenset({"items"})


class VolumesDiskUsage(Wire, frozen=True):
    """What volumes take; sizes in bytes."""

    active_count: Int = 0
    total_count: Int = 0
    reclaimable: Int = 0
    total_size: Int = 0
    items: list[Volume] = field(default_factory=list)

    omit_empty = frozenset({"items"})


class BuildCacheDiskUsage(Wire, frozen=True):
    """What build caches take; sizes in bytes."""

    active_count: Int = 0
    total_count: Int = 0
    reclaimable: Int = 0
    total_size: Int = 0
    items: list[UInt] = field(default_factory=list)

    omit_empty = frozenset({"items"})
