from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baleen import errors
from baleen.cli.parsing.csv import split_fields


@given(st.lists(st.text('ab,"= ', max_size=6), min_size=1, max_size=5))
def test_what_a_csv_writer_writes_is_read_back(fields):
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL).writerow(fields)
    assert split_fields(out.getvalue().removesuffix("\r\n")) == fields


@pytest.mark.parametrize("text", ['a"b', '"a', '"a"b', '"a"b,c'])
def test_misplaced_quotes_are_refused(text):
    with pytest.raises(errors.InvalidArgument):
        split_fields(text)
