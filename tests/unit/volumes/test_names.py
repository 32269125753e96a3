"""Names that are fit to be directories."""

from __future__ import annotations

import pytest

from baleen.errors import InvalidArgument
from baleen.volumes.names import check_volume_name


@pytest.mark.parametrize("name", ["v1", "A.b_c-d", "0" * 64, "a" * 255])
def test_good_names(name):
    assert check_volume_name(name) == name


@pytest.mark.parametrize("name", ["", "..", "a/b", "-ab", "ab\n", "a\0b", "\u00e91", "a" * 256])
def test_bad_names(name):
    with pytest.raises(
        InvalidArgument, match="includes invalid characters for a local volume name"
    ):
        check_volume_name(name)


def test_one_letter_is_too_short():
    with pytest.raises(InvalidArgument, match="volume name is too short"):
        check_volume_name("a")
