from __future__ import annotations

from baleen.cli.building.display import BuildDisplay, why_lines


def vertex(digest, name, inputs=()):
    return {"vertex": {"digest": digest, "name": name, "inputs": list(inputs), "line": 1}}


def change(digest, state, time_s=0.0, **more):
    return {"vertex": {"digest": digest, "state": state, "time": int(time_s * 1e9), **more}}


def show(*messages, why=False):
    written: list[str] = []
    display = BuildDisplay(written.append, why=why)
    for message in messages:
        display.show(message)
    return "".join(written)


def test_steps_are_numbered_as_they_speak_and_their_lines_stay_apart():
    text = show(
        vertex("a", "[1/2] RUN a"),
        vertex("b", "[2/2] RUN b"),
        change("a", "started", 1),
        change("b", "started", 1),
        {"log": {"vertex": "b", "stream": 1, "data": "half"}},
        {"log": {"vertex": "a", "stream": 1, "data": "of a\n"}},
        {"log": {"vertex": "b", "stream": 1, "data": " line\n"}},
        change("a", "completed", 2.5),
        change("b", "cached"),
    )
    assert text.splitlines()[0] == "#1 [1/2] RUN a"
    assert "#1 of a\n" in text
    assert "#2 half line\n" in text
    assert "#1 DONE 1.5s\n" in text
    assert text.endswith("#2 CACHED\n\n")


def test_a_tab_is_no_danger():
    text = show(
        vertex("a", "RUN cat /etc/hosts"),
        {"log": {"vertex": "a", "stream": 1, "data": "::1\tlocalhost\n::2\tlast"}},
        change("a", "completed"),
    )
    assert "#1 ::1\tlocalhost\n#1 ::2\tlast\n" in text


def test_files_that_came_and_went_are_told_so():
    changes = [
        {"kind": "file", "subject": "new", "before": "", "after": "present"},
        {"kind": "file", "subject": "old", "before": "present", "after": ""},
    ]
    lines = why_lines({"hit": False, "reason": "file new changed", "changes": changes})
    assert lines[1:] == ["why:   file new: added", "why:   file old: removed"]


def test_a_hostile_step_cannot_drive_the_terminal():
    text = show(
        vertex("a", "RUN \x1b]0;x\x07"),
        {"log": {"vertex": "a", "stream": 1, "data": "\x1b[2Jgone\rover\n"}},
        change("a", "failed", error="no \x1b[31m\nmore"),
    )
    assert "\x1b" not in text
    assert "over" in text
    assert "ERROR: no" in text


def test_a_last_line_without_an_end_is_shown():
    text = show(
        vertex("a", "RUN a"),
        {"log": {"vertex": "a", "stream": 1, "data": "no end"}},
        change("a", "completed"),
    )
    assert "#1 no end\n" in text


def test_why_is_told_in_words():
    verdict = {
        "hit": False,
        "reason": "a file has changed",
        "nearest": "COPY . /",
        "changes": [
            {"kind": "file", "subject": "a", "before": "1", "after": "2"},
            {"kind": "file", "subject": "b", "before": "", "after": "3"},
            {"kind": "file", "subject": "c", "before": "4", "after": ""},
        ],
        "more": 7,
    }
    assert why_lines(verdict) == [
        "why: a file has changed",
        "why: nearest: COPY . /",
        "why:   file a: 1 -> 2",
        "why:   file b: added 3",
        "why:   file c: removed 4",
        "why:   and 7 more",
    ]
    assert why_lines({"hit": True, "reason": "r"}) == ["why: r"]
    text = show(vertex("a", "A"), change("a", "completed", verdict=verdict), why=True)
    assert "#1 why: a file has changed\n" in text


def test_what_is_not_known_is_left_out():
    assert show({"other": 1}, change("z", "completed"), {"log": {"vertex": "z", "data": "x"}}) == ""
