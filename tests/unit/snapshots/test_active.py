"""What a snapshot's record says is what is found again."""

import msgspec

from baleen.snapshots.active import ActiveRecord


def test_the_record_is_small_and_keeps_what_differs():
    assert msgspec.json.encode(ActiveRecord()) == b"{}"
    record = ActiveRecord(parent="sha256:a", writable=False, remapped=True)
    assert msgspec.json.decode(msgspec.json.encode(record), type=ActiveRecord) == record
