"""`RUN --device=name,[required]`: a device of the host that a step asks for.

See: Dockerfile reference, RUN --device; BuildKit, `instructions/commands_rundevice.go`.
"""

from __future__ import annotations

from baleen.build.dockerfile.errors import suggestion
from baleen.build.dockerfile.instructions import RunDevice
from baleen.build.dockerfile.mounts import comma_fields, truth
from baleen.errors import InvalidArgument

__all__ = ["parse_device"]

_KEYS = ("name", "required")


def parse_device(text: str) -> RunDevice:
    """Return the device that the value of `--device` asks for; raises InvalidArgument.

    The first field is its name, or `name=...` says it. Names have "=" in them themselves:
    `vendor.com/class=name`.
    """
    name, required = "", False
    for position, field in enumerate(comma_fields(text)):
        key, equals, value = field.partition("=")
        key = key.lower()
        if position == 0 and key not in _KEYS:
            name = field
        elif key == "name" and equals:
            name = value
        elif key == "required":
            required = truth("required", value if equals else "true")
        elif not equals:
            raise InvalidArgument(f"invalid field '{field}' must be a key=value pair")
        else:
            raise InvalidArgument(f"unexpected key '{key}' in '{field}'{suggestion(key, _KEYS)}")
    if not name:
        raise InvalidArgument("a device must have a name: --device=vendor.com/class=name")
    return RunDevice(name, required)
