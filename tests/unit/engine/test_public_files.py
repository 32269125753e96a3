import os
import stat

import pytest

from baleen.engine.public_files import make_public_directory, write_public_file


@pytest.fixture(autouse=True)
def strict_umask():
    before = os.umask(0o077)
    yield
    os.umask(before)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_missing_parents_are_public_too_and_what_exists_is_left(tmp_path):
    (tmp_path / "mine").mkdir()
    make_public_directory(str(tmp_path / "mine" / "a" / "b"))
    make_public_directory(str(tmp_path / "mine" / "a" / "b"))
    assert mode(tmp_path / "mine") == 0o700
    assert mode(tmp_path / "mine" / "a") == mode(tmp_path / "mine" / "a" / "b") == 0o755


def test_a_file_in_the_way_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError):
        make_public_directory(str(tmp_path / "file" / "below"))


def test_a_file_is_replaced_in_place_and_readable(tmp_path):
    path = tmp_path / "hosts"
    path.write_text("a longer text than the new one")
    inode = path.stat().st_ino
    write_public_file(str(path), "new\n")
    assert (path.read_text(), mode(path), path.stat().st_ino) == ("new\n", 0o644, inode)
