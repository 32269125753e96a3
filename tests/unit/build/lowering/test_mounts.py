"""RUN --mount: see dockerfile/mounts.py for values that are no values."""

from __future__ import annotations

import pytest
from lowering_bed import config, input_of, last, lowered

from baleen.build.graph import ExecMount, FileOp, ImageSource, LocalSource
from baleen.build.lowering.mounts import under
from baleen.errors import InvalidArgument


def mounts(flags, body="", **options):
    plan = lowered(f"FROM base AS other\nFROM base\nWORKDIR /w\n{body}RUN {flags} x", **options)
    return plan, last(plan).mounts[1:]


def one(flags, **options):
    plan, (mount,) = mounts(flags, **options)
    return plan, mount


def test_a_bind_of_the_context_is_read_only():
    plan, mount = one("--mount=target=/src")
    assert mount == ExecMount(kind="bind", target="/src", input=1, readonly=True)
    assert input_of(plan, 1) == LocalSource(name="context", unique="build")


@pytest.mark.parametrize(
    ("flags", "changed"),
    [
        ("--mount=type=bind,dst=sub,source=a/../b", {"target": "/w/sub", "source": "/b"}),
        ("--mount=target=/x,rw", {"target": "/x", "readonly": False}),
        ("--mount=target=/x,src=../../..", {"target": "/x", "source": "/"}),
    ],
)
def test_binds(flags, changed):
    _, mount = one(flags)
    expected = {"kind": "bind", "input": 1, "readonly": True, "source": "/", **changed}
    assert {name: getattr(mount, name) for name in expected} == expected


def test_where_a_bind_comes_from():
    plan, _ = one("--mount=from=other,target=/x")
    assert isinstance(input_of(plan, 1), ImageSource)
    plan, _ = one("--mount=from=0,target=/x")
    assert isinstance(input_of(plan, 1), ImageSource)
    plan, _ = one("--mount=from=image,target=/x", images={"image": config()})
    assert input_of(plan, 1).name.startswith("docker.io/library/image@")
    _, mount = one("--mount=from=scratch,target=/x")
    assert mount.input == -1
    plan, _ = one("--mount=from=ctx,target=/x", contexts={"ctx": "local:ctx"}, locals_=["ctx"])
    assert input_of(plan, 1) == LocalSource(name="ctx", unique="build")


def test_caches():
    _, mount = one("--mount=type=cache,target=/c")
    assert mount == ExecMount(kind="cache", target="/c", cache_id="//c")
    _, mount = one(
        "--mount=type=cache,target=c,id=n,sharing=locked,ro,mode=0700,uid=1,gid=2",
        build_args={"BUILDKIT_CACHE_MOUNT_NS": "ns"},
    )
    assert mount == ExecMount(
        kind="cache",
        target="/w/c",
        cache_id="ns/n",
        sharing="locked",
        readonly=True,
        mode=0o700,
        uid=1,
        gid=2,
    )
    _, mount = one("--mount=type=cache,target=/c,from=other,source=/s")
    assert (mount.input, mount.source) == (1, "/s")


def test_tmpfs():
    _, mount = one("--mount=type=tmpfs,target=/t,size=1m")
    assert mount == ExecMount(kind="tmpfs", target="/t", size_bytes=1 << 20)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("id=a", {"target": "/run/secrets/a", "id": "a"}),
        ("target=/x/b", {"target": "/x/b", "id": "b"}),
        ("target=b", {"target": "/w/b", "id": "b"}),
        ("id=a,env=A", {"target": "", "id": "a", "env": "A"}),
        ("id=a,env=A,target=/t", {"target": "/t", "id": "a", "env": "A"}),
        ("env=A", {"target": "", "id": "A", "env": "A"}),
        ("id=a/b,required", {"target": "/run/secrets/b", "id": "a/b", "required": True}),
        ("id=a,mode=0440,uid=1", {"mode": 0o440, "uid": 1}),
    ],
)
def test_secrets(options, expected):
    _, mount = one(f"--mount=type=secret,{options}")
    expected = {"mode": 0o400, **expected}
    assert {name: getattr(mount, name) for name in expected} == expected
    assert mount.input == -1


def test_agents():
    plan, (first, second) = mounts("--mount=type=ssh --mount=type=ssh,id=x,required,mode=0666")
    assert first == ExecMount(
        kind="ssh", target="/run/buildkit/ssh_agent.0", id="default", mode=0o600
    )
    assert (second.target, second.id, second.required, second.mode) == (
        "/run/buildkit/ssh_agent.1",
        "x",
        True,
        0o666,
    )
    assert "SSH_AUTH_SOCK=/run/buildkit/ssh_agent.0" in last(plan).env


def test_variables_are_replaced():
    _, mount = one("--mount=target=/$N,source=${N}x", body="ARG N=n\n")
    assert (mount.target, mount.source) == ("/n", "/nx")


def one_error(flags):
    with pytest.raises(InvalidArgument) as caught:
        mounts(flags)
    return caught.value.message


def test_errors_are_placed():
    assert one_error("--mount=target=/").startswith('invalid mount target "/"\nDockerfile:4:')
    assert "invalid stage index 7" in one_error("--mount=from=7,target=/x")
    assert "doesn't support variable expansion" in one_error("--mount=from=$X,target=/x")


@pytest.mark.parametrize(
    ("directory", "path", "found"),
    [
        ("/", "", "/"),
        ("/", "..", "/"),
        ("/a", "b", "/a/b"),
        ("/a", "/b/", "/b"),
        ("/a", "../../../b", "/b"),
        ("//a", ".", "/a"),
        ("/a", "b//./c", "/a/b/c"),
    ],
)
def test_paths_stay_under_the_root(directory, path, found):
    assert under(directory, path) == found


def test_a_scripts_mount_comes_last():
    plan = lowered("FROM base\nRUN --mount=type=tmpfs,target=/t <<EOF\n#!/bin/x\n1\nEOF")
    assert [mount.target for mount in last(plan).mounts] == ["/", "/t", "/dev/pipes"]
    assert isinstance(input_of(plan, 1), FileOp)
