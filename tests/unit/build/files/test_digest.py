"""What changes a digest, and what does not."""

import os

import pytest

from baleen.build.files.digest import digest_node, entries_below
from baleen.build.files.directory_tree import DirectoryTree
from baleen.linux.fd import Fd

BASE = (("d", "dir"), ("d/a", "file", b"text"), ("l", "symlink", "d/a"))


@pytest.fixture
def digest(tree):
    def of(*entries, **options):
        found = tree(*entries, **options)
        return digest_node(found, found.root)

    return of


def test_the_order_of_the_archive_and_times_do_not_matter(digest):
    again = [(*entry[:2], entry[2] if len(entry) > 2 else b"", {"mtime": 5}) for entry in BASE]
    assert digest(*BASE) == digest(*again) == digest(BASE[2], BASE[0], BASE[1])


@pytest.mark.parametrize(
    "changed",
    [
        (BASE[0], ("d/a", "file", b"TEXT"), BASE[2]),
        (BASE[0], ("d/a", "file", b"text", {"mode": 0o600}), BASE[2]),
        (BASE[0], ("d/b", "file", b"text"), BASE[2]),
        (("d", "dir", b"", {"mode": 0o700}), *BASE[1:]),
        (*BASE[:2], ("l", "symlink", "d/b")),
        (*BASE, ("e", "dir")),
        (*BASE[:2], ("l", "file", b"d/a")),
        (
            BASE[0],
            ("d/a", "file", b"text", {"pax_headers": {"SCHILY.xattr.user.x": "1"}}),
            BASE[2],
        ),
    ],
)
def test_all_else_does(digest, changed):
    assert digest(*BASE) != digest(*changed)


def test_owners_matter_where_they_are_kept(digest):
    changed = (BASE[0], ("d/a", "file", b"text", {"uid": 5}), BASE[2])
    assert digest(*BASE) == digest(*changed)
    assert digest(*BASE, keep_owners=True) != digest(*changed, keep_owners=True)


def test_names_cannot_be_shifted_into_each_other(digest):
    assert digest(("ab", "file", b""), ("c", "file", b"")) != digest(
        ("a", "file", b""), ("bc", "file", b"")
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="files in a directory belong to who made them")
def test_a_directory_has_the_digest_of_its_archive(tree, tmp_path):
    place = tmp_path / "place"
    (place / "d").mkdir(parents=True)
    (place / "d/a").write_bytes(b"text")
    os.symlink("d/a", place / "l")
    for path in (place, place / "d"):
        path.chmod(0o755)
    (place / "d/a").chmod(0o644)
    found = tree(*BASE)
    with Fd(os.open(place, os.O_PATH | os.O_DIRECTORY)) as root:
        other = DirectoryTree(root)
        assert digest_node(other, other.root) == digest_node(found, found.root)
        other.close()


def test_entries_tell_which_file_changed(tree):
    before = tree(*BASE)
    after = tree(BASE[0], ("d/a", "file", b"TEXT"), BASE[2])
    old, new = entries_below(before, before.root), entries_below(after, after.root)
    assert sorted(old) == [b".", b"d", b"d/a", b"l"]
    assert [path for path in old if old[path] != new[path]] == [b"d/a"]


def test_depth_is_no_problem(tree):
    deep = tree(("/".join(["d"] * 1900) + "/f", "file", b""))
    assert len(digest_node(deep, deep.root)) == 32
