"""Blocks of log lines become frames."""

from __future__ import annotations

import json
import struct

from hypothesis import given
from hypothesis import strategies as st

from baleen.containers.log_lines import LineRenderer, LogOptions, fixed_time


def line(text: str, stream: str = "stdout", time: str = "2026-01-02T03:04:05.5Z") -> bytes:
    return json.dumps({"log": text, "stream": stream, "time": time}).encode() + b"\n"


def test_times_compare_as_text_when_fixed():
    assert fixed_time("2026-01-02T03:04:05Z") == "2026-01-02T03:04:05.000000000Z"
    assert fixed_time("2026-01-02T03:04:05.5Z") == "2026-01-02T03:04:05.500000000Z"
    assert fixed_time("2026-01-02T03:04:05.123456789Z") == "2026-01-02T03:04:05.123456789Z"


@given(st.lists(st.tuples(st.text(st.characters(exclude_categories=["Cs"])), st.booleans())))
def test_each_message_is_one_frame(messages):
    block = b"".join(line(text, "stderr" if is_error else "stdout") for text, is_error in messages)
    expected = b"".join(
        struct.pack(">BxxxL", 2 if is_error else 1, len(text.encode())) + text.encode()
        for text, is_error in messages
    )
    assert LineRenderer(LogOptions()).render(block) == expected


def test_until_finishes():
    renderer = LineRenderer(LogOptions(framed=False, until="2026-01-02T03:04:06.000000000Z"))
    block = b"".join(
        line(f"{second}\n", time=f"2026-01-02T03:04:0{second}Z") for second in (5, 6, 7, 4)
    )
    assert renderer.render(block) == b"5\n6\n"
    assert renderer.finished


def test_deep_and_huge_lines_do_no_harm():
    renderer = LineRenderer(LogOptions(framed=False))
    block = (
        line("a\n")
        + b"[" * 100_000
        + b"\n"
        + b'{"log":"'
        + b"x" * 2_000_000
        + b'"}\n'
        + line("b\n")
    )
    rendered = renderer.render(block)
    assert rendered.startswith(b"a\n")
    assert rendered.endswith(b"b\n")
