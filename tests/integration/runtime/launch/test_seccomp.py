"""Docker's default filter round a container's and an exec's process."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from baleen.runtime.default_spec import DEFAULT_CAPABILITIES
from baleen.runtime.launch import LaunchError
from baleen.runtime.seccomp import compile_profile, default_profile


@pytest.fixture(scope="module")
def program():
    return compile_profile(
        default_profile(),
        capabilities=DEFAULT_CAPABILITIES,
        arch=os.uname().machine,
        kernel=(5, 12),
    )


@pytest.mark.parametrize("protected", [False, True])
@pytest.mark.parametrize("init", [False, True])
@pytest.mark.parametrize("uid", [0, 1000])
def test_the_filter_is_installed_for_every_kind_of_process(runner, program, protected, init, uid):
    process = {"noNewPrivileges": protected, "user": {"uid": uid, "gid": uid}}
    document = runner.document("grep", "-E", "^Seccomp:|^CapEff", "/proc/self/status", **process)
    if uid:
        for name in ("effective", "permitted"):
            document["process"]["capabilities"][name] = []
    capabilities = "0000000000000000" if uid else "00000000a80425fb"
    expected = f"CapEff:\t{capabilities}\nSeccomp:\t2\n"
    result = runner.run_document(document, seccomp_program=program, init=init)
    assert result.out == expected
    container = runner.started(seccomp_program=program)
    result = runner.exec(
        container,
        *document["process"]["args"],
        seccomp_program=program,
        **process,
        capabilities=document["process"]["capabilities"],
    )
    assert result.out == expected


def test_a_refused_call_fails_with_eperm(runner, program):
    document = runner.document("mount", "-t", "tmpfs", "none", "/tmp")
    for caps in document["process"]["capabilities"].values():
        caps.append("CAP_SYS_ADMIN")  # the profile here was compiled without it
    result = runner.run_document(document, seccomp_program=program)
    assert "permission denied" in result.err or "Operation not permitted" in result.err
    assert runner.run_document(document).code == 0


AGENT = """
import fcntl, json, os, socket, struct, sys
path, out = sys.argv[1:]
server = socket.socket(socket.AF_UNIX)
server.bind(path)
server.listen()
print("ready", flush=True)
connection, _ = server.accept()
data, fds, _, _ = socket.recv_fds(connection, 65536, 1)
assert connection.recv(1) == b""
open(out, "wb").write(data)
while True:
    notification = bytearray(80)
    try:
        fcntl.ioctl(fds[0], 0xC0502100, notification)
    except OSError:
        break  # the last process of the filter has ended
    identity, pid, flags, number = struct.unpack_from("=QIIi", notification)
    # It has succeeded, and nothing was done.
    fcntl.ioctl(fds[0], 0xC0182101, struct.pack("=QqiI", identity, 0, 0, 0))
"""


@pytest.fixture
def agent(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", AGENT, str(tmp_path / "agent"), str(tmp_path / "state")],
        stdout=subprocess.PIPE,
    )
    assert process.stdout.readline() == b"ready\n"
    yield tmp_path / "agent"
    process.kill()
    process.wait()
    process.stdout.close()


def _notifying(runner, path, script, **process):
    document = runner.document("sh", "-c", script, **process)
    document["linux"]["seccomp"] = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "flags": ["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"],
        "listenerPath": str(path),
        "listenerMetadata": "of the test",
        "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_NOTIFY"}],
    }
    compiled = compile_profile(
        document["linux"]["seccomp"],
        capabilities=DEFAULT_CAPABILITIES,
        arch=os.uname().machine,
        kernel=(6, 0),
        listener=True,
    )
    return document, compiled


@pytest.mark.parametrize("protected", [False, True])
@pytest.mark.parametrize("init", [False, True])
def test_an_agent_answers_for_the_kernel(runner, agent, tmp_path, protected, init):
    script = "mkdir /made && test ! -e /made && echo answered"
    document, compiled = _notifying(runner, agent, script, noNewPrivileges=protected)
    result = runner.run_document(
        document, seccomp_program=compiled, init=init, container_id="the-id"
    )
    assert (result.code, result.out) == (0, "answered\n")
    state = json.loads((tmp_path / "state").read_text())
    assert state["metadata"] == "of the test"
    assert state["state"]["id"] == "the-id"


def test_without_its_agent_a_container_does_not_start(runner, tmp_path):
    document, compiled = _notifying(runner, tmp_path / "nobody", "true")
    with pytest.raises(LaunchError, match="cannot hand the seccomp listener"):
        runner.run_document(document, seccomp_program=compiled)


@pytest.mark.parametrize(
    ("action", "code"),
    [
        ("SCMP_ACT_KILL", 159),
        ("SCMP_ACT_KILL_THREAD", 159),
        ("SCMP_ACT_KILL_PROCESS", 159),
        ("SCMP_ACT_TRAP", 159),
        ("SCMP_ACT_ERRNO", 1),
        ("SCMP_ACT_TRACE", 1),  # without a tracer: ENOSYS
        ("SCMP_ACT_LOG", 0),
        ("SCMP_ACT_ALLOW", 0),
    ],
)
def test_each_action_does_what_its_name_says(runner, action, code):
    document = runner.document("mkdir", "/made")
    document["linux"]["seccomp"] = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "flags": [],
        "syscalls": [{"names": ["mkdir", "mkdirat"], "action": action}],
    }
    compiled = compile_profile(
        document["linux"]["seccomp"],
        capabilities=DEFAULT_CAPABILITIES,
        arch=os.uname().machine,
        kernel=(6, 0),
    )
    # PID 1 is not killed by a signal that it did not ask for; its child is.
    assert runner.run_document(document, seccomp_program=compiled, init=True).code == code
