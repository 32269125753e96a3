"""Options of tmpfs, and the fields of --mount."""

from __future__ import annotations

import pytest

from baleen.api import BindOptions, Mount, TmpfsOptions, VolumeOptions
from baleen.engine.mount_types import check_mount, tmpfs_options
from baleen.errors import InvalidArgument


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ("nosuid", "nodev", "noexec")),
        ("size=64m,mode=1777", ("nosuid", "nodev", "noexec", "size=64m", "mode=1777")),
        ("exec", ("nosuid", "nodev", "exec")),
        ("suid,dev,exec", ("suid", "dev", "exec")),
        ("ro,size=50%", ("nosuid", "nodev", "noexec", "ro", "size=50%")),
        ("defaults,uid=5,gid=6", ("nosuid", "nodev", "noexec", "uid=5", "gid=6")),
    ],
)
def test_tmpfs(text, expected):
    assert tmpfs_options(text) == expected


@pytest.mark.parametrize(
    "text", ["nonsense", "size=", "size=1x", "mode=9", "bind", "remount", "uid=-1", "size=1_0"]
)
def test_bad_tmpfs(text):
    with pytest.raises(InvalidArgument, match="Invalid tmpfs option"):
        tmpfs_options(text)


def bind(**changes) -> Mount:
    return Mount(**({"type": "bind", "source": "/a", "target": "/b"} | changes))


def test_good_mounts():
    check_mount(bind())
    check_mount(bind(bind_options=BindOptions(propagation="rslave")))
    check_mount(bind(read_only=True, bind_options=BindOptions(read_only_force_recursive=True)))
    check_mount(Mount(type="volume", target="/b"))
    check_mount(Mount(type="tmpfs", target="/b", tmpfs_options=TmpfsOptions(size_bytes=5)))


@pytest.mark.parametrize(
    ("mount", "text"),
    [
        (Mount(type="", target="/b"), "mount type unknown"),
        (Mount(type="npipe", source="x", target="/b"), "mount type unknown"),
        (bind(source=""), "field Source must not be empty"),
        (bind(source="a"), "mount path must be absolute"),
        (bind(source="/a\0"), "invalid mount path"),
        (bind(bind_options=BindOptions(propagation="x")), "invalid propagation mode"),
        (bind(bind_options=BindOptions(read_only_non_recursive=True)), "must be read-only"),
        (bind(volume_options=VolumeOptions()), "field VolumeOptions must not be specified"),
        (Mount(type="volume", source="a/b", target="/b"), "includes invalid characters"),
        (Mount(type="tmpfs", source="x", target="/b"), "field Source must not be specified"),
        (
            Mount(type="tmpfs", target="/b", tmpfs_options=TmpfsOptions(size_bytes=-1)),
            "invalid size",
        ),
        (Mount(type="image", target="/b"), "field Source must not be empty"),
    ],
)
def test_bad_mounts(mount, text):
    with pytest.raises(InvalidArgument, match=text):
        check_mount(mount)
