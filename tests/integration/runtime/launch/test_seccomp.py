"""Docker's default filter round a container's and an exec's process."""

from __future__ import annotations

import os

import pytest

from baleen.runtime.default_spec import DEFAULT_CAPABILITIES
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
