"""Contexts that the engine fetches itself, from the web and from git."""

import gzip
import io
import os
import tarfile

import pytest
from git_server import git_server
from web_server import web_server

from baleen.build.contexts.store import ContextStore
from baleen.build.files.threads import Workers
from baleen.build.session import Session
from baleen.content.store import Lease
from baleen.errors import InvalidArgument, Unavailable

pytestmark = pytest.mark.integration


@pytest.fixture
def store(tmp_path):
    workers = Workers(2)
    made = ContextStore(tmp_path / "contexts", workers)
    made.sweep()
    before = len(os.listdir("/proc/self/fd"))
    yield made
    workers.close()
    assert os.listdir(made.directory) == []
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.fixture
def web():
    with web_server() as served:
        yield served


def session():
    return Session(id="b", lease=Lease())


def packed(**files):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text))
    return buffer.getvalue()


async def test_an_archive_and_a_dockerfile_by_their_content(store, web):
    web.pages["/c"] = (200, {}, gzip.compress(packed(Dockerfile=b"FROM tar", f=b"1")))
    web.pages["/d"] = (200, {}, b"FROM text\n")
    async with store.fetched("b1", f"{web.url}/c", session()) as context:
        assert context.read("Dockerfile", limit=99) == b"FROM tar"
        assert not context.dockerfile_only
    async with store.fetched("b1", f"{web.url}/d", session()) as context:
        assert context.read("Dockerfile", limit=99) == b"FROM text\n"
        assert context.dockerfile_only


async def test_what_cannot_be_fetched(store, web):
    web.pages["/empty"] = (200, {}, b"")
    for url, error in (
        (f"{web.url}/none", Unavailable),
        (f"{web.url}/empty", InvalidArgument),
        ("file:///etc", InvalidArgument),
        ("nothing", InvalidArgument),
    ):
        with pytest.raises(error):
            async with store.fetched("b1", url, session()):
                pytest.fail("it was taken")


async def test_a_folder_of_a_repository(store, tmp_path):
    with git_server(tmp_path) as make:
        repository = make("r")
        commit = repository.commit(sub__Dockerfile="FROM git", sub__d__f="1", top="2")
        async with store.fetched("b1", f"{repository.url}#main:sub", session()) as context:
            assert context.commit == commit
            assert context.read("Dockerfile", limit=99) == b"FROM git"
            tree = context.tree
            assert sorted(tree.children(tree.root)) == [b"Dockerfile", b"d"]
            assert b"".join(tree.chunks(tree.find(b"d/f"))) == b"1"
            path = await store.materialized(context.local)
            assert sorted(os.listdir(path)) == ["Dockerfile", "d"]
