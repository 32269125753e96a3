"""What an archive means without being unpacked, and that a hostile one gets nowhere."""

import io
import os
import tarfile

import pytest

from baleen.archive.limits import Limits
from baleen.build.files.archive_tree import is_described, read_archive, single_file
from baleen.build.files.spooling import spool_file
from baleen.errors import InvalidArgument, ResourceExhausted


def content(tree, path):
    return b"".join(tree.chunks(tree.find(path)))


def test_files_are_found_with_their_content(tree):
    found = tree(("d", "dir"), ("d/a", "file", b"one"), ("d/b", "file", b"two"))
    assert content(found, b"/d/a") == b"one"
    assert content(found, b"d/b") == b"two"
    assert [node.path for node in found.walk(found.root)] == [b"", b"d", b"d/a", b"d/b"]


def test_a_later_entry_replaces_an_earlier_one_and_directories_are_merged(tree):
    found = tree(
        ("a", "file", b"old"),
        ("d", "dir", b"", {"mode": 0o700}),
        ("d/x", "file", b"x"),
        ("a", "file", b"new"),
        ("d", "dir", b"", {"mode": 0o711}),
        ("d/y", "file", b"y"),
        ("d/x", "dir"),
    )
    assert content(found, b"a") == b"new"
    assert sorted(found.children(found.find(b"d"))) == [b"x", b"y"]
    assert found.find(b"d").mode & 0o777 == 0o711
    assert found.find(b"d/x").is_directory


def test_children_are_sorted_whatever_the_order_of_the_entries(tree):
    found = tree(*((name, "file", b"") for name in ("z", "a", "m/2", "m/1")))
    assert list(found.children(found.root)) == [b"a", b"m", b"z"]
    assert list(found.children(found.find(b"m"))) == [b"1", b"2"]


def test_owners_count_only_where_they_are_kept(tree):
    entries = (("a", "file", b"", {"uid": 5, "gid": 6}), ("d", "dir", b"", {"uid": 7}))
    ignored = tree(*entries)
    assert (ignored.find(b"a").uid, ignored.find(b"d").uid) == (0, 0)
    kept = tree(*entries, keep_owners=True)
    assert (kept.find(b"a").uid, kept.find(b"a").gid, kept.find(b"d").uid) == (5, 6, 7)


def test_a_hard_link_is_one_more_name(tree):
    found = tree(("a", "file", b"text"), ("d/b", "link", "a"))
    assert content(found, b"d/b") == b"text"
    assert found.find(b"a").inode is found.find(b"d/b").inode is not None


def test_directories_without_an_entry_are_told_apart(tree):
    found = tree(("a/b", "file", b""), ("c", "dir"))
    assert not is_described(found.find(b"a"))
    assert is_described(found.find(b"c"))
    assert found.find(b"a").mode & 0o777 == 0o755


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/../x"])
def test_a_name_that_leads_out_is_refused(tree, name):
    with pytest.raises(InvalidArgument, match="leads out of the root"):
        tree((name, "file", b"x"))


def test_a_name_with_a_nul_is_refused_also_beside_a_good_one(make_tar, tmp_path):
    data = make_tar(("d/a", "file", b""), ("d/b", "file", b"", {"pax_headers": {"path": "d/c\0d"}}))
    with pytest.raises(InvalidArgument, match="bad name"):
        read_archive([data], spool_file(tmp_path))


def test_a_path_through_a_link_or_file_is_refused(tree):
    with pytest.raises(InvalidArgument, match="not a directory"):
        tree(("l", "symlink", "/etc"), ("l/passwd", "file", b"x"))


def test_a_hard_link_to_nothing_or_out_is_refused(tree):
    with pytest.raises(InvalidArgument, match="bad link target"):
        tree(("h", "link", "missing"))
    with pytest.raises(InvalidArgument, match="leads out of the root"):
        tree(("h", "link", "../etc/shadow"))


def test_entries_are_bounded_those_that_names_imply_too(make_tar, tmp_path):
    deep = make_tar(("/".join(["d"] * 500), "file", b""))
    with pytest.raises(ResourceExhausted, match="max_entries"):
        read_archive([deep], spool_file(tmp_path), limits=Limits(max_entries=100))


def test_a_refused_archive_leaves_no_descriptor(make_tar, tmp_path):
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(InvalidArgument):
        read_archive([make_tar(("../x", "file", b""))], spool_file(tmp_path))
    assert len(os.listdir("/proc/self/fd")) == before
    assert list(tmp_path.iterdir()) == []


def test_a_sparse_file_keeps_its_holes(tmp_path):
    # GNU's format 1.0: the map comes before the data.
    stored = b"1\n1048576\n3\n".ljust(512, b"\0") + b"end"
    info = tarfile.TarInfo("GNUSparseFile.0/s")
    info.size = len(stored)
    info.pax_headers = {
        "GNU.sparse.major": "1",
        "GNU.sparse.minor": "0",
        "GNU.sparse.name": "s",
        "GNU.sparse.realsize": "1048579",
    }
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(info, io.BytesIO(stored))
    found = read_archive([buffer.getvalue()], spool_file(tmp_path))
    node = found.find(b"s")
    assert node.size == 1048579
    assert b"".join(found.chunks(node)) == bytes(1048576) + b"end"
    found.close()


def test_names_are_bytes(tree):
    found = tree(("d\udcff/new\nline", "file", b"x"))
    assert content(found, b"d\xff/new\nline") == b"x"


def test_one_file_makes_a_tree(tmp_path):
    spool = spool_file(tmp_path)
    os.write(spool.fileno(), b"FROM scratch\n")
    found = single_file(b"Dockerfile", spool, mode=0o600, size=13, mtime_ns=5, digest=b"")
    assert content(found, b"Dockerfile") == b"FROM scratch\n"
    assert found.find(b"Dockerfile").mtime_ns == 5
    found.close()
