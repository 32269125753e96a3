from __future__ import annotations

from pathlib import Path

import pytest

from baleen.errors import InvalidArgument
from baleen.registry.access import Open
from baleen.registry.auth.accounts import EverybodyMay
from baleen.registry.auth.admission import Admission, required, rights_of
from baleen.registry.auth.rights import PolicyFile


def test_a_gate_alone_has_no_issuer_and_is_not_open():
    made = Admission(Open())
    assert made.issuer is None
    assert not made.is_open
    made.close()


def test_rights_are_everybodys_or_those_of_a_file(tmp_path):
    assert isinstance(rights_of("", pytest.fail), EverybodyMay)
    (tmp_path / "policy.yml").write_text("rules: []\n")
    assert isinstance(rights_of(str(tmp_path / "policy.yml"), pytest.fail), PolicyFile)


def test_a_missing_path_is_named():
    assert required("auth.x", "/a") == Path("/a")
    with pytest.raises(InvalidArgument, match=r"auth\.x is missing"):
        required("auth.x", "")
