"""Host devices in a container: the nodes to make, and what its device cgroup allows.

See: `docker run --device`, `--device-cgroup-rule` and `--privileged`; OCI runtime-spec
config-linux.md, Devices and Allowed Device list.
"""

from __future__ import annotations

import os
import re
import stat
from typing import TYPE_CHECKING, Final

from baleen.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from baleen.api import DeviceMapping, HostConfig

__all__ = ["check_device_words", "device_nodes", "device_rules"]

Document = dict[str, object]

_RULE: Final = re.compile(r"([acb]) ([0-9]{1,10}|\*):([0-9]{1,10}|\*) ([rwm]{1,3})", re.ASCII)
_MAX_NODES: Final = 4096
_MAX_NUMBER: Final = 2**32 - 1

# What may be used in every container: null zero full random urandom tty console ptmx and the
# pseudo terminals; making any node is allowed, using it is not.
_ALWAYS: Final = (
    ("c", 1, 3), ("c", 1, 5), ("c", 1, 7), ("c", 1, 8), ("c", 1, 9),
    ("c", 5, 0), ("c", 5, 1), ("c", 5, 2), ("c", 136, None),
)  # fmt: skip

# Not copied by --privileged: a container has its own of these.
_OWN_DIRECTORIES: Final = frozenset({"pts", "shm", "fd", "mqueue", ".lxc", ".lxd-mounts", ".udev"})


def check_device_words(host: HostConfig) -> None:
    """Check rules, permissions and paths as text; whether a device is there shows at the start.

    Raises:
        InvalidArgument: the first that is malformed.
    """
    if max(len(host.device_cgroup_rules), len(host.devices)) > _MAX_NODES:
        raise InvalidArgument(f"too many devices or device rules: more than {_MAX_NODES}")
    for text in host.device_cgroup_rules:
        _parse_rule(text)
    for mapping in host.devices:
        _access(mapping.cgroup_permissions)
        _target_of(mapping)


def device_nodes(host: HostConfig) -> list[Document]:
    """Return the OCI `linux.devices`: nodes beside the ones that every container has.

    Reads the host's device nodes.

    Raises:
        InvalidArgument: a path is missing or no device, or has bad permissions.
    """
    if host.privileged:
        nodes = list(_walk("/dev", "/dev", skip=_OWN_DIRECTORIES))
        nodes = [node for node in nodes if node["path"] != "/dev/console"]
    else:
        nodes = []
    by_path = {str(node["path"]): node for node in nodes}
    for mapping in host.devices:
        for node in _mapped_nodes(mapping):
            by_path[str(node["path"])] = node
            if len(by_path) > _MAX_NODES:
                raise InvalidArgument(f"too many devices: more than {_MAX_NODES}")
    return list(by_path.values())


def device_rules(host: HostConfig) -> list[Document]:
    """Return the OCI `linux.resources.devices`.

    Raises:
        InvalidArgument: as `device_nodes`, or a malformed `--device-cgroup-rule`.
    """
    if host.privileged:
        return [{"allow": True, "access": "rwm"}]
    rules: list[Document] = [
        {"allow": False, "access": "rwm"},
        {"allow": True, "type": "c", "access": "m"},
        {"allow": True, "type": "b", "access": "m"},
    ]
    rules += [_rule(kind, major, minor, "rwm") for kind, major, minor in _ALWAYS]
    for mapping in host.devices:
        access = _access(mapping.cgroup_permissions)
        for node in _mapped_nodes(mapping):
            rules.append(
                {
                    "allow": True,
                    "type": node["type"],
                    "major": node["major"],
                    "minor": node["minor"],
                    "access": access,
                }
            )
    rules += [_parse_rule(text) for text in host.device_cgroup_rules]
    return rules


def _rule(kind: str, major: int | None, minor: int | None, access: str) -> Document:
    rule: Document = {"allow": True, "type": kind, "access": access}
    if major is not None:
        rule["major"] = major
    if minor is not None:
        rule["minor"] = minor
    return rule


def _parse_rule(text: str) -> Document:
    match = _RULE.fullmatch(text)
    numbers = [None if part == "*" else int(part) for part in match.group(2, 3)] if match else []
    if match is None or any(number is not None and number > _MAX_NUMBER for number in numbers):
        raise InvalidArgument(f"invalid device cgroup rule format: '{text[:128]}'")
    return _rule(match[1], numbers[0], numbers[1], match[4])


def _access(text: str) -> str:
    text = text or "rwm"
    if text.strip("rwm") or len(set(text)) != len(text):
        raise InvalidArgument(f"invalid device mode: {text[:32]}")
    return text


def _target_of(mapping: DeviceMapping) -> str:
    target = mapping.path_in_container or mapping.path_on_host
    if not target.startswith("/") or "\0" in target:
        raise InvalidArgument(f"{target[:128]!r} is not an absolute path")
    return target


def _mapped_nodes(mapping: DeviceMapping) -> Sequence[Document]:
    source, target = mapping.path_on_host, _target_of(mapping)
    try:
        resolved = os.path.realpath(source, strict=True)
        status = os.stat(resolved)  # noqa: PTH116
    except (OSError, ValueError) as err:
        reason = err.strerror.lower() if isinstance(err, OSError) and err.strerror else str(err)
        raise _not_usable(source, reason) from err
    if stat.S_ISDIR(status.st_mode):
        nodes = list(_walk(resolved, target))
        if not nodes:
            raise _not_usable(source, "no devices found in the directory")
        return nodes
    node = _node(target, status)
    if node is None:
        raise _not_usable(source, "not a device node")
    return [node]


def _not_usable(path: str, reason: str) -> InvalidArgument:
    return InvalidArgument(
        f'error gathering device information while adding custom device "{path[:256]}": {reason}'
    )


def _walk(directory: str, target: str, *, skip: frozenset[str] = frozenset()) -> Iterator[Document]:
    """Yield the nodes below a directory of the host, symbolic links left out."""
    try:
        with os.scandir(directory) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        path = f"{target}/{entry.name}"
        if entry.is_dir(follow_symlinks=False):
            if entry.name not in skip:
                yield from _walk(entry.path, path, skip=skip)
            continue
        try:
            status = entry.stat(follow_symlinks=False)
        except OSError:
            continue
        node = _node(path, status)
        if node is not None:
            yield node


def _node(path: str, status: os.stat_result) -> Document | None:
    if stat.S_ISCHR(status.st_mode):
        kind = "c"
    elif stat.S_ISBLK(status.st_mode):
        kind = "b"
    else:
        return None
    return {
        "path": path,
        "type": kind,
        "major": os.major(status.st_rdev),
        "minor": os.minor(status.st_rdev),
        "fileMode": stat.S_IMODE(status.st_mode),
        "uid": status.st_uid,
        "gid": status.st_gid,
    }
