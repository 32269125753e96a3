"""One CDI spec file: read with limits, parsed strictly, checked as a whole.

A field that the specification does not know is an error: it would be an edit that does not happen.

See: CDI specification, "CDI JSON Specification"; its schema allows YAML for the same documents.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Annotated, Final

import msgspec

from baleen.errors import InvalidArgument
from baleen.oci.cdi_names import check_device_name, check_kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["Device", "DeviceNode", "Edits", "Hook", "Mount", "NetDevice", "SpecFile", "read"]

MAX_BYTES: Final = 4 << 20
_HOOKS: Final = frozenset(
    {"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"}
)
_VERSIONS: Final = (
    "0.1.0", "0.2.0", "0.3.0", "0.4.0", "0.5.0", "0.6.0", "0.7.0", "0.8.0", "1.0.0", "1.1.0",
)  # fmt: skip
_EARLIEST: Final = "0.3.0"

_Number = Annotated[int, msgspec.Meta(ge=0, le=2**32 - 1)]


class _Part(
    msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True
): ...


class DeviceNode(_Part, frozen=True):
    """A node to make; what is not given is that of `host_path`, or of `path` on the host."""

    path: str
    host_path: str = ""
    type: str = ""
    major: _Number = 0
    minor: _Number = 0
    file_mode: _Number | None = None
    permissions: str = ""
    uid: _Number | None = None
    gid: _Number | None = None


class Mount(_Part, frozen=True):
    """A mount; `options` and `type` as in config.json."""

    host_path: str
    container_path: str
    options: list[str] = []
    type: str = ""


class Hook(_Part, frozen=True):
    """A program of the host's to run; `args` begins with its name."""

    hook_name: str
    path: str
    args: list[str] = []
    env: list[str] = []
    timeout: Annotated[int, msgspec.Meta(ge=1)] | None = None


class NetDevice(_Part, frozen=True):
    """A network interface of the host to move into the container."""

    host_interface_name: str
    name: str


class Edits(_Part, frozen=True):
    """What is added to config.json."""

    env: list[str] = []
    device_nodes: list[DeviceNode] = []
    net_devices: list[NetDevice] = []
    hooks: list[Hook] = []
    mounts: list[Mount] = []
    intel_rdt: dict[str, str | bool | list[str]] | None = None
    additional_gids: list[_Number] = []

    def is_empty(self) -> bool:
        """Whether nothing is edited."""
        return self == Edits()

    def merged(self, other: Edits) -> Edits:
        """Return these edits followed by the other ones."""
        return Edits(
            env=[*self.env, *other.env],
            device_nodes=[*self.device_nodes, *other.device_nodes],
            net_devices=[*self.net_devices, *other.net_devices],
            hooks=[*self.hooks, *other.hooks],
            mounts=[*self.mounts, *other.mounts],
            intel_rdt=self.intel_rdt if other.intel_rdt is None else other.intel_rdt,
            additional_gids=[*self.additional_gids, *other.additional_gids],
        )


class Device(_Part, frozen=True):
    """One device of a file."""

    name: str
    annotations: dict[str, str] = {}
    container_edits: Edits = Edits()


class SpecFile(_Part, frozen=True):
    """A whole file; `container_edits` come with any of its devices."""

    cdi_version: str
    kind: str
    devices: list[Device]
    annotations: dict[str, str] = {}
    container_edits: Edits = Edits()


def read(path: str) -> SpecFile:
    """Return what the file holds.

    Raises:
        InvalidArgument: naming the file; it is too large, no regular file, malformed or
            contradicts the specification.
        OSError: it cannot be read.
    """
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK
    with open(os.open(path, flags), "rb") as file:  # noqa: PTH123
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise InvalidArgument(f'failed to read CDI Spec "{path}": not a regular file')
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise InvalidArgument(f'failed to read CDI Spec "{path}": larger than {MAX_BYTES} bytes')
    try:
        found = _decode(data, is_yaml=path.endswith(".yaml"))
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as err:
        raise InvalidArgument(f'failed to parse CDI Spec "{path}": {err}') from err
    try:
        _check(found)
    except InvalidArgument as err:
        raise InvalidArgument(f'invalid CDI Spec "{path}": {err}') from err
    return found


def _decode(data: bytes, *, is_yaml: bool) -> SpecFile:
    if is_yaml:
        return msgspec.yaml.decode(data, type=SpecFile)
    return msgspec.json.decode(data, type=SpecFile)


# --- checks --------------------------------------------------------------------------------------


def _check(spec: SpecFile) -> None:
    if spec.cdi_version.removeprefix("v") not in _VERSIONS:
        raise InvalidArgument(f'invalid version "{spec.cdi_version[:32]}"')
    check_kind(spec.kind)
    needed = _needed_version(spec)
    if _VERSIONS.index(needed) > _VERSIONS.index(spec.cdi_version.removeprefix("v")):
        raise InvalidArgument(f"the spec version must be at least v{needed}")
    _check_edits(spec.container_edits)
    names = set()
    for device in spec.devices:
        check_device_name(device.name)
        if device.name in names:
            raise InvalidArgument(f'invalid spec, multiple device "{device.name}"')
        names.add(device.name)
        if device.container_edits.is_empty():
            raise InvalidArgument(f'invalid device "{device.name}", empty device edits')
        _check_edits(device.container_edits)
    if not names:
        raise InvalidArgument("invalid spec, no devices")


def _check_edits(edits: Edits) -> None:
    _check_environment(edits.env, "container edits")
    for node in edits.device_nodes:
        _check_node(node)
    for hook in edits.hooks:
        if hook.hook_name not in _HOOKS:
            raise InvalidArgument(f'invalid hook name "{hook.hook_name[:64]}"')
        if not hook.path.startswith("/"):
            raise InvalidArgument(f'invalid hook "{hook.hook_name}" with path "{hook.path[:128]}"')
        _check_environment(hook.env, f'hook "{hook.hook_name}"')
    for mount in edits.mounts:
        if not mount.host_path or not mount.container_path.startswith("/"):
            raise InvalidArgument("invalid mount, empty or relative path")
    for device in edits.net_devices:
        if not device.host_interface_name or not device.name:
            raise InvalidArgument("invalid linux net device, empty name")


def _check_environment(entries: Sequence[str], where: str) -> None:
    for entry in entries:
        if entry.find("=") <= 0 or "\0" in entry:
            raise InvalidArgument(f'invalid {where}: invalid environment variable "{entry[:64]}"')


def _check_node(node: DeviceNode) -> None:
    if not node.path.startswith("/"):
        raise InvalidArgument(f'invalid (empty or relative) device path "{node.path[:128]}"')
    if node.type not in ("", "b", "c", "u", "p"):
        raise InvalidArgument(f'device "{node.path}": invalid type "{node.type[:16]}"')
    if node.permissions != "none" and node.permissions.strip("rwm"):
        raise InvalidArgument(f'device "{node.path}": invalid permissions "{node.permissions}"')


def _needed_version(spec: SpecFile) -> str:
    """Return the first version of the specification that has all that the file uses."""
    edits = list(_all_edits(spec))
    nodes = [node for edit in edits for node in edit.device_nodes]
    needs = (
        ("1.1.0", any(edit.net_devices for edit in edits)),
        ("0.7.0", any(edit.intel_rdt is not None or edit.additional_gids for edit in edits)),
        (
            "0.6.0",
            bool(spec.annotations)
            or any(device.annotations for device in spec.devices)
            or "." in spec.kind.partition("/")[2],
        ),
        (
            "0.5.0",
            any(node.host_path for node in nodes)
            or any(device.name[:1].isdigit() for device in spec.devices),
        ),
        ("0.4.0", any(mount.type for edit in edits for mount in edit.mounts)),
    )
    return next((version for version, used in needs if used), _EARLIEST)


def _all_edits(spec: SpecFile) -> Iterator[Edits]:
    yield spec.container_edits
    for device in spec.devices:
        yield device.container_edits
