"""COPY and ADD on real trees: layers that are first on disk when somebody looks."""

import asyncio
import os
import stat
import threading

import pytest

from baleen.build.files.packing import pack_layer
from baleen.build.graph import Copying, Making, Removing, Writing
from baleen.build.trees import EMPTY
from baleen.errors import InvalidArgument, NotFound

pytestmark = pytest.mark.integration

PASSWD = b"root:x:0:0::/:/bin/sh\napp:x:1000:1001::/:/bin/sh\n"


def copying(*words, source=1, **options):
    *sources, destination = words
    return Copying(input=source, sources=tuple(sources), destination=destination, **options)


async def test_a_row_of_copies_is_not_on_disk_until_it_is_looked_at(world, make_tar):
    context = world.context(make_tar(("a", "file", b"1"), ("b", "file", b"2")))
    tree = await world.do(copying("/a", "/app/"), sources=[context])
    tree = await world.do(copying("/b", "/app/"), base=tree, sources=[context])
    tree = await world.do(Making(path="/app/c", owner="7"), base=tree)
    assert world.unpacked == 0
    assert len(tree.layers) == 3
    with world.mounted(tree) as path:
        assert sorted(os.listdir(f"{path}/app")) == ["a", "b", "c"]
        assert os.stat(f"{path}/app/c").st_uid == 7
    assert world.unpacked == 1


async def test_links_of_the_base_are_followed_inside_of_it(world, make_tar):
    base = await world.do(
        copying("/", "/"),
        sources=[
            world.context(
                make_tar(
                    ("usr/bin", "dir", b"", {"mode": 0o711}),
                    ("bin", "symlink", "usr/bin"),
                    ("out", "symlink", "/../../../../tmp"),
                )
            )
        ],
    )
    context = world.context(make_tar(("tool", "file", b"t", {"mode": 0o4755})))
    fresh = type(world)(world.place)  # another build, which knows nothing of it
    tree = await fresh.do(
        copying("/tool", "/bin/"),
        copying("/tool", "/out/canary-of-copy"),
        base=base,
        sources=[context],
    )
    fresh.close()
    assert sorted(world.archive(tree)) == [
        "tmp",
        "tmp/canary-of-copy",
        "usr",
        "usr/bin",
        "usr/bin/tool",
    ]
    with world.mounted(tree) as path:
        info = os.stat(f"{path}/usr/bin/tool")
        assert (stat.S_IMODE(info.st_mode), info.st_mtime) == (0o4755, 1_700_000_000)
        assert stat.S_IMODE(os.stat(f"{path}/usr/bin").st_mode) == 0o711
        assert os.readlink(f"{path}/bin") == "usr/bin"
    assert "canary-of-copy" not in os.listdir("/tmp")


async def test_owners_by_the_names_of_the_tree(world, make_tar):
    base = await world.do(Writing(path="/etc/passwd", content=PASSWD))
    context = world.context(make_tar(("d/f", "file", b"")))
    tree = await world.do(copying("/d", "/srv/", owner="app"), base=base, sources=[context])
    assert {(i.uid, i.gid) for i in world.archive(tree).values()} == {(1000, 1001)}
    with pytest.raises(InvalidArgument, match="unable to find user nobody"):
        await world.do(copying("/d", "/srv/", owner="nobody"), base=base, sources=[context])


async def test_modes_heredocs_and_removing(world, make_tar):
    base = await world.do(Writing(path="/d/x", content=b"x"), Writing(path="/d/y", content=b"y"))
    context = world.context(make_tar(("f", "file", b"f")))
    tree = await world.do(
        copying("/f", "/f", mode="u=rwx,go=rx"),
        Writing(path="/d/script", content=b"#!\n", owner="3:4", mode="0755", created_ns=10**9),
        Removing(path="/d/x"),
        base=base,
        sources=[context],
    )
    with world.mounted(tree) as path:
        assert sorted(os.listdir(f"{path}/d")) == ["script", "y"]
        info = os.stat(f"{path}/d/script")
        assert (info.st_uid, info.st_gid, info.st_mode & 0o777, info.st_mtime) == (3, 4, 0o755, 1)
        assert os.stat(f"{path}/f").st_mode & 0o777 == 0o755
    with pytest.raises(InvalidArgument, match="cannot replace to directory /d with file"):
        await world.do(Writing(path="/d", content=b""), base=tree)


async def test_from_another_tree_owners_and_links_stay(world, make_tar):
    context = world.context(make_tar(("f", "file", b"1"), ("g", "link", "f")))
    stage = await world.do(copying("/", "/out/", owner="5:6"), sources=[context])
    tree = await world.do(copying("/out", "/in", owner="keep"), sources=[stage])
    found = world.archive(tree)
    assert (found["in/f"].uid, found["in/f"].gid) == (5, 6)
    assert found["in/g"].linkname == "in/f"
    with pytest.raises(NotFound, match=r"^COPY failed: stat none: file does not exist$"):
        await world.do(copying("/none", "/in"), sources=[stage])


async def test_a_layer_on_nothing(world, make_tar):
    context = world.context(make_tar(("f", "file", b"1")))
    tree = await world.do(copying("/f", "/a/", source=0), sources=[context], scratch=True)
    assert sorted(world.archive(tree)) == ["a", "a/f"]


async def test_source_date_epoch_bounds_all_times(world, make_tar):
    world.session.epoch_ns = 10**9
    context = world.context(make_tar(("d/f", "file", b"")))
    first = await world.do(copying("/", "/app/"), sources=[context])
    assert {info.mtime for info in world.archive(first).values()} == {1}
    assert await world.do(copying("/", "/app/"), sources=[context]) == first


async def test_an_archive_inside_is_unpacked_and_its_spool_goes(world, make_tar):
    inner = make_tar(("in/f", "file", b"1", {"uid": 9}))
    context = world.context(make_tar(("t", "file", inner)))
    before = len(os.listdir("/proc/self/fd"))
    tree = await world.do(copying("/t", "/d/", unpack=True), sources=[context], word="ADD")
    assert world.archive(tree)["d/in/f"].uid == 9
    assert len(os.listdir("/proc/self/fd")) == before
    assert os.listdir(world.directory) == []


async def test_the_tree_worked_on_is_no_source(world):
    with pytest.raises(InvalidArgument, match="cannot copy from the tree"):
        await world.do(copying("/a", "/b", source=-1))


async def test_a_cancelled_copy_ends_and_leaves_no_blob(world, make_tar, monkeypatch):
    context = world.context(make_tar(("big", "file", bytes(4 << 20))))
    begun, go_on = threading.Event(), threading.Event()

    def slowly(layer, *, check):
        for piece in pack_layer(layer, check=check):
            yield piece
            begun.set()
            go_on.wait(10)

    monkeypatch.setattr("baleen.build.files.file_ops.pack_layer", slowly)
    task = asyncio.create_task(world.do(copying("/big", "/"), sources=[context]))
    await asyncio.to_thread(begun.wait)
    task.cancel()
    await asyncio.sleep(0)
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert list(world.content.digests()) == []


async def test_many_copies_on_each_other(world, make_tar):
    context = world.context(make_tar(("f", "file", b"1")))
    tree = EMPTY
    for number in range(60):
        tree = await world.do(copying("/f", f"/d/{number}"), base=tree, sources=[context])
    with world.mounted(tree) as path:
        assert len(os.listdir(f"{path}/d")) == 60
