"""Files without a name."""

import os

from baleen.build.files.spooling import spool_file


def test_it_has_no_name_and_its_directory_is_made(tmp_path):
    with spool_file(tmp_path / "a/b") as fd:
        os.write(fd.fileno(), b"x")
        assert os.pread(fd.fileno(), 9, 0) == b"x"
        assert os.listdir(tmp_path / "a/b") == []
        assert os.fstat(fd.fileno()).st_nlink == 0


def test_where_the_file_system_has_no_nameless_files(tmp_path, monkeypatch):
    # /proc/self has no O_TMPFILE; here the flag is made one that fails.
    monkeypatch.setattr(os, "O_TMPFILE", os.O_DIRECTORY | os.O_CREAT)
    with spool_file(tmp_path) as fd:
        assert os.fstat(fd.fileno()).st_nlink == 0
