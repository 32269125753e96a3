from baleen.errors import BaleenError, InvalidArgument
from baleen.linux.cgroup import CgroupError, LimitRefused


def test_a_refused_limit_is_the_callers_to_change_and_other_errors_are_not():
    refused = LimitRefused("pids.max", "cannot set pids.max", errno=22, hint="ask for less")
    assert isinstance(refused, InvalidArgument)
    assert isinstance(refused, CgroupError)
    assert not isinstance(CgroupError("add", "x"), InvalidArgument)
    assert isinstance(CgroupError("add", "x"), BaleenError)
    assert (refused.stage, refused.errno, str(refused)) == (
        "pids.max",
        22,
        "cannot set pids.max: ask for less",
    )
