"""Where a control group is the user's; using one is tested with the engine, on cgroup v2."""

from __future__ import annotations

import os
from pathlib import Path

from baleen.rootless import delegation


def test_groups_are_removed_from_the_leaves_up(tmp_path):
    (tmp_path / "group/a/b").mkdir(parents=True)
    delegation.remove_group(tmp_path / "group")
    delegation.remove_group(tmp_path / "group")
    assert list(tmp_path.iterdir()) == []


def test_a_process_moves_by_a_word_in_a_file(tmp_path):
    (tmp_path / "cgroup.procs").touch()
    delegation.enter_group(tmp_path)
    assert (tmp_path / "cgroup.procs").read_text() == "0"


def test_a_parent_is_one_that_we_may_write_to():
    parent = delegation.delegated_parent()
    if parent is not None:
        assert os.access(parent / "cgroup.procs", os.W_OK)
        assert Path("/sys/fs/cgroup") in parent.parents
