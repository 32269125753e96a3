"""RUN to a process."""

from __future__ import annotations

import pytest
from lowering_bed import config, created_by, input_of, last, lowered

from baleen.build.graph import ExecMount, FileOp, Writing


def run(line, body="", **options):
    return last(lowered(f"FROM base\n{body}{line}", **options))


def test_both_forms():
    assert run("RUN a  'b' $C").args == ("/bin/sh", "-c", "a  'b' $C")
    assert run('RUN ["a", "$B"]').args == ("a", "$B")
    assert run("RUN a", 'SHELL ["/bin/bash", "-e", "-c"]\n').args == ("/bin/bash", "-e", "-c", "a")
    assert run("RUN a", images={"base": config(shell=["/x"])}).args == ("/x", "a")


def test_what_the_process_has():
    op = run("RUN a", "ENV A=1\nUSER me:us\nWORKDIR /w\n", extra_hosts=("h:1.2.3.4",))
    assert op.env == ("PATH=/bin", "A=1")
    assert (op.user, op.cwd, op.extra_hosts) == ("me:us", "/w", ("h:1.2.3.4",))
    assert op.mounts == (ExecMount(kind="bind", target="/", input=0, output=0),)


def test_on_scratch_the_root_is_empty():
    plan = lowered("FROM scratch\nRUN a")
    assert last(plan).mounts[0].input == -1


@pytest.mark.parametrize(
    ("flag", "of_build", "network"),
    [
        ("", "", ""),
        ("", "default", ""),
        ("", "host", "host"),
        ("", "none", "none"),
        ("", "container:x", ""),
        ("", "mynet", ""),
        ("--network=none", "host", "none"),
        ("--network=host", "", "host"),
        ("--network=default", "none", "none"),
    ],
)
def test_networks(flag, of_build, network):
    assert run(f"RUN {flag} x", network=of_build).network == network


def test_security():
    assert run("RUN x").security == "sandbox"
    assert run("RUN --security=insecure x").security == "insecure"


def test_hostnames():
    assert run("RUN x").hostname == ""
    assert run("RUN x", build_args={"BUILDKIT_SANDBOX_HOSTNAME": "h"}).hostname == "h"
    assert run("RUN x", build_args={"BUILDKIT_SANDBOX_HOSTNAME": "h"}, hostname="i").hostname == "i"


def test_a_lone_heredoc_is_the_script_of_the_shell():
    plan = lowered("FROM base\nRUN <<EOF\necho $A\n  b\nEOF")
    assert last(plan).args == ("/bin/sh", "-c", "echo $A\n  b\n")
    assert created_by(plan) == ["RUN /bin/sh -c echo $A\n  b\n # buildkit"]


def test_a_script_with_an_interpreter_is_a_file():
    plan = lowered("FROM base\nRUN <<EOF\n#!/usr/bin/python\nprint()\nEOF")
    assert last(plan).args == ("/dev/pipes/EOF",)
    assert last(plan).mounts[1] == ExecMount(
        kind="bind", target="/dev/pipes", input=1, readonly=True
    )
    assert input_of(plan, 1) == FileOp(
        actions=(Writing(path="/EOF", content=b"#!/usr/bin/python\nprint()\n", mode="0755"),),
        scratch=True,
    )


def test_heredocs_of_a_command_go_to_the_shell():
    op = run("RUN cat <<A - 3<<B | sh\n1\nA\n2\nB")
    assert op.args[2] == "cat <<A - 3<<B | sh\n1\nA\n2\nB"
    op = run("RUN python3 <<EOF\n#!x\nEOF")
    assert op.args[2] == "python3 <<EOF\n#!x\nEOF"


def test_steps_on_the_way_are_told_apart():
    plan = lowered("FROM base\nRUN a\nRUN b\nCOPY a /\nRUN c")
    names = [step.vertex.name for step in plan.steps]
    assert names == [
        "[1/5] FROM base",
        "[2/5] RUN a",
        "[3/5] RUN b",
        "[4/5] COPY a /",
        "[5/5] RUN c",
    ]
    assert [step.vertex.place for step in plan.steps] == [1, 2, 3, 4, 5]
    assert plan.history[1].before.vertex is plan.steps[1].vertex
    assert plan.history[1].after.vertex is plan.steps[2].vertex


def test_no_cache_is_for_all_or_for_stages():
    text = "FROM base AS A\nRUN a\nFROM base AS b\nCOPY --from=a /x /\nRUN b"

    def ignoring(**options):
        return [
            step.text
            for step in lowered(text, **options).steps
            if step.vertex and step.vertex.ignore_cache
        ]

    assert ignoring() == []
    assert ignoring(no_cache=True) == ["RUN a", "COPY --from=a /x /", "RUN b"]
    assert ignoring(no_cache_stages=frozenset({"a"})) == ["RUN a"]
