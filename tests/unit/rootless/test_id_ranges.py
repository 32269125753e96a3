"""What /etc/subuid grants, and the map that is made of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baleen.errors import FailedPrecondition
from baleen.rootless.id_ranges import granted_ranges, id_maps

FILE = "root:1:5\nme:100000:65536\nyou:200000:65536\n1000:300000:10\nme:bad:1\nme:1\n\nme:5:0\n"


def test_lines_of_the_user_by_name_and_number_count():
    assert granted_ranges(FILE, "me", 1000) == [(100000, 65536), (300000, 10)]
    assert granted_ranges(FILE, "nobody", 65534) == []


@given(st.text())
def test_any_text_is_read_without_an_exception(text):
    for first, count in granted_ranges(text, "me", 1000):
        assert 0 <= first < first + count < 2**32


def test_the_user_is_root_and_the_granted_ids_follow():
    maps = id_maps("me", 1000, 1001, subuid=FILE, subgid="me:7:70000\n")
    assert maps.users == ((0, 1000, 1), (1, 100000, 65536), (65537, 300000, 10))
    assert maps.groups == ((0, 1001, 1), (1, 7, 70000))
    assert maps.warnings == ()
    assert not maps.is_single


def test_too_few_ids_are_told():
    maps = id_maps("me", 1000, 1000, subuid="me:7:100\n", subgid="me:7:70000\n")
    assert maps.warnings == (
        "/etc/subuid grants 100 ids: images that use ids above that cannot be unpacked",
    )


@pytest.mark.parametrize(("subuid", "subgid"), [("", "me:7:70000"), ("me:7:70000", "")])
def test_without_a_grant_the_error_names_file_user_and_remedy(subuid, subgid):
    with pytest.raises(FailedPrecondition) as caught:
        id_maps("me", 1000, 1000, subuid=subuid, subgid=subgid)
    file = "/etc/subgid" if subuid else "/etc/subuid"
    assert caught.value.message == f"{file} grants no ids to user me (1000)"
    assert "usermod --add-sub" in caught.value.hint


def test_a_single_id_is_only_had_for_the_asking():
    maps = id_maps("me", 1000, 1001, subuid="", subgid="", single=True)
    assert (maps.users, maps.groups) == (((0, 1000, 1),), ((0, 1001, 1),))
    assert maps.is_single
    assert maps.warnings
