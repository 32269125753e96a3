from __future__ import annotations

from baleen.engine.explaining.paths import explain_paths

PATHS = {"masked_paths": ["/proc/version", "/proc/no-such"], "readonly_paths": ["/proc/sys"]}
PROC = "1 0 0:60 / / rw - overlay o rw\n2 1 0:61 / /proc rw - proc proc rw\n"
MASK = "3 2 0:62 /null /proc/version rw - tmpfs tmpfs rw\n"
READ_ONLY = "4 2 0:61 /sys /proc/sys ro - proc proc rw\n"


def states(subject):
    return {item.path: item.state for item in explain_paths(subject)}


def test_a_plan(make_subject):
    assert states(make_subject(host=PATHS)) == {
        "/proc/version": "planned",
        "/proc/no-such": "absent",
        "/proc/sys": "planned",
    }


def test_what_holds(make_subject):
    subject = make_subject(host=PATHS, mountinfo=PROC + MASK + READ_ONLY)
    assert states(subject) == {
        "/proc/version": "in force",
        "/proc/no-such": "absent",
        "/proc/sys": "in force",
    }


def test_a_mask_that_was_unmounted_is_missing(make_subject):
    found = states(make_subject(host=PATHS, mountinfo=PROC + READ_ONLY))
    assert found["/proc/version"] == "missing"


def test_a_read_only_path_that_is_writable_is_missing(make_subject):
    writable = READ_ONLY.replace(" ro ", " rw ")
    found = states(make_subject(host=PATHS, mountinfo=PROC + MASK + writable))
    assert found["/proc/sys"] == "missing"


def test_a_second_proc_undoes_all(make_subject):
    again = "9 2 0:70 / /proc rw - proc again rw\n"
    found = states(make_subject(host=PATHS, mountinfo=PROC + MASK + READ_ONLY + again))
    assert found == {
        "/proc/version": "missing",
        "/proc/no-such": "absent",
        "/proc/sys": "missing",
    }


def test_privileged_has_none(make_subject):
    assert explain_paths(make_subject(host={"privileged": True})) == []
