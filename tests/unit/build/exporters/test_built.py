from __future__ import annotations

import dataclasses

import pytest


def test_a_result_never_changes(built, tar):
    result = built(tar("a", b"1"))
    assert result.statements == {}
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.base_layers = 2
