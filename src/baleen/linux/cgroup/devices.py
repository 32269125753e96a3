"""Device access rules: the OCI list evaluated to one state, and that state in v1's own syntax.

The rules are applied in order, with the meaning that the v1 controller gives them: a rule of type
"a" sets the default and forgets everything before it; later rules are exceptions to that default.
A rule that would only cut a piece out of a wider exception cannot be expressed there and is
refused instead of being ignored silently. The same state makes v1's lines and v2's program.

See: cgroup-v1/devices.rst; OCI runtime-spec config-linux.md, Allowed Device list.
"""

from __future__ import annotations

from baleen.linux.cgroup.driver import LimitRefused
from baleen.linux.record import field, record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["MKNOD", "READ", "WRITE", "DeviceState", "evaluate", "parse_list", "v1_changes"]

# Bits of BPF_DEVCG_ACC_* (include/uapi/linux/bpf.h).
MKNOD, READ, WRITE = 1, 2, 4
_EVERY_ACCESS = MKNOD | READ | WRITE
_LETTERS = (("r", READ), ("w", WRITE), ("m", MKNOD))
_MAX_RULES = 4096
_MAX_NUMBER = 0xFFFFFFFF

# type "b" or "c", major and minor; None is any.
Device = tuple[str, "int | None", "int | None"]


@record(slots=True)
class DeviceState:
    """What a list of rules amounts to.

    Attributes:
        allow: whether a device without an exception may be used.
        exceptions: access bits by device, against the default.
    """

    allow: bool
    exceptions: dict[Device, int] = field(default_factory=dict)


def _access(letters: object) -> int:
    if not isinstance(letters, str) or letters == "" or letters.strip("rwm"):
        raise LimitRefused("devices", f"device access {letters!r} is not made of 'r', 'w' and 'm'")
    return sum(bit for letter, bit in _LETTERS if letter in letters)


def _number(value: object, name: str) -> int | None:
    if value is None or value == -1:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MAX_NUMBER:
        raise LimitRefused("devices", f"device {name} {value!r} is not a device number")
    return value


def _overlaps(one: Device, other: Device) -> bool:
    return one[0] == other[0] and all(
        a is None or b is None or a == b for a, b in zip(one[1:], other[1:], strict=True)
    )


def evaluate(rules: Sequence[object]) -> DeviceState:
    """Evaluates the OCI `linux.resources.devices`; without rules everything is allowed.

    Raises LimitRefused for a malformed rule, more than 4096 rules, or one that is narrower than an
    exception it contradicts.
    """
    if len(rules) > _MAX_RULES:
        raise LimitRefused("devices", f"{len(rules)} device rules are more than {_MAX_RULES}")
    state = DeviceState(allow=True)
    for rule in rules:
        if not isinstance(rule, dict):
            raise LimitRefused("devices", "a device rule is not an object")
        _apply_rule(state, rule)
    return state


def _apply_rule(state: DeviceState, rule: Mapping[str, object]) -> None:
    allow = rule.get("allow")
    kind = rule.get("type") or "a"
    if not isinstance(allow, bool):
        raise LimitRefused("devices", "a device rule does not say whether it allows")
    if kind not in ("a", "b", "c", "u"):
        raise LimitRefused("devices", f"device type {kind!r} is not one of a, b, c and u")
    major, minor = _number(rule.get("major"), "major"), _number(rule.get("minor"), "minor")
    access = _access(rule.get("access") or "rwm")
    if kind != "a":
        _apply_to(state, ("b" if kind == "b" else "c", major, minor), access, allow=allow)
    elif major is None and minor is None and access == _EVERY_ACCESS:
        state.allow = allow
        state.exceptions.clear()
    else:
        for each in "bc":
            _apply_to(state, (each, major, minor), access, allow=allow)


def _apply_to(state: DeviceState, device: Device, access: int, *, allow: bool) -> None:
    if allow != state.allow:
        state.exceptions[device] = state.exceptions.get(device, 0) | access
        return
    left = state.exceptions.pop(device, 0) & ~access
    if left:
        state.exceptions[device] = left
    for other, held in state.exceptions.items():
        if other != device and held & access and _overlaps(other, device):
            raise LimitRefused(
                "devices",
                f"the device rule {_line(device, access)!r} cuts into the wider or narrower rule"
                f" {_line(other, held)!r}, which device cgroups cannot express",
            )


def _line(device: Device, access: int) -> str:
    kind, major, minor = device
    letters = "".join(letter for letter, bit in _LETTERS if access & bit)
    return f"{kind} {'*' if major is None else major}:{'*' if minor is None else minor} {letters}"


def parse_list(text: str) -> DeviceState:
    """Parses the kernel's own devices.list of a v1 group."""
    state = DeviceState(allow=False)
    for line in text.splitlines():
        kind, numbers, letters = line.split()
        if kind == "a":
            return DeviceState(allow=True)
        major, _, minor = numbers.partition(":")
        device = (
            kind,
            None if major == "*" else int(major),
            None if minor == "*" else int(minor),
        )
        state.exceptions[device] = _access(letters)
    return state


def v1_changes(current: DeviceState | None, wanted: DeviceState) -> Iterator[tuple[str, list[str]]]:
    """Yields (file, lines to write) that lead to `wanted`, in order.

    `current` None is a new group. Between two states that deny by default only the differences
    are written, so a running process never loses a device that it keeps.
    """
    if current is not None and not current.allow and not wanted.allow:
        yield (
            "devices.allow",
            [
                _line(device, access)
                for device, access in wanted.exceptions.items()
                if access & ~current.exceptions.get(device, 0)
            ],
        )
        extra = {
            device: access & ~wanted.exceptions.get(device, 0)
            for device, access in current.exceptions.items()
        }
        yield "devices.deny", [_line(device, access) for device, access in extra.items() if access]
        return
    yield ("devices.allow" if wanted.allow else "devices.deny"), ["a"]
    yield (
        ("devices.deny" if wanted.allow else "devices.allow"),
        [_line(device, access) for device, access in wanted.exceptions.items()],
    )
