from __future__ import annotations

import pytest

from baleen.cli.progress import ProgressDisplay, progress_bar

LAYER_A = {"status": "Downloading", "progressDetail": {"current": 1, "total": 2}, "id": "a"}
LAYER_B = {"status": "Waiting", "progressDetail": {}, "id": "b"}


def shown(messages, columns=None):
    written = []
    display = ProgressDisplay(written.append, columns)
    for message in messages:
        display.show(message)
    return written


def test_without_a_terminal_changes_of_state_are_lines_and_steps_are_not():
    messages = [{"status": "Pulling", "id": "latest"}, LAYER_A, LAYER_B, {"stream": "x\n"}]
    assert shown(messages) == ["latest: Pulling\n", "b: Waiting\n", "x\n"]


def test_on_a_terminal_each_id_has_a_line_that_is_drawn_again():
    assert "".join(shown([LAYER_A, LAYER_B, LAYER_A], lambda: 80)) == (
        "\n\x1b[1A\x1b[2K\ra: Downloading       1B/2B\r\x1b[1B"
        "\n\x1b[1A\x1b[2K\rb: Waiting \r\x1b[1B"
        "\x1b[2A\x1b[2K\ra: Downloading       1B/2B\r\x1b[2B"
    )


def test_another_message_ends_the_block():
    written = "".join(shown([LAYER_A, {"status": "Digest: x"}, LAYER_A], lambda: 80))
    assert written.count("\x1b[1A") == 2
    assert "Digest: x\n" in written


def test_an_engine_cannot_move_the_cursor():
    evil = {"status": "x\x1b[2J", "progressDetail": {}, "id": "a\x1b]0;t\x07"}
    written = "".join(shown([evil, {"status": "y\x1b[H"}, {"stream": "z\x1bc\n"}], lambda: 80))
    assert "\\x1b[2J" in written
    assert "\x1b[2J" not in written
    assert "\x1b]0" not in written
    assert "\x1b[H" not in written
    assert "\x1bc" not in written


@pytest.mark.parametrize("message", [{}, {"id": 3}, {"status": 1, "progressDetail": "x"}])
def test_a_message_of_another_form_is_no_error(message):
    shown([message], lambda: 80)
    shown([message])


@pytest.mark.parametrize(
    ("current", "total", "columns", "text"),
    [
        (0, 0, 200, ""),
        (1500, 0, 200, "   1.5kB"),
        (1500, 3000, 80, "   1.5kB/3kB"),
        (1500, 3000, 200, f"[{'=' * 25}>{' ' * 25}]    1.5kB/3kB"),
        (3000, 3000, 200, f"[{'=' * 50}>]      3kB/3kB"),
        (4000, 3000, 200, f"[{'=' * 50}>]      4kB"),
    ],
)
def test_bars_are_dockers(current, total, columns, text):
    assert progress_bar(current, total, columns) == text
