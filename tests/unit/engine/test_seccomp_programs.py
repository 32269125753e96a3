"""Compiled programs: equal asks share a file, different ones do not, bad profiles are refused."""

from __future__ import annotations

import json
import os

import pytest

from baleen.engine.seccomp_programs import SeccompPrograms
from baleen.errors import InvalidArgument

DEFAULT = ["CAP_CHOWN", "CAP_KILL"]


def test_equal_asks_share_one_program(tmp_path):
    programs = SeccompPrograms(tmp_path / "seccomp")
    first = programs.path(None, DEFAULT)
    assert programs.path("builtin", list(reversed(DEFAULT))) == first
    assert SeccompPrograms(tmp_path / "seccomp").path(None, DEFAULT) == first
    assert os.listdir(tmp_path / "seccomp") == [os.path.basename(first)]
    # struct sock_filter is eight bytes
    assert os.path.getsize(first) % 8 == 0


def test_a_capability_that_the_profile_asks_for_makes_another_program(tmp_path):
    programs = SeccompPrograms(tmp_path)
    assert programs.path(None, [*DEFAULT, "CAP_SYS_ADMIN"]) != programs.path(None, DEFAULT)


def test_a_program_that_was_removed_is_made_again(tmp_path):
    programs = SeccompPrograms(tmp_path)
    path = programs.path(None, DEFAULT)
    os.unlink(path)
    assert programs.path(None, DEFAULT) == path
    assert os.path.exists(path)


def test_unconfined_has_no_program(tmp_path):
    assert SeccompPrograms(tmp_path).path("unconfined", DEFAULT) is None
    assert SeccompPrograms(tmp_path, "unconfined").path(None, DEFAULT) is None
    assert SeccompPrograms(tmp_path, "unconfined").path("builtin", DEFAULT) is not None


def test_the_daemons_own_profile_is_a_file(tmp_path):
    profile = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": []}
    (tmp_path / "own.json").write_text(json.dumps(profile))
    own = SeccompPrograms(tmp_path / "c", str(tmp_path / "own.json"))
    assert own.path(None, DEFAULT) == own.path(json.dumps(profile), DEFAULT)


@pytest.mark.parametrize("text", ["{", "[]", "1", '{"defaultAction": "SCMP_ACT_NOSUCH"}'])
def test_a_malformed_profile_is_a_bad_request(tmp_path, text):
    with pytest.raises(InvalidArgument):
        SeccompPrograms(tmp_path).path(text, DEFAULT)
    assert os.listdir(tmp_path) == []


def test_the_source_of_a_program_leads_to_its_file(tmp_path):
    programs = SeccompPrograms(tmp_path)
    kind, document, name = programs.source(None, DEFAULT)
    assert (kind, document["defaultAction"]) == ("builtin", "SCMP_ACT_ERRNO")
    assert os.listdir(tmp_path) == []  # nothing was compiled
    assert os.path.basename(programs.path(None, DEFAULT)) == name
    assert programs.source("unconfined", DEFAULT) == ("unconfined", None, "")
    text = json.dumps({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": []})
    assert programs.source(text, DEFAULT)[0] == "custom"
    with pytest.raises(InvalidArgument):
        programs.source("{", DEFAULT)
    assert programs.kernel >= (4, 0)
