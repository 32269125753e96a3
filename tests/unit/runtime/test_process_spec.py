import pytest

from baleen.linux.capabilities import names_of
from baleen.runtime.failure import LaunchError
from baleen.runtime.fields import Fields
from baleen.runtime.process_spec import User, parse_process, unsupported


def process(**fields):
    return parse_process({"args": ["a"], "cwd": "/", **fields})


def test_a_minimal_process_has_no_rights_and_nothing_special():
    plain = process()
    assert (plain.capabilities, plain.scheduling, plain.rlimits) == (None, None, ())
    assert plain.user == User(0, 0, None, ())
    assert (plain.terminal, plain.no_new_privileges, plain.oom_score_adj) == (False, False, None)


def test_all_five_sets_of_capabilities_are_read():
    names = ("bounding", "effective", "permitted", "inheritable", "ambient")
    wanted = dict(zip(names, ("CHOWN", "KILL", "SETUID", "SETGID", "MKNOD"), strict=True))
    found = process(capabilities={key: [f"CAP_{name}"] for key, name in wanted.items()})
    for key, name in wanted.items():
        assert names_of(getattr(found.capabilities, key)) == [f"CAP_{name}"]


def test_a_user_with_its_groups_and_umask():
    user = process(user={"uid": 5, "gid": 6, "umask": 0o27, "additionalGids": [7, 8]}).user
    assert user == User(5, 6, 0o27, (7, 8))


def test_scheduling_is_read_where_it_is_asked_for():
    assert process(execCPUAffinity={"final": "0"}).scheduling.final_cpus == {0}


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"commandLine": "x"}, "process.commandLine is not supported"),
        ({"user": {"username": "x"}}, "process.user.username is not supported"),
        ({"oomScoreAdj": 1001}, "process.oomScoreAdj"),
        ({"user": {"umask": 0o1000}}, "process.user.umask"),
        ({"consoleSize": {"height": -1, "width": 1}}, "process.consoleSize.height"),
        ({"terminal": "yes"}, "process.terminal"),
    ],
)
def test_what_is_wrong_is_refused_by_name(fields, text):
    with pytest.raises(LaunchError) as caught:
        process(**fields)
    assert text in str(caught.value)


def test_an_empty_member_that_we_do_not_do_asks_for_nothing():
    unsupported(Fields({"a": [], "b": "", "c": None, "d": False}, ""), "a", "b", "c", "d", "e")
