from baleen.runtime.default_spec import default_spec
from baleen.runtime.init_process import InitPlan
from baleen.runtime.prepare import Rootfs, Stdio, prepare
from baleen.runtime.spec import parse_spec


def test_nothing_but_the_plans_descriptors_is_kept():
    spec = parse_spec(default_spec())
    plan = InitPlan(
        spec=spec,
        process=prepare(spec.process, Stdio(10, 11, 11), None),
        bundle="/",
        rootfs=Rootfs(path="/"),
        init=None,
        cgroup=None,
        joined=((7, 1), (8, 2)),
        cgroup_namespace=-1,
        unshare=0,
        unshare_cgroup=False,
        channel=5,
    )
    assert plan.descriptors() == {5, 7, 8, 10, 11}
