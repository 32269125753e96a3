"""Events are known by their vertex's digest."""

from __future__ import annotations

from baleen.build.events import Completed, Started
from baleen.build.graph import ImageSource, Vertex


def test_equal_vertices_have_events_of_one_series():
    first, second = (
        Vertex(ImageSource(name="a", platform="linux/amd64"), name=name) for name in "xy"
    )
    assert Started(first, 1).digest == Completed(second, 2, ()).digest == first.digest
