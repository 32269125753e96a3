"""What the engine needs to know of the daemon's configuration."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from baleen.distribution.settings import RegistrySettings
from baleen.engine.runtimes import Runtimes
from baleen.images.disk_policy import Policy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from baleen.api import HostConfig
    from baleen.build.solver.prune import PrunePolicy
    from baleen.engine.remapping import Remapping

__all__ = ["EngineConfig"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineConfig:
    """Settled values; `baleen.daemon.config` reads them from flags and `daemon.json`.

    Attributes:
        data_root: durable state: database, images, layers, container directories, volumes.
        exec_root: what a reboot may forget: bundles, sockets, compiled seccomp programs.
        cgroup_driver: "cgroupfs" or "systemd", see `cgroup_naming`.
        cgroup_parent: absolute cgroup path, or the slice, under which each container gets its own.
        bridge: name of the default network's bridge.
        bip: address of that bridge in CIDR form, or None for the first free pool.
        default_address_pools: (base, size) pairs for networks made without a subnet.
        nft_table: name of our nftables table.
        mtu: of bridges and container interfaces.
        dns, dns_search, dns_options: defaults for containers' resolv.conf; empty: the host's.
        log_driver, log_options: defaults for containers.
        default_shm_size: bytes of /dev/shm.
        default_ulimits: name to (soft, hard).
        default_init: whether containers get an init process unless they say otherwise.
        seccomp_profile: path of a profile, "unconfined", or None for the built-in one.
        selinux_enabled: whether containers get SELinux labels, where the host has SELinux.
        runtimes: what `--runtime` may name.
        labels: of this engine, `key=value`.
        warnings: what `info` shows about the daemon's own set-up (plain TCP, …).
        port_forwarder: socket of the process that publishes ports on the host, where our network is
            not the host's (rootless).
        cdi_spec_dirs: where CDI spec files are, the later ones taking precedence; none: no CDI.
        registries: mirrors, insecure registries, certificates, proxies, limits.
        own_registry: whether a pull of `registry` makes the image of Baleen's own.
        remapping: ids of the host that containers have, None for their own (`--userns-remap`).
        gc_policy: which unused images go by themselves.
        build_gc: what of the build cache goes by itself, in this order; None: the default rules.
        storage_driver: one of `snapshots.STORAGE_DRIVERS`.
        debug: whether the daemon logs debug messages, as `info` shows it.
        experimental: whether what Docker calls so is offered: checkpoints.
    """

    data_root: Path
    exec_root: Path
    cgroup_driver: str = "cgroupfs"
    cgroup_parent: str = "/baleen"
    bridge: str = "baleen0"
    bip: str | None = None
    default_address_pools: Sequence[tuple[str, int]] = ()
    nft_table: str = "baleen"
    icc: bool = True
    ip_forward: bool = True
    ip_masquerade: bool = True
    mtu: int = 1500
    dns: Sequence[str] = ()
    dns_search: Sequence[str] = ()
    dns_options: Sequence[str] = ()
    log_driver: str = "json-file"
    log_options: Mapping[str, str] = field(default_factory=dict)
    default_shm_size: int = 64 * 1024 * 1024
    default_ulimits: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    default_init: bool = False
    seccomp_profile: str | None = None
    selinux_enabled: bool = False
    runtimes: Runtimes = field(default_factory=Runtimes)
    labels: Sequence[str] = ()
    warnings: Sequence[str] = ()
    port_forwarder: Path | None = None
    storage_driver: str = ""
    debug: bool = False
    experimental: bool = False
    cdi_spec_dirs: Sequence[str] = ()
    registries: RegistrySettings = field(default_factory=RegistrySettings)
    own_registry: bool = True
    remapping: Remapping | None = None
    gc_policy: Policy = field(default_factory=Policy)
    build_gc: tuple[PrunePolicy, ...] | None = None

    def remapping_of(self, host: HostConfig) -> Remapping | None:
        """Return the ids of a container with this configuration, None for the host's own."""
        remapping = self.remapping
        return remapping if remapping is not None and remapping.applies_to(host) else None
