from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baleen.api.filters import parse_filters
from baleen.errors import InvalidArgument


def test_both_spellings_are_read():
    assert parse_filters("") == {}
    assert parse_filters('{"label":{"a=b":true,"c":true}}') == {"label": ["a=b", "c"]}
    assert parse_filters('{"label":["a=b","a=b"],"name":null}') == {"label": ["a=b"], "name": []}
    assert parse_filters('{"dangling":{"true":true,"x":false}}') == {"dangling": ["true"]}


def test_an_unknown_name_is_refused_with_dockers_text():
    with pytest.raises(InvalidArgument, match=r"^invalid filter 'x'$"):
        parse_filters('{"x":["1"]}', {"label"})


@pytest.mark.parametrize(
    "text",
    ["x", "[]", '{"a":1}', '{"a":[1]}', '{"a":{"b":1}}', "[" * 100000, '{"a":"b"}', "\ud800"],
)
def test_what_is_no_filter_is_refused(text):
    with pytest.raises(InvalidArgument, match=r"^invalid filter"):
        parse_filters(text)


@given(st.dictionaries(st.text(), st.lists(st.text(), unique=True)))
def test_both_spellings_mean_the_same(filters):
    as_map = {name: dict.fromkeys(values, True) for name, values in filters.items()}
    assert parse_filters(json.dumps(filters)) == filters
    assert parse_filters(json.dumps(as_map)) == filters
