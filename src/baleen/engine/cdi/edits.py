"""Container edits applied to a config.json.

See: CDI specification, "Container Edits"; OCI runtime-spec config.md, config-linux.md.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Any, cast

import msgspec

from baleen.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Sequence

    from baleen.engine.cdi.spec_file import DeviceNode, Edits, Hook, Mount

__all__ = ["apply_edits"]

_KINDS = {stat.S_IFBLK: "b", stat.S_IFCHR: "c", stat.S_IFIFO: "p"}


def apply_edits(document: dict[str, Any], edits: Edits) -> None:
    """Edit the document in place; reads the numbers of device nodes from the host.

    Raises:
        InvalidArgument: a device node is not there or not what the edits say; a hook that would
            run after the container's end. The document is then of no use.
    """
    process = document["process"]
    process["env"] = _environment(process["env"], edits.env)
    for node in edits.device_nodes:
        _add_node(document, node)
    for device in edits.net_devices:
        moved = document["linux"].setdefault("netDevices", {})
        moved[device.host_interface_name] = {"name": device.name}
    _add_mounts(document, edits.mounts)
    for hook in edits.hooks:
        _add_hook(document, hook)
    if edits.intel_rdt is not None:
        document["linux"]["intelRdt"] = edits.intel_rdt  # which the runtime refuses by name
    groups = process["user"].setdefault("additionalGids", [])
    groups += [gid for gid in dict.fromkeys(edits.additional_gids) if gid and gid not in groups]


def _environment(present: Sequence[str], added: Sequence[str]) -> list[str]:
    variables = {entry.partition("=")[0]: entry for entry in present}
    for entry in added:
        variables[entry.partition("=")[0]] = entry
    return list(variables.values())


def _add_node(document: dict[str, Any], node: DeviceNode) -> None:
    kind, major, minor = _numbers(node)
    user = document["process"]["user"]
    device: dict[str, object] = {"path": node.path, "type": kind, "major": major, "minor": minor}
    if node.file_mode is not None:
        device["fileMode"] = node.file_mode
    device["uid"] = user["uid"] if node.uid is None else node.uid
    device["gid"] = user["gid"] if node.gid is None else node.gid
    linux = document["linux"]
    linux["devices"] = [
        *(other for other in linux["devices"] if other["path"] != node.path), device,
    ]  # fmt: skip
    if kind in "bc" and node.permissions != "none":
        linux["resources"]["devices"].append(
            {
                "allow": True,
                "type": kind,
                "major": major,
                "minor": minor,
                "access": node.permissions or "rwm",
            }
        )


def _numbers(node: DeviceNode) -> tuple[str, int, int]:
    """Return type, major and minor; those that are not given are the host's."""
    if node.type == "p" or (node.type and node.major):
        return node.type, node.major, node.minor
    source = node.host_path or node.path
    try:
        found = os.lstat(source)
    except OSError as err:
        reason = (err.strerror or str(err)).lower()
        raise InvalidArgument(f'failed to stat CDI host device "{source}": {reason}') from err
    kind = _KINDS.get(stat.S_IFMT(found.st_mode))
    if kind is None:
        raise InvalidArgument(f'failed to stat CDI host device "{source}": not a device node')
    if node.type not in ("", kind) and not (node.type == "u" and kind == "c"):
        raise InvalidArgument(
            f'CDI device ("{node.path}", "{source}"), host type mismatch ({node.type}, {kind})'
        )
    return kind, os.major(found.st_rdev), os.minor(found.st_rdev)


def _add_mounts(document: dict[str, Any], mounts: Sequence[Mount]) -> None:
    if not mounts:
        return
    places = {os.path.normpath(mount.container_path): mount for mount in mounts}
    kept = [mount for mount in document["mounts"] if mount["destination"] not in places]
    for place, mount in places.items():
        is_bind = not {"bind", "rbind"}.isdisjoint(mount.options)
        kept.append(
            {
                "destination": place,
                "type": mount.type or ("bind" if is_bind else "none"),
                "source": mount.host_path,
                "options": list(mount.options),
            }
        )
    document["mounts"] = sorted(kept, key=lambda mount: str(mount["destination"]).count("/"))


def _add_hook(document: dict[str, Any], hook: Hook) -> None:
    if hook.hook_name == "poststop":
        raise InvalidArgument(f'CDI hook "{hook.path}": poststop hooks are not supported')
    entry = cast(
        "dict[str, Any]",
        msgspec.to_builtins({"path": hook.path, "args": hook.args, "env": hook.env}),
    )
    if hook.timeout is not None:
        entry["timeout"] = hook.timeout
    document.setdefault("hooks", {}).setdefault(hook.hook_name, []).append(entry)
