"""However a layer is unpacked, the container sees the same files.

Known below (`apply_layer`), alone and settled (`apply_alone`), or merged into a copy
(`merge_layer`): hypothesis makes stacks of layers, the kernel's overlay is the judge.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from baleen.archive.apply import NeedsLower, apply_alone, apply_layer, settle
from baleen.archive.merge import merge_layer
from baleen.errors import InvalidArgument
from baleen.snapshots import Mounts
from baleen.snapshots.root_view import read_only_view

pytestmark = pytest.mark.integration

NAMES = st.sampled_from(["a", "b", "c"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
ENTRIES = st.one_of(
    st.tuples(PATHS, st.just("file"), st.binary(max_size=3)),
    st.tuples(PATHS, st.just("dir"), st.just(b"")),
    st.tuples(PATHS, st.just("symlink"), PATHS),
    st.tuples(PATHS, st.just("link"), PATHS),
    st.tuples(PATHS.map(lambda p: p.rpartition("/")[0] + "/.wh..wh..opq"), st.just("file")),
    st.tuples(
        PATHS.map(lambda p: f"{p.rpartition('/')[0]}/.wh.{p.rpartition('/')[2]}"), st.just("file")
    ),
)
MODES = {"file": 0o640, "dir": 0o710}


def archive(build, entries):
    rows = []
    for number, (name, kind, *content) in enumerate(entries):
        more = {"mode": MODES[kind] + number % 7} if kind in MODES else {}
        rows.append((name, kind, *(content or (b"",)), {**more, "uid": number % 3}))
    return build(*rows)


def seen(root):
    """Everything that a reader of the tree could tell."""
    found = {}
    for directory, names, files in os.walk(root):
        for name in [*names, *files, "."]:
            path = os.path.join(directory, name)
            info = os.lstat(path)
            content = os.readlink(path) if os.path.islink(path) else ""
            if os.path.isfile(path) and not os.path.islink(path):
                content = Path(path).read_bytes()
            found[os.path.relpath(path, root)] = (info.st_mode, info.st_uid, content)
    return found


def opened(paths):
    return [os.open(path, os.O_RDONLY | os.O_DIRECTORY) for path in paths]


def close(fds):
    for fd in fds:
        os.close(fd)


def known(place, below, data):
    fds = opened([place, *below])
    try:
        apply_layer(fds[0], fds[1:], [data])
    finally:
        close(fds)


def alone(place, below, data):
    fds = opened([place, *below])
    try:
        _, unsettled = apply_alone(fds[0], [data])
        settle(fds[0], fds[1:], unsettled)
    finally:
        close(fds)


def stacked(tmp_path, layers, how):
    made = []
    for number, data in enumerate(layers):
        place = tmp_path / how.__name__ / str(number)
        place.mkdir(parents=True)
        if made and how is known:
            _as_below(place, made[0])
        try:
            how(place, made, data)
        except NeedsLower:
            # As the unpacking does.
            shutil.rmtree(place)
            place.mkdir()
            if made:
                _as_below(place, made[0])
            known(place, made, data)
        made.insert(0, place)
    empty = tmp_path / "empty"
    empty.mkdir(exist_ok=True)
    with read_only_view(Mounts((*map(str, made), str(empty)), None, None)) as view:
        return seen(f"/proc/self/fd/{view.fileno()}/")


def _as_below(place, below):
    info = below.stat()
    os.chown(place, info.st_uid, info.st_gid)
    place.chmod(info.st_mode & 0o7777)


def merged(tmp_path, layers):
    place = tmp_path / "merged"
    place.mkdir()
    fd = os.open(place, os.O_RDONLY)
    try:
        for data in layers:
            merge_layer(fd, [data])
    finally:
        os.close(fd)
    return seen(place)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(layers=st.lists(st.lists(ENTRIES, max_size=8), min_size=1, max_size=3))
def test_all_ways_show_the_same_files(tmp_path_factory, make_tar, layers):
    if os.geteuid() != 0:
        pytest.skip("needs root: overlay is real")
    tmp_path = tmp_path_factory.mktemp("stack")
    data = [archive(make_tar, entries) for entries in layers]
    try:
        try:
            first = stacked(tmp_path, data, known)
        except InvalidArgument:
            return  # the others may not notice what a later entry has replaced
        assert stacked(tmp_path, data, alone) == first
        assert merged(tmp_path, data) == first
    finally:
        subprocess.run(["rm", "-rf", tmp_path], check=True)


def test_a_layer_alone_does_what_those_below_cannot_be_asked_for(tmp_path, make_tar):
    if os.geteuid() != 0:
        pytest.skip("needs root: overlay is real")
    below = tmp_path / "below"
    (below / "d").mkdir(parents=True)
    (below / "d").chmod(0o1777)
    (below / "d/f").touch()
    place = tmp_path / "place"
    place.mkdir()
    alone(
        place, [below], make_tar(("d/g", "file", b""), (".wh.nothing", "file"), ("d/.wh.f", "file"))
    )
    assert (place / "d").stat().st_mode & 0o7777 == 0o1777
    assert sorted(os.listdir(place)) == ["d"]
    assert sorted(os.listdir(place / "d")) == ["f", "g"]


@pytest.mark.parametrize(
    "entries",
    [
        [("link", "link", "f")],
        [("bin/x", "file", b"")],
        [(".wh..wh..opq", "file")],
    ],
    ids=["link to a lower file", "through a lower symbolic link", "opaque root"],
)
def test_what_only_the_lower_layers_can_answer_is_said_so(tmp_path, make_tar, entries):
    if os.geteuid() != 0:
        pytest.skip("needs root: overlay is real")
    below, place = tmp_path / "below", tmp_path / "place"
    (below / "usr/bin").mkdir(parents=True)
    (below / "bin").symlink_to("usr/bin")
    (below / "f").touch()
    place.mkdir()
    with pytest.raises(NeedsLower):
        alone(place, [below], make_tar(*entries))
