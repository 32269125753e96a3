import json

import pytest

from baleen.errors import InvalidArgument
from baleen.errors import NotImplemented as Unsupported
from baleen.linux.capabilities import CAPABILITIES
from baleen.runtime.default_spec import default_spec
from baleen.runtime.failure import LaunchError
from baleen.runtime.oci.commands import COMMANDS
from baleen.runtime.oci.exec import wanted_process
from baleen.runtime.oci.options import parse

CONFIG = default_spec(["sh"])


def _wanted(*words, config=CONFIG):
    options, (_, *command) = parse(COMMANDS["exec"].options, [*words], interspersed=False)
    return wanted_process(options, command, config)


def test_the_containers_own_process_is_what_options_change():
    plain = _wanted("c", "ls", "-l")
    assert plain.args == ("ls", "-l")
    assert plain.env == tuple(CONFIG["process"]["env"])
    assert (plain.cwd, plain.terminal, plain.no_new_privileges) == ("/", False, False)
    changed = _wanted(
        *("-t", "-e", "A=1", "-e", "B=2", "--cwd", "/x", "-u", "7:8", "-g", "9"),
        *("--no-new-privs", "c", "ls"),
    )
    assert changed.terminal
    assert changed.no_new_privileges
    assert changed.cwd == "/x"
    assert changed.env[-2:] == ("A=1", "B=2")
    user = changed.user
    assert (user.uid, user.gid, user.additional_gids) == (7, 8, (9,))
    assert default_spec(["sh"]) == CONFIG


def test_a_uid_alone_keeps_the_group():
    config = default_spec() | {}
    config["process"]["user"] = {"uid": 1, "gid": 5}
    user = _wanted("-u", "7", "c", "ls", config=config).user
    assert (user.uid, user.gid) == (7, 5)


@pytest.mark.parametrize(
    "user", ["", "root", "1_0", ":1", "1:", "-1", "4294967295", "0x0", "\u0660"]
)
def test_a_user_is_two_numbers(user):
    with pytest.raises(Exception, match="whole number"):
        _wanted("-u", user, "c", "ls")


def test_a_capability_is_added_and_is_ambient_only_if_others_are_inheritable():
    bit = 1 << CAPABILITIES["CAP_SYS_TIME"]
    sets = _wanted("--cap", "CAP_SYS_TIME", "c", "ls").capabilities
    assert sets.bounding & sets.effective & sets.permitted & bit
    assert not sets.ambient
    config = default_spec()
    config["process"]["capabilities"]["inheritable"] = ["CAP_SYS_TIME"]
    assert _wanted("--cap", "CAP_SYS_TIME", "c", "ls", config=config).capabilities.ambient & bit


def test_a_file_is_taken_as_it_is(tmp_path):
    path = tmp_path / "process.json"
    path.write_text(json.dumps({"args": ["id"], "cwd": "/", "user": {"uid": 3}}))
    process = _wanted("--process", str(path), "c")
    assert (process.args, process.user.uid, process.env) == (("id",), 3, ())
    assert process.capabilities is None


@pytest.mark.parametrize(
    ("words", "field"),
    [(("--process-label", "x\n"), "selinuxLabel"), (("--apparmor", "x\n"), "apparmorProfile")],
)
def test_labels_are_taken_as_those_of_a_document(words, field):
    with pytest.raises(LaunchError, match=rf"process\.{field} 'x\\n' is not a label"):
        _wanted(*words, "c", "ls")


@pytest.mark.parametrize("words", [("--cgroup", "x"), ("--preserve-fds", "1")])
def test_what_is_not_done_is_refused(words):
    with pytest.raises(Unsupported, match="not supported"):
        _wanted(*words, "c", "ls")


def test_nothing_to_execute_is_told(tmp_path):
    with pytest.raises(InvalidArgument, match="process args cannot be empty"):
        _wanted("c")
    with pytest.raises(InvalidArgument, match="cannot read"):
        _wanted("-p", str(tmp_path / "none"), "c")
    with pytest.raises(InvalidArgument, match="no process to begin with"):
        _wanted("c", "ls", config={})
