import os
import stat

import pytest

from baleen.linux import Fd
from baleen.linux import path as p


@pytest.fixture
def root(tmp_path):
    (tmp_path / "root/dir").mkdir(parents=True)
    (tmp_path / "root/dir/file").write_text("inside")
    (tmp_path / "outside").write_text("outside")
    os.symlink("/dir", tmp_path / "root/absolute")
    os.symlink("../../../../outside", tmp_path / "root/escape")
    os.symlink("/proc/self/fd/0", tmp_path / "root/magic")
    os.symlink("/nowhere/at/all", tmp_path / "root/dangling")
    with Fd(os.open(tmp_path / "root", os.O_PATH | os.O_DIRECTORY)) as fd:
        yield fd


def _read(fd):
    with fd, open(os.open(f"/proc/self/fd/{fd.fileno()}", os.O_RDONLY)) as file:
        return file.read()


def test_links_are_followed_inside_the_root_only(root):
    assert _read(p.open_in_root(root.fileno(), "/absolute/../dir/file")) == "inside"
    with pytest.raises(FileNotFoundError) as caught:
        p.open_in_root(root.fileno(), "/escape")
    assert caught.value.filename == "/escape"
    assert caught.value.__notes__ == ["openat2"]


def test_magic_links_are_refused(root):
    with Fd(os.open("/", os.O_PATH)) as top, pytest.raises(OSError, match="symbolic links"):
        p.open_in_root(top.fileno(), "/proc/self/fd/0")


def test_missing_directories_are_made_inside(root, tmp_path):
    with p.make_directory(root.fileno(), "/absolute/a/b", 0o700) as made:
        assert stat.S_ISDIR(os.fstat(made.fileno()).st_mode)
    assert (tmp_path / "root/dir/a/b").is_dir()
    p.make_directory(root.fileno(), "/absolute/a/b").close()
    p.make_directory(root.fileno(), "/").close()


def test_directories_that_are_made_belong_to_whom_they_should(root, tmp_path):
    before = os.stat(tmp_path / "root/dir").st_ctime_ns
    us = (os.getuid(), os.getgid())
    p.make_directory(root.fileno(), "/absolute/a/b", owner=us).close()
    made = os.stat(tmp_path / "root/dir/a/b")
    assert (made.st_uid, made.st_gid) == us
    assert before <= made.st_ctime_ns
    if os.getuid() == 0:
        p.make_directory(root.fileno(), "/absolute/c/d", owner=(7, 8)).close()
        for name, owner in (("c", (7, 8)), ("c/d", (7, 8)), ("", us)):
            found = os.stat(tmp_path / "root/dir" / name)
            assert (found.st_uid, found.st_gid) == owner


def test_no_directory_is_made_through_a_dangling_link_or_over_dots(root, tmp_path):
    with pytest.raises(OSError, match="dangling"):
        p.make_directory(root.fileno(), "/dangling/x")
    with pytest.raises(FileNotFoundError):
        p.make_directory(root.fileno(), "/new/../../x")
    assert not (tmp_path / "x").exists()


def test_a_missing_file_is_made_empty_and_an_existing_one_kept(root, tmp_path):
    p.make_file(root.fileno(), "/dir/new/file").close()
    assert (tmp_path / "root/dir/new/file").read_text() == ""
    assert _read(p.make_file(root.fileno(), "/dir/file")) == "inside"
    with pytest.raises(IsADirectoryError):
        p.make_file(root.fileno(), "/dir")


def test_a_file_where_a_directory_is_needed_is_an_error_with_the_whole_path(root):
    with pytest.raises(NotADirectoryError) as caught:
        p.make_directory(root.fileno(), "/dir/file/below")
    assert caught.value.filename == "/dir/file/below"


def test_the_kernels_own_answer_for_the_current_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert p.getcwd() == os.fsencode(tmp_path)
