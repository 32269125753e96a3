from __future__ import annotations

import pytest

from baleen.api.transfers import ImageReceiveBody
from baleen.api.wire import decode, encode
from baleen.errors import InvalidArgument


def test_an_offer_is_what_the_receiver_reads():
    raw = (
        b'{"Target":{"mediaType":"m","digest":"d","size":1},'
        b'"Names":["n"],"Blobs":[{"Digest":"b","Size":2}]}'
    )
    assert encode(decode(ImageReceiveBody, raw)) == raw


def test_a_size_is_not_negative():
    with pytest.raises(InvalidArgument, match="Size"):
        decode(ImageReceiveBody, b'{"Blobs":[{"Digest":"b","Size":-1}]}')
