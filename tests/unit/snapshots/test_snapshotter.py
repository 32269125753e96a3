"""The values that a snapshotter hands out can not be changed behind its back."""

import dataclasses

import pytest

from baleen.snapshots import Mounts, Usage


@pytest.mark.parametrize("value", [Mounts(("/l",), "/u", "/w"), Usage(1, 2)])
def test_values_are_frozen(value):
    field = dataclasses.fields(value)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(value, field, None)
