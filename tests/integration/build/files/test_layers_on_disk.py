"""Whatever is done to a tree in memory, unpacked and mounted by the kernel it is the same."""

import asyncio
import os
import stat
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from baleen.build.files.directory_tree import DirectoryTree
from baleen.build.files.inputs import inputs_of
from baleen.build.graph import Copying, Making, Removing, Writing
from baleen.build.trees import EMPTY
from baleen.errors import InvalidArgument, NotFound

pytestmark = pytest.mark.integration

NAMES = st.sampled_from(["a", "b", "c"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
TARGETS = st.one_of(PATHS, PATHS.map("/{}".format), st.sampled_from(["..", "/", "../../a"]))
MODES = st.sampled_from([0o755, 0o700, 0o1777])
ENTRIES = st.lists(
    st.one_of(
        st.tuples(PATHS, st.just("dir"), st.just(b""), st.fixed_dictionaries({"mode": MODES})),
        st.tuples(PATHS, st.just("file"), st.binary(max_size=4)),
        st.tuples(PATHS, st.just("symlink"), TARGETS),
        st.tuples(PATHS, st.just("link"), PATHS),
    ),
    max_size=8,
)
ACTIONS = st.lists(
    st.one_of(
        st.builds(Making, path=PATHS.map("/{}".format), mode=MODES),
        st.builds(Writing, path=PATHS.map("/{}".format), content=st.binary(max_size=4)),
        st.builds(Removing, path=PATHS.map("/{}".format)),
        st.builds(
            Copying,
            input=st.just(1),
            sources=PATHS.map(lambda path: (f"/{path}",)),
            destination=PATHS.map("/{}".format),
            contents_of_directories=st.booleans(),
        ),
        st.builds(
            Copying,
            input=st.just(1),
            sources=st.just(("/inner",)),
            destination=PATHS.map("/{}/".format),
            unpack=st.just(True),
        ),
    ),
    min_size=1,
    max_size=5,
)


def described(tree):
    """Return what can be seen of a tree, by path; times do not count, nor a link's mode."""
    found = {}
    for node in tree.walk(tree.root):
        if node.is_link:
            found[node.path] = ("link", tree.readlink(node))
        elif node.is_directory:
            found[node.path] = ("dir", stat.S_IMODE(node.mode), node.uid)
        else:
            data = None
            with suppress(ValueError):  # what ADD unpacked is only in the blob any more
                data = b"".join(tree.chunks(node))
            found[node.path] = ("file", stat.S_IMODE(node.mode), node.uid, data)
    return found


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    bases=st.lists(ENTRIES, min_size=1, max_size=2),
    inner=ENTRIES,
    steps=st.lists(ACTIONS, max_size=3),
)
def test_the_same_on_disk(world, make_tar, bases, inner, steps):
    asyncio.run(compared(world, make_tar, bases, inner, steps))


async def compared(world, make_tar, bases, inner, steps):
    tree = EMPTY
    everything = Copying(input=1, sources=("/",), destination="/", owner="keep")
    for entries in bases:
        with suppress(InvalidArgument):  # an archive or a copy that is none
            context = world.context(make_tar(*entries))
            tree = await world.do(everything, base=tree, sources=[context])
    context = world.context(
        make_tar(
            ("inner", "file", make_tar(*inner)),
            ("a/b", "file", b"ab"),
            ("b/c/a", "file", b"bca"),
            ("c", "symlink", "b"),
        )
    )
    for actions in steps:
        for action in actions:
            with suppress(InvalidArgument, NotFound):
                tree = await world.do(action, base=tree, sources=[context])
    made = inputs_of(world.session, world.store)._made.get(tree.diff_ids)
    if made is None:
        return
    with world.store.open_tree(tree) as root:
        disk = DirectoryTree(root)
        on_disk = described(disk)
        disk.close()
    in_memory = described(made[0])
    # The root's own attributes are in no layer.
    assert on_disk.pop(b"")[0] == in_memory.pop(b"")[0] == "dir"
    for path, seen in in_memory.items():
        if seen[-1] is None:
            on_disk[path] = (*on_disk[path][:-1], None)
    assert in_memory == on_disk
    assert os.listdir(world.directory) == []
