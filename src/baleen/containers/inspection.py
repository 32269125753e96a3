"""The answer to /containers/{id}/json.

See: Engine API v1.55, definition ContainerInspectResponse. The address fields directly under
`NetworkSettings` (those of the default bridge) left the API with v1.52; older clients' templates
read them, so they are still written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from baleen.api.wire import to_wire
from baleen.containers.state import Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from baleen.containers.record import ContainerRecord

__all__ = ["encode_inspection"]


def encode_inspection(
    record: ContainerRecord, *, exec_ids: Sequence[str], size: tuple[int, int] | None
) -> bytes:
    """Return the JSON document; `size` is (writable layer, whole root file system) in bytes."""
    directory = record.state_dir
    document: dict[str, object] = {
        "Id": record.id,
        "Created": record.created,
        "Path": record.path,
        "Args": record.args,
        "State": _state(record),
        "Image": record.image_id,
        "ResolvConfPath": f"{directory}/resolv.conf" if directory else "",
        "HostnamePath": f"{directory}/hostname" if directory else "",
        "HostsPath": f"{directory}/hosts" if directory else "",
        "LogPath": record.log_path,
        "Name": f"/{record.name}",
        "RestartCount": record.restart_count,
        "Driver": record.driver,
        "Platform": record.platform,
        "MountLabel": record.mount_label,
        "ProcessLabel": record.process_label,
        "AppArmorProfile": record.apparmor_profile,
        "ExecIDs": list(exec_ids) or None,
        "HostConfig": to_wire(record.host_config),
        "GraphDriver": {"Data": None, "Name": record.driver},
        "Storage": {"RootFS": {"Snapshot": {"Name": record.driver}}},
        "Mounts": to_wire(record.mounts),
        "Config": to_wire(record.config),
        "NetworkSettings": _network_settings(record),
    }
    if record.manifest is not None:
        document["ImageManifestDescriptor"] = to_wire(record.manifest)
    if size is not None:
        document["SizeRw"], document["SizeRootFs"] = size
    return msgspec.json.encode(document)


def _state(record: ContainerRecord) -> dict[str, object]:
    status = record.status
    state: dict[str, object] = {
        "Status": status.value,
        # A container between two starts of its restart policy counts as running.
        "Running": status.is_active,
        "Paused": status is Status.PAUSED,
        "Restarting": status is Status.RESTARTING,
        "OOMKilled": record.oom_killed,
        "Dead": status is Status.DEAD,
        "Pid": record.pid,
        "ExitCode": record.exit_code,
        "Error": record.error,
        "StartedAt": record.started_at,
        "FinishedAt": record.finished_at,
    }
    if record.health is not None:
        state["Health"] = to_wire(record.health)
    return state


def _network_settings(record: ContainerRecord) -> dict[str, object]:
    settings: dict[str, object] = {
        "Bridge": "",
        "SandboxID": record.sandbox_id,
        "SandboxKey": f"/proc/{record.pid}/ns/net" if record.sandbox_id and record.pid else "",
        "Ports": to_wire(record.ports),
        "HairpinMode": False,
        "LinkLocalIPv6Address": "",
        "LinkLocalIPv6PrefixLen": 0,
        "SecondaryIPAddresses": None,
        "SecondaryIPv6Addresses": None,
    }
    networks = {}
    for name, endpoint in record.endpoints.items():
        networks[name] = to_wire(endpoint)
    default = record.endpoints.get("bridge")
    settings |= {
        "EndpointID": default.endpoint_id if default else "",
        "Gateway": default.gateway if default else "",
        "GlobalIPv6Address": default.global_ipv6_address if default else "",
        "GlobalIPv6PrefixLen": default.global_ipv6_prefix_len if default else 0,
        "IPAddress": default.ip_address if default else "",
        "IPPrefixLen": default.ip_prefix_len if default else 0,
        "IPv6Gateway": default.ipv6_gateway if default else "",
        "MacAddress": default.mac_address if default else "",
        "Networks": networks,
    }
    return settings
