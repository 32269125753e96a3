from baleen.runtime.enter import EnterPlan
from baleen.runtime.prepare import Stdio, prepare
from baleen.runtime.spec import Process


def test_nothing_but_streams_channel_and_container_is_kept():
    process = prepare(Process(("a",), "/"), Stdio(10, 11, 12), None)
    plan = EnterPlan(process=process, container=6, namespaces=0, cgroup=None, channel=5)
    assert plan.descriptors() == {5, 6, 10, 11, 12}
    terminal = prepare(Process(("a",), "/", terminal=True), None, None)
    plan = EnterPlan(process=terminal, container=6, namespaces=0, cgroup=None, channel=5)
    assert plan.descriptors() == {5, 6}
