"""Compiles a seccomp profile (Docker's JSON or OCI `linux.seccomp`) to a filter program.

The program looks at the architecture, finds the syscall's number by binary search, and answers at
once or after looking at the arguments. What it means:

- Rules whose `includes`/`excludes` do not fit the capabilities, architecture or kernel are left
  out, and so are names that an architecture does not have.
- A rule without conditions on arguments decides for its syscall, wherever it stands; else the rules
  are tried in order and the first whose conditions all hold decides. Conditions on one argument
  given several times are alternatives, each a rule of its own (as runc has it).
- Else the default action. Numbers above the highest that the profile names answer ENOSYS when the
  default is an error, so that programs find that a newer call is missing and use an older one.
- Arguments that the kernel takes as 32-bit integers are compared as such: garbage in the upper half
  of the register cannot make `socket(AF_ALG)` look like another number.
- A foreign architecture kills the thread, as libseccomp does.

Compiling runs in the daemon; the runtime installs the bytes. See: OCI runtime-spec
config-linux.md, Seccomp; seccomp(2); struct seccomp_data in include/uapi/linux/seccomp.h.
"""

from __future__ import annotations

import errno
import json
import os
from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from baleen import errors
from baleen.errors import InvalidArgument
from baleen.linux.bpf import JEQ, JGE, JGT, Assembler, FilterTooLong
from baleen.linux.syscall_table import X32_SYSCALL_BIT, numbers
from baleen.runtime.seccomp_profile import Condition, Profile, Rule, parse_profile

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

__all__ = [
    "ARCHITECTURES",
    "FLAGS",
    "Decision",
    "compile_profile",
    "decisions",
    "default_profile",
    "filter_flags",
    "resolved_profile",
]

_RET_KILL_THREAD: Final = 0x00000000
_RET_ERRNO: Final = 0x00050000
_RET_ACTION: Final = 0xFFFF0000
_RET_NOTIFY: Final = 0x7FC00000
_ENOSYS: Final = _RET_ERRNO | errno.ENOSYS

# struct seccomp_data, little endian: nr, arch, instruction_pointer, args[6].
_NR_OFFSET, _ARCH_OFFSET, _ARGS_OFFSET = 0, 4, 16


@dataclass(frozen=True, slots=True)
class _Architecture:
    """One calling convention: its name in profiles, AUDIT_ARCH_* value, table, register width."""

    audit: int
    table: str
    wide: bool


_ARCHITECTURES: Final = {
    "SCMP_ARCH_X86_64": _Architecture(0xC000003E, "x86_64", wide=True),
    "SCMP_ARCH_X86": _Architecture(0x40000003, "i386", wide=False),
    "SCMP_ARCH_X32": _Architecture(0xC000003E, "x32", wide=False),
    "SCMP_ARCH_AARCH64": _Architecture(0xC00000B7, "aarch64", wide=True),
    "SCMP_ARCH_ARM": _Architecture(0x40000028, "arm", wide=False),
}
# platform.machine() to the profile's names: of the architecture, and of Go for includes.
_NATIVE: Final = {
    "x86_64": ("SCMP_ARCH_X86_64", "amd64"),
    "aarch64": ("SCMP_ARCH_AARCH64", "arm64"),
}
# Numbers from here are private to 32-bit ARM and do not count as "newest".
_ARM_PRIVATE: Final = 0xF0000

# Arguments that the kernel takes as (unsigned) int and so cuts to 32 bits: the SYSCALL_DEFINEs.
_INTEGERS: Final = {
    "arch_prctl": (0,),
    "bpf": (0, 2),
    "clone3": (),
    "fcntl": (0, 1),
    "ioctl": (0, 1),
    "keyctl": (0,),
    "kcmp": (0, 1, 2),
    "memfd_create": (1,),
    "personality": (0,),
    "prctl": (0,),
    "quotactl": (0,),
    "seccomp": (0, 1),
    "setns": (0, 1),
    "setsockopt": (0, 1, 2, 4),
    "getsockopt": (0, 1, 2),
    "shmctl": (0, 1),
    "socket": (0, 1, 2),
    "socketcall": (0,),
    "socketpair": (0, 1, 2),
    "splice": (0, 2, 5),
    "syslog": (0, 2),
    "userfaultfd": (0,),
}

_FLAGS: Final = {
    "SECCOMP_FILTER_FLAG_TSYNC": 1,
    "SECCOMP_FILTER_FLAG_LOG": 2,
    "SECCOMP_FILTER_FLAG_SPEC_ALLOW": 4,
    "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV": 32,
}
ARCHITECTURES: Final = frozenset(_ARCHITECTURES)
FLAGS: Final = frozenset(_FLAGS)


def default_profile() -> dict[str, object]:
    """Docker's default profile, from the data file beside this module; a new object each time."""
    path = os.path.join(os.path.dirname(__file__), "profiles", "default.json")
    with open(path, "rb") as stream:
        document: dict[str, object] = json.load(stream)
    return document


def filter_flags(profile: Mapping[str, object]) -> int:
    """The flags for seccomp(2) that the profile asks for; SPEC_ALLOW if it does not say.

    Raises InvalidArgument for flags that we do not know.
    """
    names = parse_profile(profile).flags
    if names is None:
        return _FLAGS["SECCOMP_FILTER_FLAG_SPEC_ALLOW"]
    unknown = [name for name in names if name not in _FLAGS]
    if unknown:
        raise InvalidArgument(f"seccomp profile: the flag {unknown[0][:64]!r} is not supported")
    return sum(_FLAGS[name] for name in set(names))


def compile_profile(
    profile: Mapping[str, object],
    *,
    capabilities: Collection[str],
    arch: str,
    kernel: tuple[int, int],
    listener: bool = False,
) -> bytes:
    """Compiles to an array of struct sock_filter for hosts of `arch` (platform.machine()).

    `capabilities` is the container's bounding set ("CAP_..."); `kernel` the running version;
    `listener` says that whoever installs the filter hands on its notifications. The same input
    gives the same bytes. Raises InvalidArgument (malformed, or more than the kernel takes) or
    NotImplemented (SCMP_ACT_NOTIFY without listener, an architecture that we have no table for).
    """
    native, parsed, rules = _prepare(profile, capabilities, arch, kernel)
    _check_notifications(parsed.default, rules, listener=listener)
    chosen = [_ARCHITECTURES[name] for name in _architectures(parsed, native)]
    try:
        return _program(chosen, rules, parsed.default)
    except FilterTooLong as error:
        raise InvalidArgument(f"seccomp profile: {error}") from error


def resolved_profile(
    profile: Mapping[str, object],
    *,
    capabilities: Collection[str],
    arch: str,
    kernel: tuple[int, int],
) -> dict[str, object]:
    """The profile as OCI `linux.seccomp`: what of it holds for a container, in the same words.

    Arguments and errors are those of `compile_profile`.
    """
    native, parsed, rules = _prepare(profile, capabilities, arch, kernel)
    _check_notifications(parsed.default, rules, listener=False)
    applying = {id(rule) for rule in rules}
    written = profile.get("syscalls")
    result: dict[str, object] = {
        key: profile[key] for key in ("defaultAction", "defaultErrnoRet", "flags") if key in profile
    }
    result["architectures"] = _architectures(parsed, native)
    result["syscalls"] = [
        {key: entry[key] for key in ("action", "errnoRet", "args") if entry.get(key)}
        | {"names": list(rule.names)}
        for entry, rule in zip(
            written if isinstance(written, list) else (), parsed.rules, strict=True
        )
        if id(rule) in applying and rule.names
    ]
    return result


@dataclass(frozen=True, slots=True)
class Decision:
    """What a program answers to one syscall.

    Attributes:
        action: SECCOMP_RET_* with the errno, when none of `rules` fits.
        rules: tried in order before; all conditions of a rule have to hold.
    """

    action: int
    rules: tuple[Rule, ...] = ()


def decisions(
    profile: Mapping[str, object],
    *,
    capabilities: Collection[str],
    arch: str,
    kernel: tuple[int, int],
) -> dict[str, Decision]:
    """The answers of the program that `compile_profile` makes of the same arguments.

    One for each name in our table of the native architecture. Raises as `compile_profile` does,
    except for a program that is too long.
    """
    native, parsed, rules = _prepare(profile, capabilities, arch, kernel)
    architecture = _ARCHITECTURES[native]
    ranges = sorted(_ranges(architecture, rules, parsed.default).items(), key=lambda item: item[0])
    starts = [start for start, _ in ranges]
    result = {}
    for name, number in numbers(architecture.table).items():
        outcome = ranges[bisect_right(starts, number) - 1][1]
        result[name] = (
            Decision(outcome)
            if isinstance(outcome, int)
            else Decision(parsed.default, outcome.rules)
        )
    return result


def _prepare(
    profile: Mapping[str, object],
    capabilities: Collection[str],
    arch: str,
    kernel: tuple[int, int],
) -> tuple[str, Profile, list[Rule]]:
    """The native architecture's name, the profile, and those of its rules that apply."""
    if arch not in _NATIVE:
        raise errors.NotImplemented(f"seccomp profiles cannot be compiled for {arch!r}")
    native, go_name = _NATIVE[arch]
    parsed = parse_profile(profile)
    held = frozenset(capabilities)
    return native, parsed, [rule for rule in parsed.rules if _applies(rule, held, go_name, kernel)]


def _check_notifications(default: int, rules: Sequence[Rule], *, listener: bool) -> None:
    """Refuse those that nobody would hear, and those that would stop their own hand-over."""
    if default == _RET_NOTIFY:
        raise InvalidArgument("seccomp profile: SCMP_ACT_NOTIFY cannot be the default action")
    for rule in rules:
        if rule.action != _RET_NOTIFY:
            continue
        if not listener:
            raise errors.NotImplemented("seccomp profile: SCMP_ACT_NOTIFY needs a listener")
        if "write" in rule.names:
            raise InvalidArgument("seccomp profile: SCMP_ACT_NOTIFY cannot be used for write")


def _applies(
    rule: Rule, capabilities: frozenset[str], architecture: str, kernel: tuple[int, int]
) -> bool:
    excludes, includes = rule.excludes, rule.includes
    if architecture in excludes.architectures or excludes.capabilities & capabilities:
        return False
    if excludes.kernel is not None and kernel >= excludes.kernel:
        return False
    if includes.architectures and architecture not in includes.architectures:
        return False
    if not includes.capabilities <= capabilities:
        return False
    return includes.kernel is None or kernel >= includes.kernel


def _architectures(profile: Profile, native: str) -> list[str]:
    """The native architecture and the further ones of the profile that this kernel can run."""
    listed = profile.architectures
    if listed is None:
        listed = profile.architecture_map.get(native, ())
    family = "SCMP_ARCH_X" if native == "SCMP_ARCH_X86_64" else "SCMP_ARCH_A"
    further = {name for name in listed if name in _ARCHITECTURES and name.startswith(family)}
    return [native, *sorted(further - {native})]


@dataclass(frozen=True, slots=True)
class _Tests:
    """The outcome for a number that depends on arguments: rules with conditions, in order."""

    rules: tuple[Rule, ...]
    integers: tuple[int, ...]
    wide: bool


def _program(architectures: Sequence[_Architecture], rules: Sequence[Rule], default: int) -> bytes:
    out = Assembler()
    out.load(_ARCH_OFFSET)
    by_audit: dict[int, list[_Architecture]] = {}
    for architecture in architectures:
        by_audit.setdefault(architecture.audit, []).append(architecture)
    for audit, sharing in by_audit.items():
        following = out.new_label()
        out.jump_if(JEQ, audit, no=following)
        out.load(_NR_OFFSET)
        ranges: dict[int, int | _Tests] = {}
        for architecture in sharing:
            ranges.update(_ranges(architecture, rules, default))
        if audit == _ARCHITECTURES["SCMP_ARCH_X86_64"].audit:
            ranges.setdefault(X32_SYSCALL_BIT, _RET_KILL_THREAD)
        # -1 is a call that a tracer has cancelled, on each architecture.
        ranges[0xFFFFFFFF] = default
        _search(out, _joined(ranges), default)
        out.label(following)
    out.ret(_RET_KILL_THREAD)
    return out.encode()


def _ranges(
    architecture: _Architecture, rules: Sequence[Rule], default: int
) -> dict[int, int | _Tests]:
    """What to do from each number on, for the whole number space of one architecture."""
    table = numbers(architecture.table)
    base = X32_SYSCALL_BIT if architecture.table == "x32" else 0
    outcomes: dict[int, int | _Tests] = {}
    newest = base - 1
    for name, found in _by_name(rules).items():
        number = table.get(name)
        if number is None:
            continue
        if number < base + _ARM_PRIVATE:
            newest = max(newest, number)
        outcomes[number] = _outcome(name, found, default, wide=architecture.wide)
    beyond = _ENOSYS if default & _RET_ACTION == _RET_ERRNO else default
    ranges: dict[int, int | _Tests] = {base: default, newest + 1: beyond}
    if architecture.table == "arm":
        ranges[_ARM_PRIVATE] = default
    for number, outcome in outcomes.items():
        ranges[number] = outcome
        if number + 1 not in outcomes:
            ranges.setdefault(number + 1, default)
    return ranges


def _by_name(rules: Sequence[Rule]) -> dict[str, list[Rule]]:
    result: dict[str, list[Rule]] = {}
    for rule in rules:
        for name in dict.fromkeys(rule.names):
            result.setdefault(name, []).append(rule)
    return result


def _outcome(name: str, rules: Sequence[Rule], default: int, *, wide: bool) -> int | _Tests:
    # A rule that says what happens anyway is as good as none.
    telling = [rule for rule in rules if rule.action != default]
    for rule in telling:
        if not rule.conditions:
            return rule.action
    if not telling:
        return default
    alternatives: list[Rule] = []
    for rule in telling:
        indexes = [condition.index for condition in rule.conditions]
        if len(set(indexes)) == len(indexes):
            alternatives.append(rule)
        else:
            alternatives += [
                Rule(rule.names, rule.action, (condition,)) for condition in rule.conditions
            ]
    return _Tests(
        tuple(Rule((), rule.action, rule.conditions) for rule in alternatives),
        _INTEGERS.get(name, ()),
        wide,
    )


def _joined(ranges: Mapping[int, int | _Tests]) -> list[tuple[int, int | _Tests]]:
    """The ranges in order, neighbours with one outcome made one."""
    result: list[tuple[int, int | _Tests]] = []
    for start, outcome in sorted(ranges.items(), key=lambda item: item[0]):
        if not result or result[-1][1] != outcome:
            result.append((start, outcome))
    return result


def _search(out: Assembler, ranges: Sequence[tuple[int, int | _Tests]], default: int) -> None:
    """A balanced tree of comparisons, depth first, with the outcomes as leaves."""
    if len(ranges) == 1:
        outcome = ranges[0][1]
        if isinstance(outcome, int):
            out.ret(outcome)
        else:
            _tests(out, outcome, default)
        return
    middle = len(ranges) // 2
    upper = out.new_label()
    out.jump_if(JGE, ranges[middle][0], yes=upper)
    _search(out, ranges[:middle], default)
    out.label(upper)
    _search(out, ranges[middle:], default)


def _tests(out: Assembler, tests: _Tests, default: int) -> None:
    for rule in tests.rules:
        failed = out.new_label()
        for condition in rule.conditions:
            wide = tests.wide and condition.index not in tests.integers
            _compare(out, condition, failed, wide=wide)
        out.ret(rule.action)
        out.label(failed)
    out.ret(default)


# How the low halves decide when the high halves are equal: the jump, and whether it means yes.
_LOW: Final = {
    "EQ": (JEQ, True),
    "NE": (JEQ, False),
    "GT": (JGT, True),
    "LE": (JGT, False),
    "GE": (JGE, True),
    "LT": (JGE, False),
    "MASKED_EQ": (JEQ, True),
}


def _compare(out: Assembler, condition: Condition, failed: str, *, wide: bool) -> None:
    """Goes on if the condition holds, else jumps to `failed`; unsigned, in two halves if wide."""
    masked = condition.operator == "MASKED_EQ"
    wanted = condition.value_two if masked else condition.value
    offset = _ARGS_OFFSET + 8 * condition.index
    held = out.new_label()
    if wide:
        out.load(offset + 4)
        if masked:
            out.bit_and(condition.value >> 32)
        _compare_high(out, condition.operator, wanted >> 32, held, failed)
    out.load(offset)
    if masked:
        out.bit_and(condition.value & 0xFFFFFFFF)
    jump, means_yes = _LOW[condition.operator]
    if means_yes:
        out.jump_if(jump, wanted & 0xFFFFFFFF, no=failed)
    else:
        out.jump_if(jump, wanted & 0xFFFFFFFF, yes=failed)
    out.label(held)


def _compare_high(out: Assembler, operator: str, high: int, held: str, failed: str) -> None:
    """Decides by the high halves if they differ, else goes on with the low ones."""
    if operator in ("EQ", "MASKED_EQ"):
        out.jump_if(JEQ, high, no=failed)
    elif operator == "NE":
        out.jump_if(JEQ, high, no=held)
    elif operator in ("GT", "GE"):
        out.jump_if(JGT, high, yes=held)
        out.jump_if(JEQ, high, no=failed)
    else:
        out.jump_if(JGT, high, yes=failed)
        out.jump_if(JEQ, high, no=held)
