"""Limits of single block devices: `/dev/sda:1mb`, `/dev/sda:100`.

See: the flags `--device-read-bps` and so on of the reference of `docker run`.
"""

from __future__ import annotations

from baleen.cli.flags import parse_integer
from baleen.cli.parsing.quantities import parse_size
from baleen.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.client.models import JsonObject

__all__ = ["parse_device_bytes", "parse_device_operations", "parse_device_weight"]


def _split(text: str) -> tuple[str, str]:
    path, colon, value = text.partition(":")
    if not colon or not path:
        raise InvalidArgument(f"bad format: {text}")
    if not path.startswith("/dev/"):
        raise InvalidArgument(f"bad format for device path: {text}")
    return path, value


def parse_device_bytes(text: str) -> JsonObject:
    """Bytes per second of a device.

    Raises:
        InvalidArgument: not `PATH:NUMBER[UNIT]`.
    """
    path, value = _split(text)
    try:
        return {"Path": path, "Rate": parse_size(value)}
    except InvalidArgument as err:
        raise InvalidArgument(
            f"invalid rate for device: {text}. The correct format is "
            "<device-path>:<number>[<unit>]. Number must be a positive integer. Unit is optional "
            "and can be kb, mb, or gb"
        ) from err


def parse_device_operations(text: str) -> JsonObject:
    """Operations per second of a device.

    Raises:
        InvalidArgument: not `PATH:NUMBER`.
    """
    path, value = _split(text)
    if not (value.isascii() and value.isdigit()) or len(value) > 19:
        raise InvalidArgument(
            f"invalid rate for device: {text}. The correct format is <device-path>:<number>. "
            "Number must be a positive integer"
        )
    return {"Path": path, "Rate": int(value)}


def parse_device_weight(text: str) -> JsonObject:
    """The relative weight of a device: 0, or 10 to 1000.

    Raises:
        InvalidArgument: not `PATH:WEIGHT`.
    """
    path, value = _split(text)
    try:
        weight = parse_integer(value)
    except InvalidArgument as err:
        raise InvalidArgument(f"invalid weight for device: {text}") from err
    if weight and not 10 <= weight <= 1000:
        raise InvalidArgument(f"invalid weight for device: {text}")
    return {"Path": path, "Weight": weight}
