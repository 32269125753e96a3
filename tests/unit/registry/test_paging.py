"""Sizes of pages, and the way to the next."""

from __future__ import annotations

import pytest

from baleen.registry.errors import ApiError
from baleen.registry.paging import DEFAULT_PAGE, PAGE_LIMIT, next_link, page_size


def test_sizes_are_clamped():
    assert page_size({}) == DEFAULT_PAGE
    assert page_size({"n": "0"}) == 0
    assert page_size({"n": "007"}) == 7
    assert page_size({"n": "99999999999"}) == PAGE_LIMIT
    assert page_size({"n": "9" * 5000}) == PAGE_LIMIT


@pytest.mark.parametrize("text", ["", "-1", "abc", "1_0", " 1", "+1", "\u0661", "1.0", "1\n"])
def test_what_is_no_number_is_refused(text):
    with pytest.raises(ApiError) as caught:
        page_size({"n": text})
    assert caught.value.status == 400


def test_the_link_is_escaped():
    link = next_link("/v2/a/tags/list", 'x"><y', 3)["link"]
    assert link == '</v2/a/tags/list?last=x%22%3E%3Cy&n=3>; rel="next"'
    assert next_link("/p", "x", artifactType="") == {"link": '</p?last=x>; rel="next"'}
