from __future__ import annotations

import json

import pytest

from baleen import errors
from baleen.cli.parsing.filters import encode_filters, parse_filter


def test_filters_collect_values_of_a_key():
    filters = [parse_filter(t) for t in ("Name=a", "name=b", "label=k=v")]
    assert json.loads(encode_filters(filters)) == {"name": ["a", "b"], "label": ["k=v"]}
    assert encode_filters([]) is None


def test_a_filter_needs_a_value():
    with pytest.raises(errors.InvalidArgument, match="expected name=value"):
        parse_filter("name")
