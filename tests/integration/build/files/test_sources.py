"""ADD's URLs and repositories as trees."""

import hashlib
import os

import pytest
from git_server import git_server
from web_server import web_server

from baleen.build.files.sources import GitFetch, HttpFetch
from baleen.build.graph import GitSource, HttpSource, Vertex
from baleen.errors import InvalidArgument, Unavailable

pytestmark = pytest.mark.integration


@pytest.fixture
def web():
    with web_server() as served:
        served.pages["/f"] = (200, {"Last-Modified": "Tue, 14 Nov 2023 22:13:20 GMT"}, b"text")
        yield served


async def fetched(world, op):
    kind = HttpFetch if isinstance(op, HttpSource) else GitFetch
    executor = kind(world.content, world.directory, world.workers)
    (tree,) = await executor.run(Vertex(op), [], world.session, world.report)
    assert os.listdir(world.directory) == []
    return tree


async def test_a_url_is_a_tree_of_one_file(world, web):
    tree = await fetched(world, HttpSource(url=f"{web.url}/f", filename="f"))
    (info,) = world.archive(tree).values()
    assert (info.name, info.mode, info.mtime, info.size) == ("f", 0o600, 1_700_000_000, 4)
    assert await fetched(world, HttpSource(url=f"{web.url}/f", filename="f")) == tree
    with world.mounted(tree) as path:
        assert os.stat(f"{path}/f").st_size == 4


async def test_a_checksum_and_a_bad_name(world, web):
    right = f"sha256:{hashlib.sha256(b'text').hexdigest()}"
    await fetched(world, HttpSource(url=f"{web.url}/f", filename="f", checksum=right))
    with pytest.raises(InvalidArgument, match="digest mismatch"):
        await fetched(
            world, HttpSource(url=f"{web.url}/f", filename="f", checksum=right[:-1] + "x")
        )
    for name in ("", "..", "a/b"):
        with pytest.raises(InvalidArgument, match="cannot determine filename"):
            await fetched(world, HttpSource(url=f"{web.url}/f", filename=name))


async def test_a_large_download_says_how_far_it_is(world, web):
    web.pages["/big"] = (200, {}, bytes(3 << 20))
    await fetched(world, HttpSource(url=f"{web.url}/big", filename="f"))
    assert "Downloading 1 MiB" in world.report.said


async def test_a_repository(world, tmp_path):
    with git_server(tmp_path) as make:
        repository = make("r")
        commit = repository.commit(a="1", sub__f="f", link="->/etc")
        tree = await fetched(world, GitSource(url=repository.url, checksum=commit))
        found = world.archive(tree)
        assert sorted(found) == ["a", "link", "sub", "sub/f"]
        assert {info.mtime for info in found.values()} == {1_700_000_000}
        assert {(info.uid, info.gid) for info in found.values()} == {(0, 0)}
        part = await fetched(world, GitSource(url=repository.url, ref="main", subdirectory="sub"))
        assert list(world.archive(part)) == ["f"]
        kept = await fetched(world, GitSource(url=repository.url, keep_git_dir=True))
        assert ".git/HEAD" in world.archive(kept)
        with pytest.raises(InvalidArgument, match="error setting git context"):
            await fetched(world, GitSource(url=repository.url, subdirectory="link"))
        with pytest.raises(Unavailable):
            await fetched(world, GitSource(url=repository.url, ref="none"))


@pytest.mark.parametrize(
    "parts",
    [
        {"url": "ext::sh -c touch% /tmp/x"},
        {"url": "file:///etc"},
        {"url": "--upload-pack=x"},
        {"url": "https://h/r.git", "ref": "--upload-pack=x"},
        {"url": "https://h/r.git", "subdirectory": "../.."},
    ],
)
async def test_a_definition_from_outside_is_checked_too(world, parts):
    with pytest.raises(InvalidArgument):
        await fetched(world, GitSource(**parts))
