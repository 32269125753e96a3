"""Applying layers gives the tree that overlay then shows, and never leaves its directory."""

import os
import stat
from pathlib import Path

import pytest

from baleen.archive.apply import apply_layer
from baleen.errors import InvalidArgument
from baleen.linux.fd import Fd
from baleen.linux.mount import fsconfig_create, fsconfig_string, fsmount, fsopen

pytestmark = pytest.mark.integration


def is_whiteout(path):
    info = path.lstat()
    return stat.S_ISCHR(info.st_mode) and info.st_rdev == 0


def is_opaque(path):
    try:
        return os.getxattr(path, "trusted.overlay.opaque") == b"y"
    except OSError:
        return False


def merged(layers):
    """Return path -> content (None for directories) as overlay shows the layers."""
    with fsopen("overlay") as context:
        if len(layers.made) == 1:
            root = Fd(os.open(layers.made[0], os.O_RDONLY))
        else:
            lower = ":".join(str(path) for path in reversed(layers.made))
            fsconfig_string(context.fileno(), "lowerdir", lower)
            fsconfig_create(context.fileno())
            root = fsmount(context.fileno())
    with root:
        top = Path(f"/proc/self/fd/{root.fileno()}/.")
        found = {}
        for path in top.rglob("*"):
            name = str(path.relative_to(top))
            if path.is_symlink():
                found[name] = f"-> {os.readlink(path)}"
            elif path.is_dir():
                found[name] = None
            else:
                found[name] = path.read_bytes()
        return found


def test_all_attributes_are_kept(layers):
    capability = b"\1\0\0\2\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
    root = layers(
        ("./", "dir", b"", {"mode": 0o750, "uid": 3, "mtime": 9}),
        ("d", "dir", b"", {"mode": 0o2775, "uid": 1000, "gid": 50, "mtime": 1000}),
        ("d/f", "file", b"data", {"mode": 0o4711, "uid": 1, "gid": 2, "mtime": 77}),
        ("d/s", "symlink", "nowhere", {"uid": 5, "gid": 6, "mtime": 88}),
        ("d/h", "link", "d/f"),
        ("d/p", "fifo", b"", {"mode": 0o622}),
        ("d/c", "char", b"", {"devmajor": 1, "devminor": 3, "mode": 0o666}),
        ("d/b", "block", b"", {"devmajor": 8, "devminor": 0, "mode": 0o660, "gid": 6}),
        (
            "d/cap",
            "file",
            b"",
            {
                "pax_headers": {
                    "SCHILY.xattr.security.capability": capability.decode("latin-1"),
                    "SCHILY.xattr.user.note": "hi",
                    "SCHILY.xattr.trusted.overlay.opaque": "y",
                    "mtime": "5.25",
                }
            },
        ),
    )
    info = root.stat()
    assert (stat.S_IMODE(info.st_mode), info.st_uid, info.st_mtime) == (0o750, 3, 9)
    info = (root / "d").stat()
    assert (stat.S_IMODE(info.st_mode), info.st_uid, info.st_gid) == (0o2775, 1000, 50)
    assert info.st_mtime == 1000
    info = (root / "d/f").stat()
    assert (stat.S_IMODE(info.st_mode), info.st_uid, info.st_gid) == (0o4711, 1, 2)
    assert (info.st_mtime, info.st_nlink) == (77, 2)
    info = (root / "d/s").lstat()
    assert (info.st_uid, info.st_gid, info.st_mtime) == (5, 6, 88)
    assert os.readlink(root / "d/s") == "nowhere"
    assert stat.S_ISFIFO((root / "d/p").stat().st_mode)
    assert (root / "d/c").stat().st_rdev == os.makedev(1, 3)
    info = (root / "d/b").stat()
    assert stat.S_ISBLK(info.st_mode)
    assert (info.st_rdev, stat.S_IMODE(info.st_mode), info.st_gid) == (os.makedev(8, 0), 0o660, 6)
    assert os.getxattr(root / "d/cap", "user.note") == b"hi"
    assert os.getxattr(root / "d/cap", "security.capability") == capability
    assert not is_opaque(root / "d/cap")
    assert (root / "d/cap").stat().st_mtime_ns == 5_250_000_000


def test_whiteouts_take_overlays_form(layers):
    layers(("a", "file", b"1"), ("b/f", "file", b"2"), ("b/g", "file", b"3"), ("c/x", "file", b"4"))
    top = layers(
        (".wh.a", "file"),
        ("b/.wh.f", "file"),
        (".wh.nothere", "file"),
        ("c/.wh..wh..opq", "file"),
        ("c/new", "file", b"5"),
    )
    assert is_whiteout(top / "a")
    assert is_whiteout(top / "b/f")
    assert is_opaque(top / "c")
    assert not (top / "nothere").exists()
    assert merged(layers) == {"b": None, "b/g": b"3", "c": None, "c/new": b"5"}


@pytest.mark.parametrize("first", [True, False])
def test_an_opaque_directory_keeps_its_own_layer_in_either_order(layers, first):
    layers(("a/b/c/bar", "file", b"1"), ("a/z", "file", b"1"))
    opaque = [("a/.wh..wh..opq", "file")]
    new = [("a", "dir"), ("a/b", "dir"), ("a/b/c", "dir"), ("a/b/c/foo", "file", b"2")]
    layers(*(opaque + new if first else new + opaque))
    assert merged(layers) == {"a": None, "a/b": None, "a/b/c": None, "a/b/c/foo": b"2"}


def test_whiteouts_made_before_the_opaque_one_do_not_show(layers):
    layers(("a/b/x", "file", b"1"), ("a/y", "file", b"1"))
    layers(("a/b/.wh.x", "file"), ("a/.wh.y", "file"), ("a/.wh..wh..opq", "file"))
    assert merged(layers) == {"a": None, "a/b": None}


def test_an_opaque_root_hides_everything_below(layers):
    layers(("a/x", "file", b"1"), ("b", "file", b"1"), ("s", "symlink", "a"))
    layers((".wh..wh..opq", "file"), ("a/new", "file", b"2"), ("s/x", "file", b"3"))
    assert merged(layers) == {"a": None, "a/new": b"2", "s": None, "s/x": b"3"}


def test_a_removed_and_remade_directory_does_not_show_its_past(layers):
    layers(("a/old", "file", b"1"), ("b/old", "file", b"1"))
    layers(
        (".wh.a", "file"), ("a", "dir"), ("a/new", "file", b"2"),
        ("b/new", "file", b"2"), (".wh.b", "file"),
    )  # fmt: skip
    assert merged(layers) == {"a": None, "a/new": b"2", "b": None, "b/new": b"2"}


def test_a_whiteout_does_not_hide_its_own_layer(layers):
    layers(("f", "file", b"old"))
    layers(("f", "file", b"new"), (".wh.f", "file"))
    assert merged(layers) == {"f": b"new"}


def test_whiteouts_in_a_base_layer_mean_nothing(layers):
    root = layers(
        (".wh.x", "file"), ("d/.wh..wh..opq", "file"), ("d/f", "file"), (".wh..wh.plnk", "file")
    )
    assert sorted(p.name for p in root.rglob("*")) == ["d", "f"]
    assert not is_opaque(root / "d")


def test_a_directory_that_is_only_passed_through_looks_like_the_one_below(layers):
    layers(("tmp", "dir", b"", {"mode": 0o1777, "uid": 7}))
    top = layers(("tmp/x/y", "file", b"1"))
    info = (top / "tmp").stat()
    assert (stat.S_IMODE(info.st_mode), info.st_uid) == (0o1777, 7)
    assert stat.S_IMODE((top / "tmp/x").stat().st_mode) == 0o755


def test_links_below_are_followed_for_parents(layers):
    layers(("usr/bin/a", "file", b"1"), ("bin", "symlink", "usr/bin"), ("up", "symlink", "/../usr"))
    top = layers(("bin/b", "file", b"2"), ("up/c", "file", b"3"))
    assert not (top / "bin").exists()
    assert merged(layers) == {
        "bin": "-> usr/bin", "up": "-> /../usr", "usr": None, "usr/bin": None,
        "usr/bin/a": b"1", "usr/bin/b": b"2", "usr/c": b"3",
    }  # fmt: skip


def test_hard_links_to_lower_layers_copy_up(layers):
    layers(("d/f", "file", b"data", {"mode": 0o4755, "uid": 9, "mtime": 5}), ("s", "symlink", "d"))
    top = layers(("h", "link", "d/f"), ("hs", "link", "s"))
    assert (top / "h").read_bytes() == b"data"
    assert (top / "h").samefile(top / "d/f")
    info = (top / "h").stat()
    assert (stat.S_IMODE(info.st_mode), info.st_uid, info.st_mtime) == (0o4755, 9, 5)
    assert os.readlink(top / "hs") == "d"


def test_the_last_of_several_entries_wins_and_is_not_reached_through_the_earlier(layers):
    root = layers(
        ("t", "dir"),
        ("x", "file", b"1"),
        ("x", "dir"),
        ("x/deep/er", "file", b"1"),
        ("x", "symlink", "t"),
        ("x", "file", b"last"),
        ("y", "symlink", "t/victim"),
        ("y", "file", b"y"),
    )
    assert (root / "x").read_bytes() == b"last"
    assert (root / "y").read_bytes() == b"y"
    assert list((root / "t").iterdir()) == []


def test_many_duplicates_take_linear_time(layers):
    entries = [("x", "dir"), ("x", "file", b"1")] * 5000
    root = layers(*entries)
    assert (root / "x").read_bytes() == b"1"


@pytest.mark.parametrize(
    ("entries", "name"),
    [
        ([("../x", "file")], "../x"),
        ([("a/../../x", "file")], "a/../../x"),
        ([("h", "link", "../../etc/passwd")], "../../etc/passwd"),
        ([("h", "link", "nothere")], "nothere"),
        ([("d", "dir"), ("h", "link", "d")], '"d"'),
        ([("h", "file"), ("h", "link", "h")], "itself"),
        ([("z", "char")], "0:0"),
        ([("z", "char", b"", {"devmajor": 5000})], "out of range"),
        ([(".wh.", "file")], ".wh."),
        ([(".wh..", "file")], ".wh.."),
        ([(".wh...", "file")], ".wh..."),
        ([(".wh.../x", "file")], ".wh.../x"),
        ([("f", "file"), ("f/x", "file")], "f/x"),
        ([("l", "symlink", "l2"), ("l2", "symlink", "l"), ("l/x", "file")], "too many"),
        ([("/", "symlink", "x")], "root directory"),
        ([("n" * 300, "file")], "file name too long"),
    ],
)
def test_bad_entries_are_refused_by_name(layers, entries, name):
    with pytest.raises(InvalidArgument) as caught:
        layers(*entries)
    assert name in caught.value.message


def test_nothing_outside_is_touched(layers, tmp_path):
    canary = tmp_path / "canary"
    canary.mkdir(mode=0o700)
    (canary / "f").write_bytes(b"safe")
    (canary / "f").chmod(0o600)
    root = layers(
        ("abs", "symlink", str(canary)),
        ("rel", "symlink", "../../canary"),
        ("abs/new", "file", b"x"),
        ("rel/new", "file", b"x"),
        ("abs/f", "file", b"evil", {"mode": 0o777}),
        ("/lead", "file", b"x"),
    )
    assert [p.name for p in canary.iterdir()] == ["f"]
    assert (canary / "f").read_bytes() == b"safe"
    assert stat.S_IMODE((canary / "f").stat().st_mode) == 0o600
    # The links led to the same places inside of the layer.
    assert (root / str(canary)[1:] / "new").exists()
    assert (root / "canary/new").exists()
    assert (root / "lead").exists()


def test_many_directories_need_few_descriptors(layers):
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    layers(*[(f"d{i}/e{i}/f", "file", b"1") for i in range(400)])
    resource.setrlimit(resource.RLIMIT_NOFILE, (800, hard))
    try:
        top = layers(*[(f"d{i}/e{i}/g", "file", b"2") for i in range(400)])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert sum(1 for p in top.rglob("g")) == 400


def test_the_size_is_that_of_the_files(tmp_path, make_tar):
    fd = os.open(tmp_path, os.O_RDONLY)
    try:
        data = make_tar(("a", "file", b"x" * 100), ("b", "file", b"y" * 23), ("c", "link", "a"))
        assert apply_layer(fd, [], [data]) == 123
    finally:
        os.close(fd)
