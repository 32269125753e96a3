"""A context while its build runs: the Dockerfile, the patterns, a directory of it, and its end."""

import asyncio
import os

import pytest

from baleen.build.contexts.store import ContextStore, git_access
from baleen.build.files.threads import Workers
from baleen.build.session import LocalDirectory, Secret, Session
from baleen.content.store import Lease
from baleen.errors import InvalidArgument, NotFound


@pytest.fixture
def store(tmp_path):
    workers = Workers(2)
    made = ContextStore(tmp_path / "contexts", workers)
    made.sweep()
    yield made
    workers.close()


async def one(data):
    yield data


async def test_it_is_read_and_leaves_nothing(store, make_tar):
    before = len(os.listdir("/proc/self/fd"))
    data = make_tar(("Dockerfile", "file", b"FROM x"), ("d/f", "file", b"1"))
    async with store.opened("b1", one(data)) as context:
        assert context.read("Dockerfile", limit=100) == b"FROM x"
        assert context.read("./d/../d/f", limit=100) == b"1"
        assert context.local.source is context.tree
        assert list(store.directory.iterdir()) == []
    assert list(store.directory.iterdir()) == []
    assert len(os.listdir("/proc/self/fd")) == before


async def test_a_dockerfile_that_is_not_there_or_too_much(store, make_tar):
    data = make_tar(
        ("dockerfile", "file", b"FROM lower"), ("d", "dir"), ("out", "symlink", "../../etc/passwd")
    )
    async with store.opened("b1", one(data)) as context:
        assert context.read("Dockerfile", limit=100) == b"FROM lower"
        with pytest.raises(NotFound, match=r"^Cannot locate specified Dockerfile: other$"):
            context.read("other", limit=100)
        with pytest.raises(NotFound):
            context.read("out", limit=100)
        with pytest.raises(InvalidArgument, match="Forbidden path outside the build context"):
            context.read("../Dockerfile", limit=100)
        with pytest.raises(InvalidArgument, match="no regular file"):
            context.read("d", limit=100)
        with pytest.raises(InvalidArgument, match="larger than 5 bytes"):
            context.read("dockerfile", limit=5)


async def test_the_patterns_of_the_dockerfile_win(store, make_tar):
    data = make_tar(
        (".dockerignore", "file", b"# c\na\n"), ("x/D.dockerignore", "file", b"b\n!b/c\n")
    )
    async with store.opened("b1", one(data)) as context:
        assert context.exclude("x/D") == ("b", "!b/c")
        assert context.exclude("Dockerfile") == context.exclude("") == ("a",)
        assert context.exclude("../D") == ("a",)


async def test_bad_patterns_are_refused(store, make_tar):
    async with store.opened("b1", one(make_tar((".dockerignore", "file", b"[a\n")))) as context:
        with pytest.raises(InvalidArgument, match="syntax error in pattern"):
            context.exclude("")


@pytest.mark.skipif(os.geteuid() != 0, reason="files belong to root in it")
async def test_a_directory_of_it_is_made_once_without_what_is_left_out(store, make_tar):
    data = make_tar(
        ("keep", "file", b"1"), ("drop", "file", b"2"), ("link", "symlink", "/etc/passwd")
    )
    async with store.opened("b1", one(data)) as context:
        local = LocalDirectory(context.path, ("drop",), context.tree)
        path = await store.materialized(local)
        assert sorted(os.listdir(path)) == ["keep", "link"]
        assert os.readlink(path / "link") == "/etc/passwd"
        assert await store.materialized(local) == path
    assert list(store.directory.iterdir()) == []
    with pytest.raises(NotFound, match="context is gone"):
        await store.materialized(local)


async def test_a_broken_context_leaves_nothing(store, make_tar):
    with pytest.raises(InvalidArgument, match="leads out of the root"):
        async with store.opened("b1", one(make_tar(("../x", "file", b"")))):
            pytest.fail("it was taken")
    assert list(store.directory.iterdir()) == []


async def test_a_cancelled_build_leaves_nothing(store):
    begun = asyncio.Event()

    async def stalled():
        yield b"some"
        begun.set()
        await asyncio.Event().wait()

    async def build():
        async with store.opened("b1", stalled()):
            pytest.fail("it was taken")

    before = len(os.listdir("/proc/self/fd"))
    task = asyncio.create_task(build())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert list(store.directory.iterdir()) == []
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("name", ["", "../x", "a/b", "..", "a.b", "ä"])
async def test_names_are_names(store, name):
    with pytest.raises(InvalidArgument, match="invalid build id"):
        async with store.opened(name, one(b"")):
            pytest.fail("it was taken")


def test_what_a_crash_left_is_swept(store):
    (store.directory / "old/checkout/d").mkdir(parents=True)
    os.symlink("/etc", store.directory / "old/link")
    store.sweep()
    assert list(store.directory.iterdir()) == []
    assert os.path.exists("/etc/passwd")


def test_what_a_build_has_for_git():
    session = Session(
        id="b",
        lease=Lease(),
        ssh={"default": "/agent"},
        secrets={
            "GIT_AUTH_TOKEN": Secret(b"all\n"),
            "GIT_AUTH_TOKEN.h": Secret(b"for h"),
        },
    )
    assert git_access(session, "https://h:99/r.git").token == "for h"
    assert git_access(session, "https://other/r.git").token == "all"
    assert git_access(session, "https://other/r.git").agent == "/agent"
    assert "all" not in repr(git_access(session, "https://other/r.git"))
