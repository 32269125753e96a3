import os

import pytest

from baleen.runtime.failure import LaunchError
from baleen.runtime.hardening import find_executable


@pytest.fixture
def tree(tmp_path):
    for name, mode in (("a/tool", 0o644), ("b/tool", 0o755), ("b/other", 0o755)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch(mode)
    (tmp_path / "a/other").mkdir()
    return tmp_path


def test_the_first_executable_file_in_the_path_is_taken(tree):
    search = (str(tree / "a"), str(tree / "b"))
    assert find_executable("tool", search) == str(tree / "b/tool")
    assert find_executable("other", search) == str(tree / "b/other")


def test_an_empty_entry_is_the_current_directory(tree, monkeypatch):
    monkeypatch.chdir(tree / "b")
    assert find_executable("tool", ("",)) == "./tool"


def test_a_name_with_a_slash_is_not_searched(tree, monkeypatch):
    monkeypatch.chdir(tree)
    assert find_executable("b/tool", ()) == "b/tool"


@pytest.mark.parametrize(
    ("name", "message", "code"),
    [
        ("none", 'exec: "none": executable file not found in $PATH', 127),
        ("", 'exec: "": executable file not found in $PATH', 127),
        ("./none", 'exec: "./none": stat ./none: no such file or directory', 127),
        ("./a", 'exec: "./a": is a directory', 126),
        ("./a/tool", 'exec: "./a/tool": permission denied', 126),
    ],
)
def test_what_cannot_be_executed_is_told_in_dockers_words(tree, monkeypatch, name, message, code):
    monkeypatch.chdir(tree)
    with pytest.raises(LaunchError) as caught:
        find_executable(name, (str(tree / "a"),))
    assert (str(caught.value), caught.value.exit_code) == (message, code)


def test_the_path_is_that_of_the_process_not_ours():
    with pytest.raises(LaunchError):
        find_executable(os.path.basename("/bin/sh"), ())
