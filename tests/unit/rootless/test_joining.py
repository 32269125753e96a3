"""The note that tells a new daemon of the namespaces; that they are joined is tested with it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from baleen.errors import Internal
from baleen.rootless.joining import Surroundings, end_everything, read_note

NOTE = {
    "outside": 1, "holder": 2, "user_namespace": "user:[3]", "group": "/sys/fs/cgroup/x",
    "network": "pasta", "dns": "169.254.1.1", "warnings": ["w"],
}  # fmt: skip


def test_a_note_is_read(tmp_path):
    (tmp_path / "note.json").write_text(json.dumps(NOTE))
    found = read_note(tmp_path)
    group = Path("/sys/fs/cgroup/x")
    assert found == Surroundings(1, 2, "user:[3]", group, "pasta", "169.254.1.1", ("w",))


@pytest.mark.parametrize("text", ["", "{", "{}", "[]", json.dumps({**NOTE, "holder": "x"})])
def test_a_damaged_note_is_told(tmp_path, text):
    (tmp_path / "note.json").write_text(text)
    with pytest.raises(Internal, match="damaged"):
        read_note(tmp_path)


def test_where_nothing_is_there_is_nothing_to_end(tmp_path):
    assert read_note(tmp_path) is None
    assert not end_everything(tmp_path)
