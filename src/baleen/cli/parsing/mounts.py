"""`-v`, `--mount`, `--tmpfs`, `--device`.

Source: the reference of `docker run`, "Mount volume", "Add bind mounts or volumes using --mount".
"""

from __future__ import annotations

import os

from baleen.cli.flags import parse_bool, parse_integer
from baleen.cli.parsing.csv import split_fields
from baleen.cli.parsing.quantities import parse_size
from baleen.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.client.models import JsonObject

__all__ = ["parse_device", "parse_mount", "parse_volume"]

_TYPES = {"bind", "volume", "tmpfs", "npipe", "image", "cluster"}
_KEYS = {"src": "source", "dst": "target", "destination": "target", "ro": "readonly"}
_SWITCHES = {
    "bind-create-src": "CreateMountpoint",
    "bind-nonrecursive": "NonRecursive",
    "volume-nocopy": "NoCopy",
}
_FLAGS = {"readonly", *_SWITCHES}


def parse_volume(text: str) -> tuple[str, str]:
    """`-v`: ("bind", `SOURCE:TARGET[:OPTIONS]`) or ("volume", `TARGET`) for an anonymous volume.

    A source that begins with `./`, or is `.`, is made absolute; other names are volumes.

    Raises:
        InvalidArgument: no target, or too many parts.
    """
    parts = text.split(":")
    if not text or not all(parts[:2]):
        raise InvalidArgument(f"invalid spec: {text}: empty section between colons")
    if len(parts) > 3:
        raise InvalidArgument(f"invalid volume specification: '{text}'")
    if len(parts) == 1:
        return "volume", text
    if not parts[1].startswith("/"):
        raise InvalidArgument(
            f"invalid volume specification: '{text}': invalid mount path: '{parts[1]}' mount path "
            "must be absolute"
        )
    source = parts[0]
    if source in {".", ".."} or source.startswith(("./", "../")):
        source = os.path.abspath(source)  # pathlib is slow to load
    return "bind", ":".join((source, *parts[1:]))


def parse_device(text: str) -> JsonObject:
    """`--device HOST[:CONTAINER[:rwm]]`, or `--device vendor.com/class=name` (CDI).

    Returns a mapping of the API, or of the second kind its name as "CdiName".
    """
    if "=" in text:
        from baleen.oci.cdi_names import is_qualified_name

        if is_qualified_name(text):
            return {"CdiName": text}
    parts = text.split(":")
    if not parts[0] or len(parts) > 3:
        raise InvalidArgument(f"invalid device specification: {text}")
    target, permissions = parts[0], "rwm"
    if len(parts) == 3:
        target, permissions = parts[1] or parts[0], parts[2]
    elif len(parts) == 2:
        if _is_device_mode(parts[1]):
            permissions = parts[1]
        else:
            target = parts[1]
    if not _is_device_mode(permissions):
        raise InvalidArgument(f"invalid device mode: {permissions}")
    return {
        "PathOnHost": parts[0],
        "PathInContainer": target,
        "CgroupPermissions": permissions,
    }


def _is_device_mode(text: str) -> bool:
    return bool(text) and len(set(text)) == len(text) and set(text) <= {"r", "w", "m"}


def parse_mount(text: str) -> JsonObject:
    """`--mount type=...,source=...,target=...` as a Mount of the API.

    Raises:
        InvalidArgument: an unknown key, a bad value, keys that do not fit the type.
    """
    mount: JsonObject = {"Type": "volume"}
    options: dict[str, JsonObject] = {}
    fields = split_fields(text)
    if not text:
        raise InvalidArgument("value is empty")
    for field in fields:
        key, equals, value = field.partition("=")
        key = _KEYS.get(key.lower(), key.lower())
        if key in _FLAGS and not equals:
            value = "true"
        elif not equals:
            raise InvalidArgument(f"invalid field '{field}' must be a key=value pair")
        _set_key(mount, options, key, value, field)
    kind = mount["Type"]
    for prefix, given in options.items():
        if prefix != kind:
            raise InvalidArgument(f"cannot mix '{prefix}-*' options with mount type '{kind}'")
        mount[f"{prefix.capitalize()}Options"] = given
    if not mount.get("Target"):
        raise InvalidArgument("target is required")
    if kind == "bind" and not mount.get("Source"):
        raise InvalidArgument("source is required for a bind mount")
    return mount


def _set_key(
    mount: JsonObject, options: dict[str, JsonObject], key: str, value: str, field: str
) -> None:
    if key == "type":
        mount["Type"] = value.lower()
        if mount["Type"] not in _TYPES:
            raise InvalidArgument(f"invalid mount type: '{value}'")
    elif key == "source":
        if value in {".", ".."} or value.startswith(("./", "../")):
            value = os.path.abspath(value)
        mount["Source"] = value
    elif key == "target":
        mount["Target"] = value
    elif key == "readonly":
        mount["ReadOnly"] = _boolean(key, value)
    elif key == "consistency":
        mount["Consistency"] = value.lower()
    else:
        kind, dash, name = key.partition("-")
        if not dash or kind not in {"bind", "volume", "tmpfs", "image"}:
            raise InvalidArgument(f"unexpected key '{key}' in '{field}'")
        _set_option(options.setdefault(kind, {}), f"{kind}-{name}", value, field)


def _boolean(key: str, value: str) -> bool:
    try:
        return parse_bool(value)
    except InvalidArgument:
        raise InvalidArgument(f"invalid value for {key}: {value}") from None


def _set_option(options: JsonObject, key: str, value: str, field: str) -> None:
    if key == "bind-propagation":
        options["Propagation"] = value.lower()
    elif key in _SWITCHES:
        options[_SWITCHES[key]] = _boolean(key, value)
    elif key == "bind-recursive":
        choices: dict[str, JsonObject] = {
            "enabled": {},
            "disabled": {"NonRecursive": True},
            "writable": {"ReadOnlyNonRecursive": True},
            "readonly": {"ReadOnlyForceRecursive": True},
        }
        if value not in choices:
            raise InvalidArgument(
                f'invalid value for {key}: {value} (must be one of "enabled", "disabled", '
                '"writable", or "readonly")'
            )
        options.update(choices[value])
    elif key in {"volume-subpath", "image-subpath"}:
        options["Subpath"] = value
    elif key == "volume-label":
        name, _, text = value.partition("=")
        options.setdefault("Labels", {})[name] = text
    elif key == "volume-driver":
        options.setdefault("DriverConfig", {})["Name"] = value
    elif key == "volume-opt":
        name, _, text = value.partition("=")
        options.setdefault("DriverConfig", {}).setdefault("Options", {})[name] = text
    elif key == "tmpfs-size":
        options["SizeBytes"] = parse_size(value)
    elif key == "tmpfs-mode":
        if not value or value.strip("01234567") or len(value) > 6:
            raise InvalidArgument(f"invalid value for {key}: {value}")
        options["Mode"] = int(value, 8)
    else:
        raise InvalidArgument(f"unexpected key '{key}' in '{field}'")


def parse_weight(text: str) -> int:
    """A block I/O weight: 0 or 10 to 1000."""
    value = parse_integer(text)
    if value and not 10 <= value <= 1000:
        raise InvalidArgument("range of blkio weight is from 10 to 1000")
    return value
