import pytest

from baleen.errors import InvalidArgument
from baleen.runtime.seccomp_profile import Condition, parse_profile

CONDITION = {"index": 0, "value": 1, "op": "SCMP_CMP_EQ"}


def document(**rule):
    return {
        "defaultAction": "SCMP_ACT_ERRNO",
        "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW", **rule}],
    }


def test_a_rule_is_read_with_all_its_members():
    parsed = parse_profile(
        document(
            args=[{**CONDITION, "valueTwo": 2, "op": "SCMP_CMP_MASKED_EQ"}],
            includes={"caps": ["CAP_BPF"], "arches": ["amd64"], "minKernel": "4.8"},
            excludes=None,
            comment="why",
        )
    )
    (rule,) = parsed.rules
    assert rule.names == ("read",)
    assert rule.action == 0x7FFF0000
    assert rule.conditions == (Condition(0, "MASKED_EQ", 1, 2),)
    assert rule.includes.kernel == (4, 8)
    assert rule.includes.capabilities == {"CAP_BPF"}
    assert parsed.default == 0x00050001
    assert parsed.flags is None


@pytest.mark.parametrize(
    ("bad", "where"),
    [
        ({}, "defaultAction"),
        ({"defaultAction": "ALLOW"}, "'ALLOW' is not an action"),
        ({"defaultAction": ["SCMP_ACT_ALLOW"]}, "is not an action"),
        ({"defaultAction": "SCMP_ACT_ALLOW", "defaultErrnoRet": 1}, "gives an errno"),
        ({"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 70000}, "between 0 and 65535"),
        ({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": {}}, "syscalls is not a list"),
        ({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [1]}, r"syscalls\[0\] is not an object"),
        ({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{}] * 5000}, "more than 4096"),
        ({"defaultAction": "SCMP_ACT_ALLOW", "architectures": "x"}, "architectures is not a list"),
        ({"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["x"], "archMap": [{}]}, "both"),
        (document(names="read"), "names is not a list"),
        (document(names=[1]), "list of strings"),
        (document(name="x"), "both a name and names"),
        (document(action="SCMP_ACT_ALLOW", errnoRet=1), "gives an errno to SCMP_ACT_ALLOW"),
        (document(args=[{**CONDITION, "index": 6}]), "between 0 and 5"),
        (document(args=[{**CONDITION, "index": True}]), "between 0 and 5"),
        (document(args=[{**CONDITION, "value": -1}]), "value"),
        (document(args=[{**CONDITION, "value": 1 << 64}]), "value"),
        (document(args=[{**CONDITION, "value": 1.5}]), "value"),
        (document(args=[{**CONDITION, "op": "EQ"}]), "'EQ' is not an operator"),
        (document(args=[CONDITION] * 65), "more than 64"),
        (document(includes={"minKernel": "4.8.1"}), "minKernel"),
        (document(includes={"minKernel": 4.8}), "minKernel"),
        (document(includes=[]), "includes is not an object"),
        (document(excludes={"caps": "CAP_BPF"}), "excludes caps is not a list"),
    ],
)
def test_malformed_profiles_are_refused_with_the_place(bad, where):
    with pytest.raises(InvalidArgument, match=where):
        parse_profile(bad)


def test_a_call_can_be_notified_of():
    (rule,) = parse_profile(document(action="SCMP_ACT_NOTIFY")).rules
    assert rule.action == 0x7FC00000
