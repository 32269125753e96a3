import pytest

from baleen.linux.cgroup import LimitRefused
from baleen.linux.cgroup.devices import (
    MKNOD,
    READ,
    WRITE,
    DeviceState,
    evaluate,
    parse_list,
    v1_changes,
)


def rule(allow, kind="c", major=None, minor=None, access="rwm"):
    return {"allow": allow, "type": kind, "major": major, "minor": minor, "access": access}


DENY_ALL = {"allow": False, "access": "rwm"}


def test_deny_all_then_exceptions():
    state = evaluate([DENY_ALL, rule(True, "c", 1, 3), rule(True, "b", access="m")])
    assert state == DeviceState(False, {("c", 1, 3): 7, ("b", None, None): 1})


def test_minus_one_is_any_number():
    assert evaluate([DENY_ALL, rule(True, "c", 136, -1)]).exceptions == {("c", 136, None): 7}


def test_access_to_one_device_adds_up_and_is_taken_away_exactly():
    rules = [DENY_ALL, rule(True, "c", 1, 3, "r"), rule(True, "c", 1, 3, "w")]
    assert evaluate(rules).exceptions == {("c", 1, 3): 6}
    assert evaluate([*rules, rule(False, "c", 1, 3, "r")]).exceptions == {("c", 1, 3): 4}
    assert evaluate([*rules, rule(False, "c", 1, 3)]).exceptions == {}


def test_an_a_rule_forgets_what_was_before():
    assert evaluate([DENY_ALL, rule(True, "c", 1, 3), {"allow": True, "type": "a"}]) == DeviceState(
        True, {}
    )


def test_an_a_rule_for_one_number_is_for_both_types_and_opens_nothing_else():
    narrow = {"allow": True, "type": "a", "major": 10, "minor": 200, "access": "rw"}
    assert evaluate([DENY_ALL, narrow]) == DeviceState(
        False, {("b", 10, 200): READ | WRITE, ("c", 10, 200): READ | WRITE}
    )
    without_type = {"allow": False, "major": 1, "minor": 3}
    assert evaluate([without_type]) == DeviceState(
        True, {(kind, 1, 3): READ | WRITE | MKNOD for kind in "bc"}
    )
    assert evaluate([{"allow": False, "type": "a", "access": "w"}]) == DeviceState(
        True, {(kind, None, None): WRITE for kind in "bc"}
    )


def test_a_hole_in_a_wider_rule_is_refused_and_not_ignored():
    with pytest.raises(LimitRefused, match=r"'c 8:0 rwm' cuts into .*'c 8:\* rwm'"):
        evaluate([DENY_ALL, rule(True, "c", 8), rule(False, "c", 8, 0)])


@pytest.mark.parametrize(
    "bad",
    [
        rule(True, "d"),
        rule(True, access="x"),
        rule(True, access="rwx"),
        rule(True, major=-2),
        rule(True, major=2**32),
        rule(True, major=True),
        rule(True, major="8"),
        rule(None),
        "c 1:3 rwm",
    ],
)
def test_malformed_rules_are_refused(bad):
    with pytest.raises(LimitRefused):
        evaluate([DENY_ALL, bad])


def test_a_million_rules_are_refused():
    with pytest.raises(LimitRefused, match="1000000 device rules"):
        evaluate([rule(True, "c", 1, 3)] * 1_000_000)


def test_a_new_group_is_closed_first():
    state = evaluate([DENY_ALL, rule(True, "c", 1, 3), rule(True, "b", 8, 0, "r")])
    assert list(v1_changes(None, state)) == [
        ("devices.deny", ["a"]),
        ("devices.allow", ["c 1:3 rwm", "b 8:0 r"]),
    ]


def test_an_update_writes_only_the_difference():
    current = parse_list("c 1:3 rwm\nc 1:5 rwm\nb *:* m\n")
    wanted = evaluate(
        [DENY_ALL, rule(True, "c", 1, 3, "r"), rule(True, "b", access="m"), rule(True, "c", 9, 1)]
    )
    assert list(v1_changes(current, wanted)) == [
        ("devices.allow", ["c 9:1 rwm"]),
        ("devices.deny", ["c 1:3 wm", "c 1:5 rwm"]),
    ]


def test_the_kernels_open_list_is_understood():
    assert parse_list("a *:* rwm\n") == DeviceState(True, {})
