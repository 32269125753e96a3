"""The durable record of one volume."""

from __future__ import annotations

from typing import Final

import msgspec

__all__ = ["ANONYMOUS_LABEL", "VolumeRecord", "decode_record", "encode_record"]

ANONYMOUS_LABEL: Final = "com.docker.volume.anonymous"
"""Marks a volume that was made without a name, as Docker does."""


class VolumeRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the database keeps; `created_at` is RFC 3339, `options` those of the local driver.

    `made_for` is the container that an anonymous volume goes with, "" once it has outlived it.
    """

    name: str
    created_at: str
    options: dict[str, str] = {}
    labels: dict[str, str] = {}
    made_for: str = ""


_DECODER: Final = msgspec.json.Decoder(VolumeRecord)


def encode_record(record: VolumeRecord) -> bytes:
    """Return the document that is stored."""
    return msgspec.json.encode(record)


def decode_record(document: bytes) -> VolumeRecord:
    """Return the record of a stored document.

    Raises:
        msgspec.MsgspecError: it is not one.
    """
    return _DECODER.decode(document)
