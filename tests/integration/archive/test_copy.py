"""`cp` and `export`: Docker's names and texts, and no way out of the container's root."""

import gzip
import io
import os
import socket
import tarfile

import pytest

from baleen.archive import export_tree, extract, stat_path, tar_path
from baleen.errors import InvalidArgument, NotFound, PermissionDenied
from baleen.linux.fd import Fd

pytestmark = pytest.mark.integration


@pytest.fixture
def tree(tmp_path):
    """A container's tree with everything that could go wrong, and a canary beside it."""
    if os.geteuid() != 0:
        pytest.skip("needs root: device nodes are real")
    root = tmp_path / "root"
    (root / "etc/sub").mkdir(parents=True)
    (root / "etc/f").write_bytes(b"x" * 700)
    (root / "etc/h").hardlink_to(root / "etc/f")
    (root / "file-link").symlink_to("/etc/f")
    (root / "dir-link").symlink_to("etc")
    (root / "loop").symlink_to("loop")
    (root / "evil").symlink_to("/../../../../canary")
    (root / "usr").mkdir()
    (root / "usr/abs").symlink_to("/etc")
    os.mkfifo(root / "fifo")
    os.mknod(root / "null", 0o020666, os.makedev(1, 3))
    (tmp_path / "canary").write_bytes(b"safe")
    with Fd(os.open(root, os.O_PATH | os.O_DIRECTORY)) as fd:
        yield root, fd
    assert (tmp_path / "canary").read_bytes() == b"safe"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["canary", "root"]


def members(chunks):
    with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as archive:
        return {member.name: member for member in archive}


def names(fd, path):
    return list(members(tar_path(fd, path, container="c")[1]))


ETC = ["f", "h", "sub"]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/etc", ["etc", *[f"etc/{n}" for n in ETC]]),
        ("etc/", ["etc", *[f"etc/{n}" for n in ETC]]),
        ("/etc/.", [".", *[f"./{n}" for n in ETC]]),
        ("/etc/f", ["f"]),
        ("/../../etc/f", ["f"]),
        ("/file-link", ["file-link"]),
        ("/dir-link", ["dir-link"]),
        ("/dir-link/", ["dir-link", *[f"dir-link/{n}" for n in ETC]]),
        ("/dir-link/f", ["f"]),
        ("/usr/abs/f", ["f"]),
        ("/fifo", ["fifo"]),
        ("/null", ["null"]),
        ("/evil", ["evil"]),
    ],
)
def test_entries_are_named_as_dockers(tree, path, expected):
    assert names(tree[1], path) == expected


def test_the_root_itself_has_leading_slashes(tree):
    found = names(tree[1], "/")
    assert found[0] == ""
    assert "/etc/f" in found


def test_kinds_and_links_are_kept(tree):
    found = members(tar_path(tree[1], "/.")[1])
    assert found["./etc/h"].islnk()
    assert found["./etc/h"].linkname == "./etc/f"
    assert found["./file-link"].linkname == "/etc/f"
    assert found["./fifo"].isfifo()
    assert (found["./null"].devmajor, found["./null"].devminor) == (1, 3)
    assert found["./etc/f"].size == 700


@pytest.mark.parametrize(
    ("path", "name", "mode", "target"),
    [
        ("/etc", "etc", 1 << 31 | 0o755, ""),
        ("/etc/.", ".", 1 << 31 | 0o755, ""),
        ("/", "/", 1 << 31 | 0o755, ""),
        ("/etc/f", "f", 0o644, ""),
        ("/file-link", "file-link", 1 << 27 | 0o777, "/etc/f"),
        ("/evil", "evil", 1 << 27 | 0o777, "/canary"),
        ("/loop", "loop", 1 << 27 | 0o777, "/loop"),
        ("/fifo", "fifo", 1 << 25 | 0o644, ""),
        ("/null", "null", 1 << 26 | 1 << 21 | 0o644, ""),
    ],
)
def test_stat_speaks_gos_modes(tree, path, name, mode, target):
    info = stat_path(tree[1], path, container="c")
    assert (info.name, info.mode, info.link_target) == (name, mode, target)
    assert set(info.to_dict()) == {"name", "size", "mode", "mtime", "linkTarget"}


def test_special_bits(tree):
    (tree[0] / "etc/f").chmod(0o7755)
    assert stat_path(tree[1], "/etc/f").mode == 0o755 | 1 << 23 | 1 << 22 | 1 << 20


@pytest.mark.parametrize(
    ("path", "error", "text"),
    [
        ("/nope", NotFound, "Could not find the file /nope in container c"),
        ("nope/x", NotFound, "Could not find the file /nope/x in container c"),
        ("/etc/f/x", NotFound, "Could not find the file /etc/f/x in container c"),
        ("/fifo/x", NotFound, "Could not find the file /fifo/x in container c"),
        ("/evil/", NotFound, "Could not find the file /evil/ in container c"),
        ("/etc/f/", InvalidArgument, "not a directory"),
        ("/fifo/.", InvalidArgument, "not a directory"),
        ("/loop/", InvalidArgument, "too many levels of symbolic links"),
        ("/a\0b", InvalidArgument, "NUL"),
        ("/" + "a" * 5000, InvalidArgument, "longer than 4096"),
        ("/" + "a" * 300, InvalidArgument, "file name too long"),
    ],
)
def test_bad_paths_have_dockers_texts(tree, path, error, text):
    for call in (stat_path, tar_path):
        with pytest.raises(error) as caught:
            call(tree[1], path, container="c")
        assert text in caught.value.message


def test_names_that_are_not_utf8_come_through(tree):
    (tree[0] / os.fsdecode(b"etc/\xff\n")).write_bytes(b"1")
    data = b"".join(tar_path(tree[1], "/etc")[1])
    assert b"etc/\xff\n" in data
    (tree[0] / "in").mkdir()
    extract(tree[1], "/in", [data])
    assert b"\xff\n" in os.listdir(os.fsencode(tree[0] / "in/etc"))


def test_sockets_are_left_out(tree):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tree[0] / "etc/s"))
        assert "etc/s" not in names(tree[1], "/etc")


def test_a_file_that_shrinks_is_filled_with_zeros(tree):
    (tree[0] / "big").write_bytes(b"x" * (3 << 20))
    chunks = tar_path(tree[1], "/big")[1]
    data = next(chunks)
    os.truncate(tree[0] / "big", 100)
    data += b"".join(chunks)
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        content = archive.extractfile("big").read()
    assert len(content) == 3 << 20
    assert content.endswith(b"\0" * 100)


def test_a_tree_deeper_than_path_max(tree):
    fd = os.open(tree[0], os.O_RDONLY)
    for _ in range(600):
        os.mkdir("d" * 10, dir_fd=fd)
        deeper = os.open("d" * 10, os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = deeper
    os.close(fd)
    assert len(names(tree[1], "/" + "d" * 10)) == 600


def test_export_has_no_root_and_no_leading_slash(tree):
    found = list(members(export_tree(tree[1])))
    assert found[0] == "dir-link"
    assert "etc/f" in found
    assert "usr/abs" in found


def test_giving_up_closes_everything(tree):
    chunks = tar_path(tree[1], "/")[1]
    next(chunks)
    chunks.close()


def test_extracting_merges_directories_and_replaces_files(tree, make_tar):
    data = make_tar(
        ("./", "dir", b"", {"mode": 0o777}),
        ("etc", "dir", b"", {"mode": 0o711, "mtime": 55}),
        ("etc/f", "file", b"new", {"uid": 8, "gid": 9, "mtime": 66}),
        ("etc/new/deep", "file", b"1"),
        ("etc/sub", "file", b"was a directory"),
    )
    extract(tree[1], "/", [gzip.compress(data)])
    root = tree[0]
    assert (root / "etc/f").read_bytes() == b"new"
    assert (root / "etc/h").read_bytes() == b"x" * 700
    assert ((root / "etc/f").stat().st_uid, (root / "etc/f").stat().st_mtime) == (8, 66)
    assert (root / "etc").stat().st_mtime == 55
    assert (root / "etc").stat().st_mode & 0o777 == 0o711
    assert (root / "etc/sub").read_bytes() == b"was a directory"
    assert root.stat().st_mode & 0o777 == 0o755


def test_the_owner_can_be_given(tree, make_tar):
    extract(
        tree[1], "/etc", [make_tar(("a", "file", b"1", {"uid": 8}), ("b", "dir"))], owner=(5, 6)
    )
    for name in ("a", "b"):
        info = (tree[0] / "etc" / name).stat()
        assert (info.st_uid, info.st_gid) == (5, 6)


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        (("etc", "file", b""), 'cannot overwrite directory "/etc" with non-directory "/"'),
        (("fifo", "dir"), 'cannot overwrite non-directory "/fifo" with directory "/"'),
    ],
)
def test_directories_are_protected_when_asked(tree, make_tar, entry, text):
    with pytest.raises(InvalidArgument) as caught:
        extract(tree[1], "/", [make_tar(entry)], no_overwrite_dir_non_dir=True)
    assert caught.value.message == text


@pytest.mark.parametrize(
    ("path", "error", "text"),
    [
        ("/etc/f", InvalidArgument, "extraction point is not a directory"),
        ("/fifo", InvalidArgument, "extraction point is not a directory"),
        ("/nope", NotFound, "Could not find the file /nope in container c"),
        ("/evil", NotFound, "Could not find the file /evil in container c"),
    ],
)
def test_bad_extraction_points(tree, make_tar, path, error, text):
    with pytest.raises(error) as caught:
        extract(tree[1], path, [make_tar(("x", "file"))], container="c")
    assert caught.value.message == text


@pytest.mark.parametrize(
    "entries",
    [
        [("../x", "file")],
        [("etc/../../x", "file")],
        [("h", "link", "../../canary")],
        [("z", "char")],
    ],
)
def test_hostile_archives_are_refused(tree, make_tar, entries):
    with pytest.raises(InvalidArgument, match="archive entry"):
        extract(tree[1], "/", [make_tar(*entries)])


def test_links_lead_where_they_lead_in_the_container(tree, make_tar):
    extract(
        tree[1],
        "/usr",
        [
            make_tar(
                ("abs/via-abs", "file", b"1"),
                ("out", "symlink", "../../../.."),
                ("out/here", "file", b"2"),
                ("evil", "symlink", "/../../../../canary"),
                ("evil", "file", b"3"),
            )
        ],
    )
    assert (tree[0] / "etc/via-abs").read_bytes() == b"1"
    assert (tree[0] / "here").read_bytes() == b"2"
    assert (tree[0] / "usr/evil").read_bytes() == b"3"


def test_a_broken_archive_names_its_entry(tree, make_tar):
    with pytest.raises(InvalidArgument, match='truncated after entry "f"'):
        extract(tree[1], "/", [make_tar(("f", "file", b"x" * 5000))[:2000]])


def test_procfs_is_read_only_to_cp(make_tar):
    with (
        Fd(os.open("/", os.O_PATH | os.O_DIRECTORY)) as root,
        pytest.raises((PermissionDenied, InvalidArgument), match="extract"),
    ):
        extract(root, "/proc", [make_tar(("x", "file"))])
