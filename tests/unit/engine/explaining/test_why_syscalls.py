from __future__ import annotations

import pytest

from baleen.engine.explaining.why_syscalls import CONDITIONS, GROUPS
from baleen.linux.syscall_table import numbers
from baleen.runtime.default_spec import DEFAULT_CAPABILITIES
from baleen.runtime.seccomp import decisions, default_profile

ALLOW = 0x7FFF0000
KNOWN = set().union(*(numbers(table) for table in ("x86_64", "i386", "aarch64", "arm")))


def test_no_call_is_refused_for_two_reasons():
    names = [name for group in GROUPS for name in group.syscalls]
    assert len(names) == len(set(names))
    assert len({group.title for group in GROUPS}) == len(GROUPS)


@pytest.mark.parametrize("arch", ["x86_64", "aarch64"])
def test_what_the_builtin_profile_refuses_has_a_reason(arch):
    found = decisions(
        default_profile(), capabilities=DEFAULT_CAPABILITIES, arch=arch, kernel=(6, 18)
    )
    explained = {name for group in GROUPS for name in group.syscalls}
    refused = {name for name, item in found.items() if not item.rules and item.action != ALLOW}
    assert refused - explained == set()
    assert {name for name, item in found.items() if item.rules} == set(CONDITIONS)


def test_no_reason_is_for_a_call_that_no_kernel_has():
    # uprobe and uretprobe came one after the other; a table may have the first alone.
    assert {name for group in GROUPS for name in group.syscalls} - KNOWN <= {"uretprobe"}
