"""A client's path is cleaned by the rules of Go, and described in Go's modes."""

import os

import pytest

from baleen.archive.copy import PathStat, stat_path
from baleen.errors import InvalidArgument, NotFound
from baleen.linux.fd import Fd


@pytest.fixture
def root(tmp_path):
    (tmp_path / "d/e").mkdir(parents=True)
    (tmp_path / "d/f").write_bytes(b"abc")
    (tmp_path / "chain").symlink_to("d/../d/back")
    (tmp_path / "d/back").symlink_to("f")
    with Fd(os.open(tmp_path, os.O_PATH | os.O_DIRECTORY)) as fd:
        yield fd


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("d", "d"), ("/d/", "d"), ("//d//e", "e"), ("d/e/..", "d"), ("d/.", "."), (".", "."),
        ("/", "/"), ("..", "/"), ("/..", "/"), ("d/e/../f", "f"), ("/d/e/.", "."),
    ],
)  # fmt: skip
def test_names(root, path, name):
    assert stat_path(root, path).name == name


def test_a_chain_of_links_is_evaluated(root):
    assert stat_path(root, "/chain").link_target == "/d/f"


def test_the_wire_form(root):
    info = stat_path(root, "d/f")
    assert isinstance(info, PathStat)
    assert info.to_dict() | {"mtime": ""} == {
        "name": "f",
        "size": 3,
        "mode": info.mode,
        "mtime": "",
        "linkTarget": "",
    }
    assert info.mode >> 9 == 0


def test_errors_show_what_was_asked(root):
    with pytest.raises(NotFound, match=r"^Could not find the file /no/../x in container web$"):
        stat_path(root, "no/../x", container="web")
    with pytest.raises(InvalidArgument, match="NUL"):
        stat_path(root, "\0")
