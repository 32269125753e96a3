from __future__ import annotations

import gzip
import io
import os
import tarfile

import pytest

from baleen.cli.building.context import directory_tar, find_context, is_archive, is_url
from baleen.errors import InvalidArgument


def members(directory, dockerfile="Dockerfile"):
    data = b"".join(directory_tar(str(directory), dockerfile))
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return {m.name: m for m in archive.getmembers()}, data


@pytest.fixture
def folder(tmp_path):
    top = tmp_path / "top"
    (top / "docs/deep").mkdir(parents=True)
    for name in ("Dockerfile", "a.py", "a.pyc", "docs/x.md", "docs/README.md", "docs/deep/y"):
        (top / name).write_text(name)
    os.symlink("/etc/passwd", top / "link")
    os.link(top / "a.py", top / "hard")
    return top


def test_all_is_sent_as_roots_and_links_are_not_followed(folder):
    found, data = members(folder)
    assert set(found) == {
        *("Dockerfile", "a.py", "a.pyc", "docs", "docs/x.md", "docs/README.md", "docs/deep"),
        *("docs/deep/y", "link", "hard"),
    }
    assert found["link"].linkname == "/etc/passwd"
    assert found["hard"].islnk()
    assert {(m.uid, m.gid) for m in found.values()} == {(0, 0)}
    assert b"root:" not in data


def test_what_is_ignored_is_not_sent_but_for_exceptions_and_the_dockerfile(folder):
    (folder / ".dockerignore").write_text("*.pyc\nDockerfile\ndocs\n!docs/README.md\n")
    found, _ = members(folder)
    assert set(found) == {"Dockerfile", ".dockerignore", "a.py", "docs/README.md", "hard", "link"}
    (folder / "Dockerfile.dockerignore").write_text("*\n")
    found, _ = members(folder)
    assert set(found) == {"Dockerfile", ".dockerignore", "Dockerfile.dockerignore"}


def test_a_file_that_cannot_be_read_is_named(folder):
    (folder / ".dockerignore").write_text("[\n")
    with pytest.raises(InvalidArgument):
        members(folder)


def test_where_the_dockerfile_is(folder, tmp_path, monkeypatch):
    assert find_context(str(folder), "").dockerfile == "Dockerfile"
    (folder / "docs/D").write_text("FROM a")
    assert find_context(str(folder), str(folder / "docs/D")).dockerfile == "docs/D"
    monkeypatch.chdir(folder)
    assert find_context(".", "docs/D").dockerfile == "docs/D"
    (tmp_path / "Outside").write_text("FROM b")
    source = find_context(".", str(tmp_path / "Outside"))
    assert source.text == "FROM b"
    with pytest.raises(InvalidArgument, match="no such file"):
        find_context(".", "absent")
    with pytest.raises(InvalidArgument, match="not found"):
        find_context(str(tmp_path / "absent"), "")
    with pytest.raises(InvalidArgument, match="must be a directory"):
        find_context(str(tmp_path / "Outside"), "")
    (folder / "Dockerfile").rename(folder / "dockerfile")
    assert find_context(".", "").dockerfile == "dockerfile"


def read_from(data: bytes):
    read, write = os.pipe()
    os.write(write, data)
    os.close(write)
    return read


def test_standard_input_is_a_dockerfile_or_an_archive(folder):
    read = read_from(b"FROM x\n")
    assert find_context("-", "", stdin=read).text == "FROM x\n"
    os.close(read)
    read = read_from(b"FROM y\n")
    source = find_context(str(folder), "-", stdin=read)
    assert (source.text, source.directory) == ("FROM y\n", str(folder))
    os.close(read)
    archive = gzip.compress(b"x" * 600)
    read = read_from(archive)
    source = find_context("-", "D", stdin=read)
    assert b"".join(source.pieces) == archive
    assert source.dockerfile == "D"
    os.close(read)
    with pytest.raises(InvalidArgument, match="stdin"):
        find_context("-", "-")


def test_urls_are_the_engines_to_fetch():
    for text in ("https://h/x.git#v1", "git@h:x", "github.com/a/b", "ssh://h/x", "git://h/x"):
        assert is_url(text)
        assert find_context(text, "D").remote == text
    assert not is_url("./https")
    assert not is_archive(b"FROM")
