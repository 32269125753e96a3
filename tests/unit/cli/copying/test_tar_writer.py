from __future__ import annotations

import io
import os
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baleen import errors
from baleen.cli.copying.tar_reader import TarReader
from baleen.cli.copying.tar_writer import tar_header, tar_tree


def test_a_tree_is_read_by_tarfile(tmp_path):
    root = tmp_path / "d"
    (root / "sub").mkdir(parents=True)
    (root / "f").write_bytes(b"x" * 1000)
    os.link(root / "f", root / "hard")
    (root / "link").symlink_to("/etc/passwd")
    (root / ("n" * 200)).write_bytes(b"")
    data = b"".join(tar_tree(os.fsencode(root), b"top"))
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        members = {m.name: m for m in tar}
        assert tar.extractfile("top/f").read() == b"x" * 1000
    assert sorted(members) == sorted(
        ["top", "top/f", "top/hard", "top/link", "top/sub", "top/" + "n" * 200]
    )
    assert members["top/hard"].islnk()
    assert members["top/link"].linkname == "/etc/passwd"
    assert members["top/f"].mtime == pytest.approx((root / "f").stat().st_mtime, abs=1e-3)
    assert len(data) % 512 == 0


def test_a_folders_content_is_named_dot(tmp_path):
    (tmp_path / "f").touch()
    data = b"".join(tar_tree(os.fsencode(tmp_path) + b"/.", b"."))
    assert [m.name for m in TarReader([data])] == [b"./", b"./f"]


def test_a_missing_source_is_named():
    with pytest.raises((errors.InvalidArgument, FileNotFoundError), match="/nope"):
        list(tar_tree(b"/nope/x", b"x"))


@given(
    st.binary(min_size=1, max_size=300).filter(lambda b: b"\0" not in b),
    st.integers(0, 1 << 40),
    st.integers(-(10**18), 10**19),
    st.integers(0, 1 << 31),
)
def test_headers_survive_a_round_trip(name, size, mtime_ns, uid):
    data = tar_header(name, kind=b"2", mode=0o640, uid=uid, mtime_ns=mtime_ns, link=name)
    (member,) = TarReader([data + bytes(1024)])
    assert (member.name, member.link, member.uid, member.mode) == (name, name, uid, 0o640)
    assert member.mtime_ns == mtime_ns
