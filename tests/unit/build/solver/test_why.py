"""A miss is told by what differs from the nearest entry, the likely cause first."""

from __future__ import annotations

from baleen.build.solver.why import Change, compare, explain

BEFORE = {"instruction:": "make", "base:0": "1", "environment:A": "x", "file:/a": "1"}


def test_equal_parts_have_no_changes():
    assert compare(BEFORE, dict(BEFORE)) == ((), 0)


def test_the_likely_cause_comes_first():
    after = {"instruction:": "make all", "base:0": "2", "environment:B": "x", "file:/b": "1"}
    changes, more = compare(after, BEFORE)
    assert more == 0
    assert changes == (
        Change("instruction", "", "make", "make all"),
        Change("base", "0", "1", "2"),
        Change("environment", "A", "present", ""),
        Change("environment", "B", "", "present"),
        Change("file", "/a", "1", ""),
        Change("file", "/b", "", "1"),
    )


def test_many_changes_are_counted():
    changes, more = compare({f"file:/{number}": "" for number in range(50)}, {})
    assert (len(changes), more) == (20, 30)


def test_files_stand_for_the_digest_of_all():
    changes, _ = compare(
        {"option:contents of input 1": "2", "file:/a": "2"},
        {"option:contents of input 1": "1", "file:/a": "1"},
    )
    assert [change.subject for change in changes] == ["/a"]
    changes, _ = compare({"option:contents of input 1": "2"}, {"option:contents of input 1": "1"})
    assert [change.subject for change in changes] == ["contents of input 1"]


def test_the_nearest_is_the_one_with_fewest_changes():
    verdict = explain(
        BEFORE,
        [
            ("far", {"instruction:": "x"}),
            ("near", {**BEFORE, "file:/a": "2"}),
            ("unknown", {}),
        ],
    )
    assert (verdict.nearest, verdict.reason) == ("near", "file /a changed")


def test_reasons():
    def reason(key):
        return explain({**BEFORE, key: "other"}, [("x", BEFORE)]).reason

    assert reason("instruction:") == "the instruction changed"
    assert reason("base:0") == "the image or step that it stands on changed"
    assert reason("base:2") == "a source changed"
    assert reason("environment:A") == "variable A changed"
    assert reason("option:user") == "option user changed"
    assert reason("mount:/m") == "mount /m changed"
    assert explain(BEFORE, []).reason == "no step like this one is in the cache"
    assert "not here any more" in explain(BEFORE, [("x", dict(BEFORE))]).reason


def test_values_of_variables_are_never_told():
    changes, _ = compare({"environment:TOKEN": "0123456789ab"}, {"environment:TOKEN": "ba98"})
    assert changes == (Change("environment", "TOKEN", "present", "present"),)
    changes, _ = compare({"file:/a": "0123456789ab"}, {"file:/a": "ba9876543210"})
    assert changes == (Change("file", "/a", "ba987654", "01234567"),)
