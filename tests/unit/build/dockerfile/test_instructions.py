"""Instructions are values: frozen, comparable, in a fixed order of parts."""

from __future__ import annotations

import dataclasses
from typing import get_args

import pytest

from baleen.build.dockerfile import instructions
from baleen.build.dockerfile.instructions import Instruction, Location, Workdir


@pytest.mark.parametrize("kind", get_args(Instruction))
def test_every_instruction_is_frozen_and_says_where_it_stands(kind):
    names = [field.name for field in dataclasses.fields(kind)]
    assert names[:3] == ["location", "text", "comments"]
    assert kind.__dataclass_params__.frozen
    assert kind.__name__ in instructions.__all__


def test_equal_instructions_are_equal():
    first = Workdir(location=Location(1, 1), text="WORKDIR /a", path="/a")
    second = Workdir(location=Location(1, 1), text="WORKDIR /a", path="/a")
    assert first == second
    with pytest.raises(dataclasses.FrozenInstanceError):
        first.path = "/b"
