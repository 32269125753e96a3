"""The daemon's settings that concern networks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from baleen.network.ipam import DEFAULT_ADDRESS_POOLS

__all__ = ["NetworkConfig"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkConfig:
    """The daemon's settings that concern networks.

    Attributes:
        exec_root: run folder; the manager owns its subfolder `networks`.
        bridge: name of the default network's bridge.
        bip: address and prefix of that bridge ("" = first free pool).
        table: name of the nftables table (family ip) that is ours alone.
        address_pools: blocks and prefix lengths from which subnets are cut.
        localhost6: forward [::1] to published TCP ports, through the daemon.
        port_forwarder: socket of the process that publishes ports on the host, where this network
            namespace is not the host's; None where it is.
        resolv_conf: the host's file; resolved_conf: the upstream servers of systemd-resolved,
            which are used when the former names only the local stub.
    """

    exec_root: Path
    bridge: str = "baleen0"
    bip: str = ""
    table: str = "baleen"
    address_pools: tuple[tuple[str, int], ...] = DEFAULT_ADDRESS_POOLS
    mtu: int = 1500
    icc: bool = True
    ip_masquerade: bool = True
    ip_forward: bool = True
    default_binding: str = "0.0.0.0"  # noqa: S104  # Docker's default for -p without an address
    localhost6: bool = False
    port_forwarder: Path | None = None
    resolv_conf: Path = Path("/etc/resolv.conf")
    resolved_conf: Path = Path("/run/systemd/resolve/resolv.conf")
    hosts: Path = Path("/etc/hosts")
