from baleen.runtime.enter import EnterPlan
from baleen.runtime.prepare import Stdio


def unused():
    raise AssertionError


def make(stdio):
    return EnterPlan(
        prepare=unused,
        terminal=stdio is None,
        stdio=stdio,
        container=6,
        namespaces=0,
        cgroup=None,
        channel=5,
    )


def test_nothing_but_streams_channel_and_container_is_kept():
    assert make(Stdio(10, 11, 12)).descriptors() == {5, 6, 10, 11, 12}
    assert make(None).descriptors() == {5, 6}
