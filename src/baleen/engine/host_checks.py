"""Checks of a create request as a whole, before anything is made.

See: Engine API v1.55 /containers/create; texts as dockerd's, which clients match on.
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Final

from baleen.api.signals import parse_signal
from baleen.engine.capability_sets import capability_names
from baleen.engine.devices import check_device_words
from baleen.engine.resource_checks import check_resources, host_resources
from baleen.engine.security_options import parse_security_options
from baleen.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Sequence

    from baleen.api import ContainerConfig, HealthConfig, HostConfig, RestartPolicy
    from baleen.engine.resource_checks import HostResources

__all__ = ["check_create", "check_environment", "check_restart_policy"]

_MAX_LIST: Final = 65536
_MILLISECOND_NS: Final = 1_000_000
_PORT: Final = re.compile(r"[0-9]{1,5}(?:-[0-9]{1,5})?(?:/(?:tcp|udp|sctp))?", re.ASCII)
_SYSCTL: Final = re.compile(r"[a-zA-Z0-9_./-]{1,256}", re.ASCII)
_HOSTNAME: Final = re.compile(r"[^\x00-\x20\x7f/]{1,64}")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_IPC_SYSCTLS: Final = ("kernel.msg", "kernel.shm", "kernel.sem", "fs.mqueue.")


def check_create(
    config: ContainerConfig, host: HostConfig, resources: HostResources | None = None
) -> list[str]:
    """Check what was asked for, and return warnings for the client.

    Args:
        config: merged with the image's.
        host: with the daemon's defaults filled in.
        resources: what this host has; None: look.

    Raises:
        InvalidArgument: the first thing that is wrong.
    """
    _check_sizes(config, host)
    _check_config(config)
    _check_restart(host)
    warnings = check_resources(host, resources or host_resources())
    _check_modes(host)
    warnings += _check_network(config, host)
    _check_host(host)
    parse_security_options(host.security_opt)
    capability_names(host)
    check_device_words(host)
    return warnings


def _check_sizes(config: ContainerConfig, host: HostConfig) -> None:
    """Refuse lists that only an attacker makes so long."""
    many: Sequence[Sequence[object] | dict[str, object]] = (
        config.env, config.cmd or (), config.entrypoint or (), host.binds, host.mounts,
        host.extra_hosts, host.dns, host.dns_search, host.dns_options, host.group_add,
        host.security_opt, host.links, host.volumes_from,
    )  # fmt: skip
    sets = (config.labels, config.exposed_ports, config.volumes, host.sysctls, host.tmpfs)
    if any(len(entries) > _MAX_LIST for entries in (*many, *sets)):
        raise InvalidArgument(f"a list in the request has more than {_MAX_LIST} entries")


def _check_config(config: ContainerConfig) -> None:
    if config.hostname and _HOSTNAME.fullmatch(config.hostname) is None:
        raise InvalidArgument(f"invalid hostname format: {config.hostname[:128]}")
    if len(config.domainname) > 64 or "\0" in config.domainname:
        raise InvalidArgument(f"invalid domain name: {config.domainname[:128]!r}")
    if config.working_dir and not config.working_dir.startswith("/"):
        raise InvalidArgument(
            f"the working directory '{config.working_dir[:256]}' is invalid, "
            "it needs to be an absolute path"
        )
    check_environment(config.env)
    for text in (*(config.entrypoint or ()), *(config.cmd or ()), config.working_dir, config.user):
        if "\0" in text:
            raise InvalidArgument("invalid argument: it holds a NUL character")
    if config.stop_signal:
        parse_signal(config.stop_signal)
    if config.stop_timeout is not None and config.stop_timeout < -1:
        raise InvalidArgument(f"invalid stop timeout {config.stop_timeout}: want -1 or more")
    for port in config.exposed_ports:
        if _PORT.fullmatch(port) is None:
            raise InvalidArgument(f'invalid port specification: "{port[:64]}"')
    if config.healthcheck is not None:
        _check_health(config.healthcheck)


def check_environment(entries: Sequence[str]) -> None:
    """Check variables: each has a name, and none a NUL.

    Raises:
        InvalidArgument: naming the entry.
    """
    for entry in entries:
        if not entry or entry.startswith("=") or "\0" in entry:
            # The value may be a secret, and messages go into the log.
            name = entry.partition("=")[0].replace("\0", "")
            raise InvalidArgument(f"invalid environment variable: {name[:64]}=...")


def _check_health(health: HealthConfig) -> None:
    for name, value in (
        ("Interval", health.interval),
        ("Timeout", health.timeout),
        ("StartPeriod", health.start_period),
        ("StartInterval", health.start_interval),
    ):
        if value and value < _MILLISECOND_NS:
            raise InvalidArgument(f"{name} in Healthcheck cannot be less than 1ms")
    if health.retries < 0:
        raise InvalidArgument("Retries in Healthcheck cannot be negative")
    if health.test and health.test[0] not in ("", "NONE", "CMD", "CMD-SHELL"):
        raise InvalidArgument(f"unknown type '{health.test[0][:64]}' in Healthcheck")


# --- restart policy --------------------------------------------------------------------------


def check_restart_policy(policy: RestartPolicy) -> None:
    """Check name and count.

    Raises:
        InvalidArgument: an unknown name, or a count where it has no meaning.
    """
    if policy.name not in ("", "no", "always", "unless-stopped", "on-failure"):
        raise InvalidArgument(
            f"invalid restart policy: unknown policy '{policy.name[:64]}'; use one of 'no', "
            "'always', 'on-failure', or 'unless-stopped'"
        )
    if policy.maximum_retry_count < 0:
        raise InvalidArgument("invalid restart policy: maximum retry count cannot be negative")
    if policy.maximum_retry_count and policy.name != "on-failure":
        raise InvalidArgument(
            "invalid restart policy: maximum retry count can only be used with 'on-failure'"
        )


def _check_restart(host: HostConfig) -> None:
    check_restart_policy(host.restart_policy)
    if host.auto_remove and host.restart_policy.name not in ("", "no"):
        raise InvalidArgument("can't create 'AutoRemove' container with restart policy")


# --- modes and network -----------------------------------------------------------------------


def _check_modes(host: HostConfig) -> None:
    modes = (
        ("PID", host.pid_mode, ("", "host", "private")),
        ("IPC", host.ipc_mode, ("", "host", "none", "private", "shareable")),
        ("UTS", host.uts_mode, ("", "host")),
        ("user", host.userns_mode, ("", "host")),
        ("cgroup namespace", host.cgroupns_mode, ("", "host", "private")),
    )
    for name, mode, allowed in modes:
        joins = name in ("PID", "IPC") and len(mode) > 10 and mode.startswith("container:")
        if mode not in allowed and not joins:
            raise InvalidArgument(f"invalid {name} mode: {mode[:128]}")
    if host.network_mode == "container:":
        raise InvalidArgument("invalid network mode: container reference cannot be empty")
    if host.isolation not in ("", "default"):
        raise InvalidArgument(f"invalid isolation '{host.isolation[:64]}' on linux")


def _check_network(config: ContainerConfig, host: HostConfig) -> list[str]:
    mode = host.network_mode
    if host.uts_mode == "host" and config.hostname:
        raise InvalidArgument("conflicting options: hostname and the UTS mode")
    if mode.startswith("container:"):
        _check_joined_network(config, host)
    if mode == "host":
        if host.links:
            raise InvalidArgument(
                "conflicting options: host type networking can't be used with links. "
                "This would result in undefined behavior"
            )
        if host.port_bindings:
            return ["Published ports are discarded when using host network mode"]
    return []


def _check_joined_network(config: ContainerConfig, host: HostConfig) -> None:
    """Refuse what only the container that owns the network namespace can have."""
    conflicts = (
        (bool(config.hostname), "hostname and the network mode"),
        (
            bool(host.links),
            (
                "container type network can't be used with links. "
                "This would result in undefined behavior"
            ),
        ),
        (bool(host.dns), "dns and the network mode"),
        (bool(host.extra_hosts), "custom host-to-IP mapping and the network mode"),
        (bool(config.mac_address), "mac-address and the network mode"),
        (
            bool(host.port_bindings) or host.publish_all_ports,
            "port publishing and the container type network mode",
        ),
    )
    for is_conflict, text in conflicts:
        if is_conflict:
            raise InvalidArgument(f"conflicting options: {text}")


# --- the rest ----------------------------------------------------------------------------------


def _check_host(host: HostConfig) -> None:
    if not -1000 <= host.oom_score_adj <= 1000:
        raise InvalidArgument(
            f"Invalid value {host.oom_score_adj}, range for oom score adj is [-1000, 1000]"
        )
    if ".." in host.cgroup_parent.split("/") or _CONTROL.search(host.cgroup_parent):
        raise InvalidArgument(f"invalid cgroup parent: {host.cgroup_parent[:128]!r}")
    if host.shm_size < 0:
        raise InvalidArgument("SHM size can not be less than 0")
    if host.storage_opt:
        raise InvalidArgument(
            "--storage-opt is supported only for overlay over xfs with 'pquota' mount option"
        )
    for address in host.dns:
        _check_address(address, f"invalid DNS address: {address[:64]!r}")
    for entry in host.extra_hosts:
        name, separator, address = entry.partition(":")
        if not separator or not name or "\n" in name:
            raise InvalidArgument(f'bad format for add-host: "{entry[:256]}"')
        if address != "host-gateway":
            _check_address(address.strip("[]"), f'invalid IP address in add-host: "{address[:64]}"')
    _check_sysctls(host)


def _check_address(text: str, message: str) -> None:
    try:
        ipaddress.ip_address(text)
    except ValueError as err:
        raise InvalidArgument(message) from err


def _check_sysctls(host: HostConfig) -> None:
    own_network = host.network_mode != "host" and not host.network_mode.startswith("container:")
    for name, value in host.sysctls.items():
        dotted = name.replace("/", ".")
        if _SYSCTL.fullmatch(name) is None or ".." in dotted or "\0" in value:
            raise InvalidArgument(f"sysctl {name[:256]!r} is malformed")
        if dotted.startswith("net."):
            if not own_network:
                raise InvalidArgument(f"sysctl '{name}' not allowed in host network namespace")
        elif dotted.startswith(_IPC_SYSCTLS):
            if host.ipc_mode == "host":
                raise InvalidArgument(f"sysctl '{name}' not allowed in host ipc namespace")
        elif dotted != "kernel.domainname":
            raise InvalidArgument(
                f"sysctl '{name}' is not allowed: it is not of a namespace of the container"
            )
