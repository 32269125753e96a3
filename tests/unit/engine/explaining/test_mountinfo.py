from __future__ import annotations

from baleen.engine.explaining.mountinfo import is_visible, parse_mountinfo

LINES = r"""
79 45 0:60 / / rw,relatime - overlay overlay rw,lowerdir=/a
80 79 0:61 / /proc rw,nosuid - proc proc rw
81 80 0:61 /sys /proc/sys ro,nosuid - proc proc rw
82 80 0:62 /null /proc/keys rw - tmpfs tmpfs rw,size=64k
83 79 254:0 /srv/with\040space /data\011x rw shared:3 master:1 - ext4 /dev/vda rw
"""


def by_target(text):
    lines = parse_mountinfo(text)
    return {line.target: line for line in lines}, lines


def test_the_fields():
    found, _ = by_target(LINES)
    assert found["/"].type == "overlay"
    assert found["/"].super_options == ("rw", "lowerdir=/a")
    assert found["/proc/sys"].options == ("ro", "nosuid")
    assert (found["/proc/sys"].root, found["/proc/sys"].parent) == ("/sys", 80)
    assert found["/"].propagation == "private"


def test_escapes_and_optional_fields():
    found, _ = by_target(LINES)
    line = found["/data\tx"]
    assert line.root == "/srv/with space"
    assert line.propagation == "shared:3 master:1"


def test_lines_that_are_no_mounts_are_left_out():
    assert parse_mountinfo("") == []
    assert parse_mountinfo("1 2 3\nx y 0:1 / / rw - proc proc rw\n79 45 0:60 / /x rw") == []


def test_a_mount_with_nothing_over_it_is_visible():
    found, lines = by_target(LINES)
    assert all(is_visible(line, lines) for line in found.values())


def test_a_second_proc_hides_what_was_mounted_in_the_first():
    lines = parse_mountinfo(LINES + "90 80 0:70 / /proc rw - proc p rw\n")
    hidden = {line.target for line in lines if not is_visible(line, lines)}
    assert hidden == {"/proc", "/proc/sys", "/proc/keys"}
    assert is_visible(next(line for line in lines if line.id == 90), lines)


def test_a_mount_over_a_directory_above_hides_too():
    text = "1 0 0:1 / / rw - ext4 a rw\n2 1 0:2 / /a/b/c rw - tmpfs t rw\n"
    lines = parse_mountinfo(text + "3 1 0:3 / /a rw - tmpfs t rw\n")
    assert [is_visible(line, lines) for line in lines] == [True, False, True]
    beside = parse_mountinfo(text + "3 1 0:3 / /a/b/cd rw - tmpfs t rw\n")
    assert all(is_visible(line, beside) for line in beside)


def test_a_ring_of_parents_ends():
    lines = parse_mountinfo("1 2 0:1 / /a rw - x x rw\n2 1 0:1 / /a/b rw - x x rw\n")
    assert [is_visible(line, lines) for line in lines] == [True, True]
