"""`update`: change the limits of a container that is there.

See: OCI runtime-spec config-linux.md, Control groups.
"""

from __future__ import annotations

import sys

from baleen.errors import FailedPrecondition, InvalidArgument
from baleen.errors import NotImplemented as Unsupported
from baleen.runtime.oci.access import group_of
from baleen.runtime.oci.bundle import decode, read_file
from baleen.runtime.oci.state import Store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from baleen.runtime.oci.commands import Invocation
    from baleen.runtime.oci.options import Values

__all__ = ["execute", "parse_bytes", "resources_of"]

_UNITS: Final = {
    "": 1,
    "b": 1,
    "k": 1 << 10,
    "m": 1 << 20,
    "g": 1 << 30,
    "t": 1 << 40,
    "p": 1 << 50,
}
_NUMBERS: Final = (
    ("blkio-weight", "blockIO", "weight"),
    ("cpu-period", "cpu", "period"),
    ("cpu-quota", "cpu", "quota"),
    ("cpu-burst", "cpu", "burst"),
    ("cpu-share", "cpu", "shares"),
    ("cpu-idle", "cpu", "idle"),
    ("cpu-rt-period", "cpu", "realtimePeriod"),
    ("cpu-rt-runtime", "cpu", "realtimeRuntime"),
    ("pids-limit", "pids", "limit"),
)
_TEXTS: Final = (("cpuset-cpus", "cpu", "cpus"), ("cpuset-mems", "cpu", "mems"))
_SIZES: Final = (
    ("memory", "memory", "limit"),
    ("memory-reservation", "memory", "reservation"),
    ("memory-swap", "memory", "swap"),
    ("kernel-memory-tcp", "memory", "kernelTCP"),
)
_REFUSED: Final = ("kernel-memory", "l3-cache-schema", "mem-bw-schema")


def parse_bytes(text: str, what: str) -> int:
    """The bytes that "64m", "1.5g" or "-1" mean. Raises InvalidArgument."""
    if text == "-1":
        return -1
    number = text.lower().removesuffix("ib") if len(text) > 2 else text.lower()
    number = number if len(number) < 2 or number == "b" else number.removesuffix("b") or number
    unit = number[-1:] if number[-1:].isalpha() else ""
    whole, dot, part = number.removesuffix(unit).strip().partition(".")
    digits = whole + part
    if unit not in _UNITS or not (digits.isascii() and digits.isdecimal() and len(digits) < 20):
        raise InvalidArgument(f'invalid value "{text[:64]}" for {what}: a size is needed')
    if dot and not (whole and part):
        raise InvalidArgument(f'invalid value "{text[:64]}" for {what}: a size is needed')
    scale: int = 10 ** len(part)
    return int(digits) * _UNITS[unit] // scale


def resources_of(options: Values) -> dict[str, object]:
    """The `linux.resources` that the options ask for; with --resources, that file's alone.

    Raises InvalidArgument or NotImplemented.
    """
    path = options.text("resources")
    if path:
        data = sys.stdin.buffer.read() if path == "-" else read_file(path)
        document = decode(data, "standard input" if path == "-" else path)
        if not isinstance(document, dict):
            raise InvalidArgument(f"{path}: not an object")
        return document
    for name in _REFUSED:
        if options.given(name):
            raise Unsupported(f"--{name} is not supported by this runtime")
    result: dict[str, dict[str, object]] = {}
    for name, section, key in _NUMBERS:
        if options.given(name):
            result.setdefault(section, {})[key] = options.number(name)
    for name, section, key in _TEXTS:
        if options.given(name):
            result.setdefault(section, {})[key] = options.text(name)
    for name, section, key in _SIZES:
        if options.given(name):
            result.setdefault(section, {})[key] = parse_bytes(options.text(name), f"--{name}")
    return dict(result)


def execute(invocation: Invocation) -> int:
    """Returns 0 when all limits are set; ones before a refused one stay, as the message says."""
    resources = resources_of(invocation.options)
    entry = Store(invocation.root).open(invocation.arguments[0])
    with entry.locked():
        values = entry.read()
        group = group_of(values)
        if entry.status(values, None) == "stopped" or group is None:
            raise FailedPrecondition("container not running")
        group.update(resources)
    return 0
