from __future__ import annotations

import pytest

from baleen import errors
from baleen.cli.pulling import show_progress


class Session:
    def __init__(self):
        self.out_lines, self.err_lines = [], []

    def out_raw(self, text):
        self.out_lines.append(text)

    def warn_raw(self, text):
        self.err_lines.append(text)


MESSAGES = [
    {"status": "Pulling", "id": "latest"},
    {"status": "Downloading", "progressDetail": {"current": 1}, "id": "a"},
    {"status": "Done", "progressDetail": {}},
    {"stream": "Loaded image: x\n"},
    {"aux": {"ID": "sha256:1"}},
]


def test_messages_are_lines_and_bars_are_left_out():
    session = Session()
    show_progress(session, MESSAGES)
    assert session.out_lines == ["latest: Pulling\n", "Done\n", "Loaded image: x\n"]


def test_run_shows_them_beside_its_output():
    session = Session()
    show_progress(session, MESSAGES, to_stdout=False)
    assert (session.out_lines, len(session.err_lines)) == ([], 3)


def test_an_engine_may_send_the_new_form_of_an_error_alone():
    with pytest.raises(errors.Internal, match=r"^no space$"):
        show_progress(Session(), [{"errorDetail": {"message": "no space"}}])


def test_quiet_still_fails():
    session = Session()
    with pytest.raises(errors.Internal, match=r"^denied$"):
        show_progress(session, [*MESSAGES, {"error": "denied"}], quiet=True)
    assert session.out_lines == []
