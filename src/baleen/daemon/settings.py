"""What of the daemon's configuration the engine is given."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from baleen.daemon.builder_settings import builder_gc
from baleen.daemon.cgroup_settings import cgroup_settings
from baleen.daemon.gc_settings import gc_policy
from baleen.daemon.registry_settings import registry_settings
from baleen.engine.config import EngineConfig
from baleen.engine.runtimes import Runtimes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from baleen.daemon.config import Config
    from baleen.engine.remapping import Remapping

__all__ = ["engine_config"]

_OPEN_TCP = (
    "WARNING: API is accessible on TCP without authentication: "
    "access to it is root access to this host"
)


def engine_config(
    config: Config,
    labels: Sequence[str],
    remapping: Remapping | None = None,
    runtimes: Runtimes | None = None,
) -> EngineConfig:
    """Return the engine's part; `labels` and `runtimes` stay shared, so that a reload reaches them.

    `runtimes` None: those of `config`.
    """
    open_tcp = not config.tlsverify and any(host.startswith("tcp://") for host in config.hosts)
    profile = config.seccomp_profile
    # The user's service manager is asked for nothing, see docs/adr/0011-without-root.md.
    options = ["native.cgroupdriver=cgroupfs"] if config.rootless else config.exec_opts
    driver, parent = cgroup_settings(options, config.cgroup_parent)
    return EngineConfig(
        data_root=config.data_root,
        exec_root=config.exec_root,
        cgroup_driver=driver,
        cgroup_parent=parent,
        bridge=config.bridge,
        bip=config.bip or None,
        default_address_pools=config.default_address_pools,
        nft_table=config.nft_table,
        icc=config.icc,
        ip_forward=config.ip_forward,
        ip_masquerade=config.ip_masq,
        mtu=config.mtu,
        dns=config.dns,
        dns_search=config.dns_search,
        dns_options=config.dns_opts,
        log_driver=config.log_driver,
        log_options=config.log_opts,
        default_shm_size=config.default_shm_size,
        default_ulimits=config.default_ulimits,
        default_init=config.init,
        seccomp_profile=None if profile in ("", "builtin") else profile,
        selinux_enabled=config.selinux_enabled,
        runtimes=runtimes or Runtimes(config.runtimes, config.default_runtime),
        labels=labels,
        warnings=([_OPEN_TCP] if open_tcp else []) + config.warnings,
        port_forwarder=config.port_forwarder if config.rootless else None,
        storage_driver=config.storage_driver,
        debug=config.debug,
        experimental=config.experimental,
        cdi_spec_dirs=config.cdi_spec_dirs,
        registries=registry_settings(config, os.environ),
        own_registry=config.own_registry,
        remapping=remapping,
        gc_policy=gc_policy(config.gc_keep_free, config.gc_unused_for),
        build_gc=builder_gc(config.builder),
    )
