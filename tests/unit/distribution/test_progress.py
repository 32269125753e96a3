from __future__ import annotations

from baleen.distribution import progress as module
from baleen.distribution.progress import Meter, State, silent
from baleen.oci.descriptor import Descriptor
from baleen.oci.digest import Digest

BLOB = Descriptor(media_type="x", digest=Digest.of(b""), size=100)


def test_a_meter_tells_at_most_ten_times_a_second(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    events = []
    meter = Meter(BLOB, State.DOWNLOADING, events.append)
    for count in range(50):
        meter.at(count)
        now[0] += 0.01
    assert [event.current for event in events] == [0, 10, 20, 30, 40]
    assert events[0].total == 100
    assert events[0].state is State.DOWNLOADING


def test_nobody_needs_to_listen():
    Meter(BLOB, State.PUSHING, silent).at(1)
