"""A volume's record survives its way through the database."""

from __future__ import annotations

import msgspec
import pytest

from baleen.volumes.record import VolumeRecord, decode_record, encode_record


def test_round_trip():
    record = VolumeRecord(name="v", created_at="2026-01-02T03:04:05Z", labels={"a": "ü"})
    assert decode_record(encode_record(record)) == record


def test_damage_is_refused():
    with pytest.raises(msgspec.MsgspecError):
        decode_record(b"{}")
