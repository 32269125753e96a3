"""What the engine says of itself and its host: `docker info`, `version`, `system df`.

See: Engine API, /info, /version, /system/df.
"""

from __future__ import annotations

import os
import platform
from typing import TYPE_CHECKING

import msgspec

from baleen import __version__
from baleen.api import (
    Commit,
    ComponentVersion,
    DefaultAddressPool,
    DiscoveredDevice,
    FirewallInfo,
    PlatformName,
    PluginsInfo,
    RegistryServiceConfig,
    Runtime,
    SystemInfo,
    SystemVersion,
)
from baleen.api.versions import MAXIMUM_TEXT, MINIMUM_TEXT
from baleen.containers.state import Status
from baleen.containers.times import now_text
from baleen.distribution.settings import service_config
from baleen.engine import cdi
from baleen.linux.user_namespace import in_first_user_namespace

if TYPE_CHECKING:
    from baleen.containers import ContainerStore
    from baleen.distribution.settings import RegistrySettings
    from baleen.engine.config import EngineConfig
    from baleen.engine.registry_access import RegistryAccess
    from baleen.engine.security_modules import SecurityModules
    from baleen.images import ImageStore
    from baleen.linux.cgroup import CgroupDriver

__all__ = ["System"]


class System:
    """Answers about the engine and the host."""

    def __init__(
        self,
        config: EngineConfig,
        engine_id: str,
        store: ContainerStore,
        images: ImageStore,
        cgroups: CgroupDriver,
        modules: SecurityModules,
        access: RegistryAccess,
    ) -> None:
        self._config = config
        self._engine_id = engine_id
        self._store = store
        self._images = images
        self._cgroups = cgroups
        self._modules = modules
        self._access = access

    def version(self) -> SystemVersion:
        """Return versions of the engine and its API."""
        details = {
            "ApiVersion": MAXIMUM_TEXT,
            "Arch": _architecture(),
            "Experimental": str(self._config.experimental).lower(),
            "KernelVersion": os.uname().release,
            "MinAPIVersion": MINIMUM_TEXT,
            "Os": "linux",
            "PythonVersion": platform.python_version(),
        }
        return SystemVersion(
            platform=PlatformName(name="Baleen Engine"),
            components=[ComponentVersion(name="Engine", version=__version__, details=details)],
            version=__version__,
            api_version=MAXIMUM_TEXT,
            min_api_version=MINIMUM_TEXT,
            git_commit="",
            go_version="",
            os="linux",
            arch=_architecture(),
            kernel_version=os.uname().release,
            experimental=self._config.experimental,
        )

    async def info(self) -> SystemInfo:
        """Return counts, limits and settings."""
        config = self._config
        has = self._cgroups.controllers.__contains__
        store = self._store
        running, paused = store.count(Status.RUNNING), store.count(Status.PAUSED)
        name, release = _operating_system()
        devices = cdi.scan(config.cdi_spec_dirs)
        return SystemInfo(
            id=self._engine_id,
            containers=len(store),
            containers_running=running,
            containers_paused=paused,
            containers_stopped=len(store) - running - paused,
            images=self._images.count(),
            driver="overlayfs",
            driver_status=[["driver-type", "io.baleen.snapshotter.overlay"]],
            plugins=PluginsInfo(
                volume=["local"],
                network=["bridge", "host", "null"],
                log=["json-file", "none"],
            ),
            memory_limit=has("memory"),
            swap_limit=self._cgroups.limits_swap,
            cpu_cfs_period=has("cpu"),
            cpu_cfs_quota=has("cpu"),
            cpu_shares=has("cpu"),
            cpu_set=has("cpuset"),
            pids_limit=has("pids"),
            oom_kill_disable=has("memory") and self._cgroups.version == 1,
            ipv4_forwarding=_read("/proc/sys/net/ipv4/ip_forward") == "1",
            debug=config.debug,
            nfd=len(os.listdir("/proc/self/fd")),  # noqa: PTH208  # names only
            system_time=now_text(),
            logging_driver=config.log_driver,
            cgroup_driver=config.cgroup_driver if self._cgroups.controllers else "none",
            cgroup_version=str(self._cgroups.version),
            kernel_version=os.uname().release,
            operating_system=name,
            os_version=release,
            os_type="linux",
            architecture=os.uname().machine,
            registry_config=_registry_view(self._access.settings),
            http_proxy=_masked(self._access.settings.http_proxy),
            https_proxy=_masked(self._access.settings.https_proxy),
            no_proxy=self._access.settings.no_proxy,
            ncpu=len(os.sched_getaffinity(0)),
            mem_total=os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
            docker_root_dir=str(config.data_root),
            name=os.uname().nodename,
            labels=list(config.labels),
            experimental_build=config.experimental,
            server_version=__version__,
            runtimes={
                name: Runtime(path=runtime.path, runtime_args=list(runtime.args))
                for name, runtime in config.runtimes.shown().items()
            },
            default_runtime=config.runtimes.default,
            live_restore_enabled=True,
            init_binary="baleen-runtime",
            containerd_commit=Commit(),
            runc_commit=Commit(),
            init_commit=Commit(),
            security_options=self._security_options(),
            default_address_pools=[
                DefaultAddressPool(base=base, size=size)
                for base, size in config.default_address_pools
            ],
            firewall_backend=FirewallInfo(driver="nftables"),
            warnings=[
                *config.warnings,
                *self._modules.warnings,
                *self._cgroup_warnings(),
                *_cdi_warnings(devices),
            ],
            cdi_spec_dirs=list(config.cdi_spec_dirs),
            discovered_devices=[
                DiscoveredDevice(source="cdi", id=name) for name in sorted(devices.devices)
            ],
        )

    def _security_options(self) -> list[str]:
        return [
            *(["name=apparmor"] if self._modules.has_apparmor else []),
            "name=seccomp,profile=builtin",
            *(["name=selinux"] if self._modules.has_selinux else []),
            *([] if in_first_user_namespace() else ["name=rootless"]),
            *(["name=cgroupns"] if self._cgroups.version == 2 else []),
            *(["name=userns"] if self._config.remapping is not None else []),
        ]

    def _cgroup_warnings(self) -> list[str]:
        """Return dockerd's words where an ordinary user's containers cannot be limited."""
        if self._cgroups.controllers:
            return []
        remedy = (
            "To enable cgroups in rootless-mode, you need to boot the system in cgroup v2 mode."
        )
        if self._cgroups.version == 2:
            remedy = "Systemd is required to enable cgroups in rootless-mode."
        return [f"WARNING: Running in rootless-mode without cgroups. {remedy}"]


def _registry_view(settings: RegistrySettings) -> RegistryServiceConfig:
    return msgspec.convert(service_config(settings), RegistryServiceConfig)


def _masked(url: str) -> str:
    """Return a proxy without its name and password, as dockerd shows it."""
    before, at, host = url.rpartition("@")
    scheme, slashes, _ = before.partition("://")
    return f"{scheme if slashes else 'http'}://xxxxx:xxxxx@{host}" if at else url


def _cdi_warnings(found: cdi.Found) -> list[str]:
    return [
        f"CDI: Error associated with spec file {path}: {text}"
        for path, texts in found.problems.items()
        for text in texts
    ]


def _architecture() -> str:
    machine = os.uname().machine
    return {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm"}.get(machine, machine)


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:  # noqa: PTH123
            return file.read(4096).strip()
    except OSError:
        return ""


def _operating_system() -> tuple[str, str]:
    """Return PRETTY_NAME and VERSION_ID of os-release(5)."""
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return "Linux", ""
    return release.get("PRETTY_NAME", "Linux"), release.get("VERSION_ID", "")
