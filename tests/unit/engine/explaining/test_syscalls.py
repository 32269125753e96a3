from __future__ import annotations

import os

import pytest

from baleen.engine.explaining.syscalls import action_text, condition_text, explain_seccomp
from baleen.runtime.seccomp import default_profile
from baleen.runtime.seccomp_profile import Condition

BUILTIN = ("builtin", default_profile(), "abc.bpf")
NONE = ("unconfined", None, "")

pytestmark = pytest.mark.skipif(
    os.uname().machine not in ("x86_64", "aarch64"), reason="no syscall table for this host"
)


def explain(subject, source=BUILTIN, running=None):
    return explain_seccomp(subject, source, kernel=(6, 18), running_program=running)


def refused(found):
    return {item.name: item for group in found.refused for item in group.syscalls}


def test_the_builtin_profile(make_subject):
    found = explain(make_subject())
    assert (found.mode, found.profile, found.program) == ("filter", "builtin", "abc")
    assert found.default_action == "EPERM"
    assert {"mount", "keyctl", "bpf", "unshare"} <= set(refused(found))
    assert refused(found)["clone3"].action == "ENOSYS"
    assert refused(found)["mount"].allowed_with == ["CAP_SYS_ADMIN"]
    assert refused(found)["keyctl"].allowed_with == []
    conditional = {item.name: item for item in found.conditional}
    assert conditional["clone"].rules == ["arg0 & 0x7e020000 == 0x0: allow"]
    assert conditional["socket"].action == "EPERM"
    assert all(item.why for item in found.conditional)
    assert found.allowed > 250


def test_a_capability_opens_what_the_profile_says(make_subject):
    found = explain(make_subject(host={"cap_add": ["SYS_ADMIN"]}))
    assert "mount" not in refused(found)
    assert "keyctl" in refused(found)
    assert "clone" not in {item.name for item in found.conditional}


def test_unconfined(make_subject):
    plan = explain(make_subject(), NONE)
    assert (plan.mode, plan.refused, plan.profile) == ("disabled", [], "unconfined")
    live = explain(make_subject(status={"Seccomp": "0", "Seccomp_filters": "0"}), NONE, "")
    assert live.mode == "disabled"
    inherited = explain(make_subject(status={"Seccomp": "2", "Seccomp_filters": "3"}), NONE, "")
    assert (inherited.mode, inherited.filters) == ("filter", 3)
    assert "inherited" in inherited.why


def test_a_run_with_a_program_that_is_no_more_the_daemons_is_said(make_subject):
    subject = make_subject(status={})
    assert "another profile" not in explain(subject, running="abc.bpf").why
    assert "another profile" in explain(subject, running="other.bpf").why


def test_a_filter_that_is_not_there_is_not_claimed(make_subject):
    assert explain(make_subject(status={"Seccomp": "0"}), running="abc.bpf").mode == "disabled"


def test_calls_without_a_reason_of_ours_are_listed(make_subject):
    profile = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": ["getpid"], "action": "SCMP_ACT_KILL_PROCESS"}],
    }
    found = explain(make_subject(), ("custom", profile, "x.bpf"))
    (group,) = found.refused
    assert (group.title, group.syscalls[0].name) == ("others", "getpid")
    assert group.syscalls[0].action == "kill the process"
    assert found.default_action == "allow"


def test_words_for_actions_and_conditions():
    assert action_text(0x00050000 | 38) == "ENOSYS"
    assert action_text(0x00050000 | 4000) == "errno 4000"
    assert action_text(0x7FFC0000) == "allow and log"
    assert condition_text(Condition(0, "LT", 38, 0)) == "arg0 < 38"
    assert condition_text(Condition(1, "MASKED_EQ", 2, 2)) == "arg1 & 0x2 == 0x2"
