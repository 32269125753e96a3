"""Seccomp profiles as data: Docker's profile JSON and OCI `linux.seccomp`, read strictly.

See: OCI runtime-spec config-linux.md, Seccomp; Docker's profile adds `archMap`, `includes`,
`excludes`, `comment` and the old single `name`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, cast

from baleen.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ACTIONS", "OPERATORS", "Condition", "Profile", "Requirement", "Rule", "parse_profile"]

_EPERM: Final = 1
_MAX_ERRNO: Final = 0xFFFF
_RETURN_VALUES: Final = {
    "SCMP_ACT_KILL": 0x00000000,
    "SCMP_ACT_KILL_THREAD": 0x00000000,
    "SCMP_ACT_KILL_PROCESS": 0x80000000,
    "SCMP_ACT_TRAP": 0x00030000,
    "SCMP_ACT_ERRNO": 0x00050000,
    "SCMP_ACT_TRACE": 0x7FF00000,
    "SCMP_ACT_NOTIFY": 0x7FC00000,
    "SCMP_ACT_LOG": 0x7FFC0000,
    "SCMP_ACT_ALLOW": 0x7FFF0000,
}
ACTIONS: Final = frozenset(_RETURN_VALUES)
# Those of libseccomp 2.6, which the specification lists. What is of another family than the host
# has no meaning there, what nobody knows is a mistake.
_ARCHITECTURES: Final = frozenset(
    {
        "SCMP_ARCH_X86",
        "SCMP_ARCH_X86_64",
        "SCMP_ARCH_X32",
        "SCMP_ARCH_ARM",
        "SCMP_ARCH_AARCH64",
        "SCMP_ARCH_LOONGARCH64",
        "SCMP_ARCH_M68K",
        "SCMP_ARCH_MIPS",
        "SCMP_ARCH_MIPS64",
        "SCMP_ARCH_MIPS64N32",
        "SCMP_ARCH_MIPSEL",
        "SCMP_ARCH_MIPSEL64",
        "SCMP_ARCH_MIPSEL64N32",
        "SCMP_ARCH_PPC",
        "SCMP_ARCH_PPC64",
        "SCMP_ARCH_PPC64LE",
        "SCMP_ARCH_S390",
        "SCMP_ARCH_S390X",
        "SCMP_ARCH_SH",
        "SCMP_ARCH_SHEB",
        "SCMP_ARCH_PARISC",
        "SCMP_ARCH_PARISC64",
        "SCMP_ARCH_RISCV64",
    }
)
OPERATORS: Final = frozenset({"NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ"})
_MAX_RULES: Final = 4096
_MAX_NAMES: Final = 16384
_KERNEL = re.compile(r"([0-9]{1,4})\.([0-9]{1,4})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Condition:
    """A comparison of one argument; MASKED_EQ: (argument & value) == value_two."""

    index: int
    operator: str
    value: int
    value_two: int


@dataclass(frozen=True, slots=True)
class Requirement:
    """The `includes` or `excludes` of a rule; names of architectures as Go has them ("amd64")."""

    capabilities: frozenset[str] = frozenset()
    architectures: frozenset[str] = frozenset()
    kernel: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """What to answer to some syscalls.

    Attributes:
        names: names of syscalls.
        action: the filter's return value (SECCOMP_RET_*, with the errno).
        conditions: all have to hold; empty decides always.
        includes: conditions of the host under which the rule exists.
        excludes: conditions of the host under which it does not.
    """

    names: tuple[str, ...]
    action: int
    conditions: tuple[Condition, ...] = ()
    includes: Requirement = field(default_factory=Requirement)
    excludes: Requirement = field(default_factory=Requirement)


@dataclass(frozen=True, slots=True)
class Profile:
    """A whole profile.

    Attributes:
        default: return value for syscalls without a rule.
        architectures: SCMP_ARCH_* names beside the native one; None if the profile has a map.
        architecture_map: SCMP_ARCH_* of the host to the further ones.
        flags: SECCOMP_FILTER_FLAG_* names; None when not given.
        rules: in order.
    """

    default: int
    architectures: tuple[str, ...] | None
    architecture_map: Mapping[str, tuple[str, ...]]
    flags: tuple[str, ...] | None
    rules: tuple[Rule, ...]


def _refuse(where: str, problem: str) -> InvalidArgument:
    return InvalidArgument(f"seccomp profile: {where} {problem}")


def _object(value: object, where: str) -> dict[str, object]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _refuse(where, "is not an object")
    return cast("dict[str, object]", value)


def _list(value: object, where: str, limit: int) -> list[object]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise _refuse(where, "is not a list")
    if len(value) > limit:
        raise _refuse(where, f"has more than {limit} entries")
    return value


def _texts(value: object, where: str, limit: int = 256) -> tuple[str, ...]:
    items = _list(value, where, limit)
    texts = tuple(item for item in items if isinstance(item, str))
    if len(texts) != len(items):
        raise _refuse(where, "is not a list of strings")
    return texts


def _integer(value: object, where: str, maximum: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= maximum:
        raise _refuse(where, f"is not an integer between 0 and {maximum}")
    return value


def _action(name: object, errno_value: object, where: str) -> int:
    base = _RETURN_VALUES.get(name) if isinstance(name, str) else None
    if base is None:
        raise _refuse(where, f"{str(name)[:64]!r} is not an action")
    if name not in ("SCMP_ACT_ERRNO", "SCMP_ACT_TRACE"):
        if errno_value is not None:
            raise _refuse(where, f"gives an errno to {name}")
        return base
    if errno_value is None:
        return base | _EPERM
    return base | _integer(errno_value, where + " errno", _MAX_ERRNO)


def _condition(value: object, where: str) -> Condition:
    entry = _object(value, where)
    operator = str(entry.get("op"))
    short = operator.removeprefix("SCMP_CMP_")
    if short == operator or short not in OPERATORS:
        raise _refuse(where, f"{operator[:64]!r} is not an operator")
    maximum = (1 << 64) - 1
    return Condition(
        index=_integer(entry.get("index"), where + " index", 5),
        operator=short,
        value=_integer(entry.get("value"), where + " value", maximum),
        value_two=_integer(entry.get("valueTwo") or 0, where + " valueTwo", maximum),
    )


def _requirement(value: object, where: str) -> Requirement:
    entry = _object(value, where)
    kernel = entry.get("minKernel")
    version = None
    if kernel:
        match = _KERNEL.fullmatch(kernel) if isinstance(kernel, str) else None
        if match is None:
            raise _refuse(where, "has a minKernel that is not like '4.8'")
        version = (int(match[1]), int(match[2]))
    return Requirement(
        capabilities=frozenset(_texts(entry.get("caps"), where + " caps")),
        architectures=frozenset(_texts(entry.get("arches"), where + " arches")),
        kernel=version,
    )


def _rule(value: object, where: str) -> Rule:
    entry = _object(value, where)
    names = _texts(entry.get("names"), where + " names", _MAX_NAMES)
    if single := entry.get("name"):
        if names or not isinstance(single, str):
            raise _refuse(where, "has both a name and names, or a name that is not a string")
        names = (single,)
    return Rule(
        names=names,
        action=_action(entry.get("action"), entry.get("errnoRet"), where),
        conditions=tuple(
            _condition(item, f"{where} args[{position}]")
            for position, item in enumerate(_list(entry.get("args"), where + " args", 64))
        ),
        includes=_requirement(entry.get("includes"), where + " includes"),
        excludes=_requirement(entry.get("excludes"), where + " excludes"),
    )


def parse_profile(document: Mapping[str, object]) -> Profile:
    """Reads a profile; unknown members are ignored.

    Raises InvalidArgument with the place.
    """
    listed = _texts(document.get("architectures"), "architectures")
    mapped = _list(document.get("archMap"), "archMap", 64)
    if listed and mapped:
        raise _refuse("it", "has both architectures and archMap")
    for name in listed:
        if name not in _ARCHITECTURES:
            raise _refuse("architectures", f"{name[:64]!r} is not an architecture")
    architecture_map: dict[str, tuple[str, ...]] = {}
    for position, item in enumerate(mapped):
        where = f"archMap[{position}]"
        entry = _object(item, where)
        architecture_map[str(entry.get("architecture"))] = _texts(
            entry.get("subArchitectures"), where
        )
    flags = document.get("flags")
    return Profile(
        default=_action(
            document.get("defaultAction"), document.get("defaultErrnoRet"), "defaultAction"
        ),
        architectures=None if mapped else listed,
        architecture_map=architecture_map,
        flags=None if flags is None else _texts(flags, "flags"),
        rules=tuple(
            _rule(item, f"syscalls[{position}]")
            for position, item in enumerate(_list(document.get("syscalls"), "syscalls", _MAX_RULES))
        ),
    )
