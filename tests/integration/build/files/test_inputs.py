"""Inputs of one build: opened once, remembered, closed with their last user."""

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from baleen.build.files.contents import ContentDigests
from baleen.build.files.inputs import inputs_of
from baleen.build.graph import Copying
from baleen.build.interfaces import Selection
from baleen.build.session import LocalDirectory
from baleen.build.trees import EMPTY

pytestmark = pytest.mark.integration


async def copied(world, make_tar, *entries):
    action = Copying(input=1, sources=("/",), destination="/")
    return await world.do(action, sources=[world.context(make_tar(*entries))])


async def test_a_tree_is_open_only_while_it_is_read(world, make_tar):
    tree = await copied(world, make_tar, ("f", "file", b"text"))
    inputs = inputs_of(world.session, world.store)
    before = len(os.listdir("/proc/self/fd"))
    with inputs.readable(tree) as one, inputs.readable(tree) as two:
        assert one is two
        assert b"".join(one.chunks(one.find(b"f"))) == b"text"
        assert len(os.listdir("/proc/self/fd")) > before
    assert len(os.listdir("/proc/self/fd")) == before
    with inputs.seen(EMPTY) as nothing:
        assert nothing is None


async def test_what_was_just_made_is_seen_without_being_unpacked(world, make_tar):
    tree = await copied(world, make_tar, ("d/f", "file", b"text"))
    with inputs_of(world.session, world.store).seen(tree) as seen:
        assert seen.find(b"d/f").size == 4
    assert world.unpacked == 0


async def test_a_directory_of_the_host_and_what_is_left_out(world, tmp_path):
    place = tmp_path / "here"
    place.mkdir()
    (place / "keep").write_text("k")
    (place / "drop").write_text("d")
    inputs = inputs_of(world.session, world.store)
    with inputs.readable(LocalDirectory(place, ("drop",))) as tree:
        assert list(tree.children(tree.root)) == [b"keep"]
    with inputs.readable(LocalDirectory(place)) as tree:
        assert list(tree.children(tree.root)) == [b"drop", b"keep"]


async def test_digests_of_a_tree_are_those_of_the_context_it_came_from(world, make_tar):
    entries = (("d", "dir"), ("d/a", "file", b"1"), ("d/l", "symlink", "a"))
    context = world.context(make_tar(*entries))
    tree = await copied(world, make_tar, *entries)
    digests = ContentDigests(world.store, world.workers)
    selection = Selection(paths=("/d",))
    first = await digests.contents(context, selection, world.session)
    assert first == await digests.contents(tree, selection, world.session)
    unpacked = world.unpacked
    assert first == await digests.contents(tree, selection, world.session)
    assert world.unpacked == unpacked
    assert sorted(first.entries) == ["d", "d/a", "d/l"]


async def test_threads_share_a_tree(world, make_tar):
    entries = [(f"d{n}/f", "file", b"%d" % n) for n in range(40)]
    tree = await copied(world, make_tar, *entries)
    inputs = inputs_of(world.session, world.store)

    def read(number):
        with inputs.readable(tree) as found:
            return b"".join(found.chunks(found.find(b"d%d/f" % number)))

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(read, range(40))) == [b"%d" % n for n in range(40)]
