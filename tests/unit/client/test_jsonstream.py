from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baleen import errors
from baleen.client.jsonstream import decode_json, encode_json, iter_objects


@given(
    st.lists(st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5), max_size=3)),
    st.integers(1, 20),
    st.sampled_from([b"\n", b"", b"\r\n"]),
)
def test_objects_come_out_whatever_the_cuts(objects, size, separator):
    data = b"".join(json.dumps(o).encode() + separator for o in objects)
    pieces = [data[i : i + size] for i in range(0, len(data), size)]
    assert list(iter_objects(pieces)) == objects


@pytest.mark.parametrize("data", [b"[1]\n", b"1\n", b"{]\n", b"{} x\n", b'{"a":NaN}\n', b"{"])
def test_other_things_are_refused(data):
    with pytest.raises(errors.DataLoss):
        list(iter_objects([data]))


def test_an_object_without_an_end_is_bounded():
    def endless():
        yield b'{"a":"'
        while True:
            yield b"x" * 1_000_000

    with pytest.raises(errors.DataLoss, match="endless"):
        list(iter_objects(endless()))


@pytest.mark.parametrize("data", [b"NaN", b"[Infinity]", b"", b"{'a':1}", b"[" * 100_000])
def test_decoding_takes_json_only(data):
    with pytest.raises(errors.DataLoss):
        decode_json(data)


def test_encoding_is_compact_utf8():
    assert encode_json({"a": ["\u00e9", None, True]}) == '{"a":["\u00e9",null,true]}'.encode()
