import os

import pytest

from baleen.linux.script import sealed
from baleen.runtime.execution_domain import ExecutionDomain, parse_execution_domain
from baleen.runtime.failure import LaunchError
from baleen.runtime.fields import Fields
from baleen.runtime.prepare import Stdio, prepare
from baleen.runtime.process_script import ProcessScript
from baleen.runtime.process_spec import parse_process


def parse(**linux):
    return parse_execution_domain(Fields(linux, "linux."))


def test_both_are_read():
    assert parse(
        personality={"domain": "LINUX32"},
        memoryPolicy={"mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_STATIC_NODES"]},
    ) == ExecutionDomain(8, (2 | 1 << 15, frozenset({0})))
    assert parse(memoryPolicy={"mode": "MPOL_PREFERRED"}).memory_policy == (1, frozenset())


@pytest.mark.parametrize(
    ("linux", "text"),
    [
        ({"personality": {"domain": "BSD"}}, "linux.personality.domain 'BSD'"),
        ({"personality": {}}, "linux.personality.domain"),
        ({"personality": {"domain": "LINUX", "flags": ["x"]}}, "linux.personality.flags"),
        ({"memoryPolicy": {"mode": "x"}}, "linux.memoryPolicy.mode 'x'"),
        ({"memoryPolicy": {"mode": "MPOL_BIND"}}, "needs at least one"),
        ({"memoryPolicy": {"mode": "MPOL_LOCAL", "nodes": "0"}}, "takes none"),
        ({"memoryPolicy": {"mode": "MPOL_BIND", "nodes": "0-9999"}}, "linux.memoryPolicy.nodes"),
        ({"memoryPolicy": {"mode": "MPOL_BIND", "nodes": "0", "flags": ["x"]}}, "'x' is not"),
    ],
)
def test_what_cannot_be_is_refused_by_name(linux, text):
    with pytest.raises(LaunchError) as caught:
        parse(**linux)
    assert text in str(caught.value)


def test_it_is_given_to_the_process():
    domain = parse(personality={"domain": "LINUX32"}, memoryPolicy={"mode": "MPOL_LOCAL"})
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            domain.apply()
            code = 0 if os.uname().machine in ("i686", "armv8l") else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_nodes_that_the_host_lacks_are_told():
    with pytest.raises(LaunchError, match="set_mempolicy: invalid argument"):
        parse(memoryPolicy={"mode": "MPOL_BIND", "nodes": "1000"}).apply()


def _run(domain, *args):
    reader, writer = os.pipe()
    steps = ProcessScript()
    domain.append(steps)
    process = parse_process({"args": list(args), "cwd": "/", "env": ["PATH=/bin:/usr/bin"]})
    steps.execute(prepare(process, Stdio(0, 1, 2), None))
    streams = [(os.POSIX_SPAWN_DUP2, writer, fd) for fd in (1, writer)]
    with sealed(steps.script.image(writer), "test") as image:
        path = f"/proc/self/fd/{image.fileno()}"
        pid = os.posix_spawn(path, ["test"], {}, file_actions=streams)
    os.close(writer)
    _, status = os.waitpid(pid, 0)
    data = os.read(reader, 4096)
    os.close(reader)
    return data.decode() if os.waitstatus_to_exitcode(status) == 0 else steps.failure(data)


def test_a_script_takes_it_too():
    policy = {"mode": "MPOL_BIND", "nodes": "0"}
    domain = parse(personality={"domain": "LINUX32"}, memoryPolicy=policy)
    assert _run(domain, "cat", "/proc/self/personality") == "00000008\n"
    assert " bind:0 " in _run(domain, "head", "-1", "/proc/self/numa_maps")
    nowhere = parse(memoryPolicy=policy | {"nodes": "1000"})
    assert str(_run(nowhere, "true")).endswith("set_mempolicy: invalid argument")
    assert _run(parse(memoryPolicy={"mode": "MPOL_LOCAL"}), "true") == ""
