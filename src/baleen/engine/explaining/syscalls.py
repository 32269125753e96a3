"""What the seccomp filter refuses: read from the same profile that its program is compiled of."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Any, Final

from baleen.api.explanation import ExplainedSeccomp, ExplainedSyscall, ExplainedSyscallGroup
from baleen.engine.explaining.why_syscalls import CONDITIONS, GROUPS, OTHERS
from baleen.runtime.seccomp import decisions
from baleen.runtime.seccomp_profile import parse_profile

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from baleen.engine.explaining.subject import Subject
    from baleen.engine.explaining.why_syscalls import WhyGroup
    from baleen.runtime.seccomp import Decision
    from baleen.runtime.seccomp_profile import Condition, Rule

__all__ = ["action_text", "condition_text", "explain_seccomp"]

_ACTION: Final = 0xFFFF0000
_ALLOWED: Final = frozenset({0x7FFF0000, 0x7FFC0000})
_ERRNO: Final = 0x00050000
_ACTIONS: Final = {
    0x00000000: "kill the thread",
    0x80000000: "kill the process",
    0x00030000: "SIGSYS",
    0x7FF00000: "ask the tracer",
    0x7FFC0000: "allow and log",
    0x7FFF0000: "allow",
}
_OPERATORS: Final = {"NE": "!=", "LT": "<", "LE": "<=", "EQ": "==", "GE": ">=", "GT": ">"}

_FILTERED: Final = (
    "A program in the kernel looks at each system call and its arguments before it is carried "
    "out. Children inherit it, and it can never be taken off."
)
_UNCONFINED: Final = "No filter: every system call reaches the kernel, which checks rights alone."
_INHERITED: Final = (
    "The engine has installed no filter; the process has one that it inherited from the daemon "
    "or has installed itself."
)
_OTHER_PROGRAM: Final = (
    " The program of this run was made of another profile than the daemon has now; what is "
    "listed is the present profile."
)


def explain_seccomp(
    subject: Subject,
    source: tuple[str, Mapping[str, Any] | None, str],
    *,
    kernel: tuple[int, int],
    running_program: str | None,
) -> ExplainedSeccomp:
    """Return mode, and what is refused or depends on arguments.

    Args:
        subject: the container.
        source: kind of profile, its document and the program's file name.
        kernel: the version that the program is compiled for.
        running_program: file name of the run's program; None in a plan.
    """
    kind, document, program = source
    live = subject.live
    filters = live.number("Seccomp_filters") if live else 0
    if document is None:
        filtered = live is not None and live.number("Seccomp") == 2
        return ExplainedSeccomp(
            mode="filter" if filtered else "disabled",
            filters=filters,
            why=_INHERITED if filtered else _UNCONFINED,
        )
    text = _FILTERED
    if running_program is not None and running_program != program:
        text += _OTHER_PROGRAM
    capabilities = (subject.process.get("capabilities") or {}).get("bounding") or ()
    machine = os.uname().machine
    found = decisions(document, capabilities=capabilities, arch=machine, kernel=kernel)
    allowing = _allowing(document, capabilities)
    mode = "filter" if live is None or live.number("Seccomp") == 2 else "disabled"
    return ExplainedSeccomp(
        mode=mode,
        filters=filters,
        profile=kind,
        program=program.removesuffix(".bpf"),
        architecture=machine,
        default_action=action_text(parse_profile(document).default),
        allowed=sum(1 for item in found.values() if not item.rules and _is_allowed(item.action)),
        refused=_refused(found, allowing),
        conditional=[
            ExplainedSyscall(
                name=name,
                action=action_text(item.action),
                rules=[_rule_text(rule) for rule in item.rules],
                allowed_with=allowing.get(name, []),
                why=CONDITIONS.get(name, ""),
            )
            for name, item in sorted(found.items())
            if item.rules
        ],
        why=text,
    )


def _is_allowed(action: int) -> bool:
    return action & _ACTION in _ALLOWED


def _refused(
    found: Mapping[str, Decision], allowing: Mapping[str, list[str]]
) -> list[ExplainedSyscallGroup]:
    left = {
        name: ExplainedSyscall(
            name=name, action=action_text(item.action), allowed_with=allowing.get(name, [])
        )
        for name, item in sorted(found.items())
        if not item.rules and not _is_allowed(item.action)
    }
    result = []
    for group in GROUPS:
        members = [left.pop(name) for name in sorted(group.syscalls) if name in left]
        if members:
            result.append(_group(group, members))
    if left:
        result.append(_group(OTHERS, list(left.values())))
    return result


def _group(why: WhyGroup, members: list[ExplainedSyscall]) -> ExplainedSyscallGroup:
    return ExplainedSyscallGroup(title=why.title, why=why.why, see=why.see, syscalls=members)


def _allowing(document: Mapping[str, Any], held: Collection[str]) -> dict[str, list[str]]:
    """Return, by syscall, the capabilities for which the profile has a rule that allows it."""
    result: dict[str, list[str]] = {}
    for rule in parse_profile(document).rules:
        wanted = rule.includes.capabilities - set(held)
        if len(wanted) != 1 or not _is_allowed(rule.action) or rule.conditions:
            continue
        for name in rule.names:
            known = result.setdefault(name, [])
            known += [capability for capability in wanted if capability not in known]
    return result


def action_text(action: int) -> str:
    """Return what a filter's return value does, in a word: "allow", "EPERM"."""
    kind = action & _ACTION
    if kind == _ERRNO:
        return errno.errorcode.get(action & 0xFFFF, f"errno {action & 0xFFFF}")
    return _ACTIONS.get(kind, hex(action))


def condition_text(condition: Condition) -> str:
    """Return a comparison of one argument, counted from 0: "arg0 & 0x7e020000 == 0x0"."""
    argument = f"arg{condition.index}"
    if condition.operator == "MASKED_EQ":
        return f"{argument} & {condition.value:#x} == {condition.value_two:#x}"
    return f"{argument} {_OPERATORS[condition.operator]} {condition.value}"


def _rule_text(rule: Rule) -> str:
    conditions = " and ".join(condition_text(condition) for condition in rule.conditions)
    return f"{conditions}: {action_text(rule.action)}"
