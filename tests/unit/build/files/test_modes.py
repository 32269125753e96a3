"""--chmod, by the rules of chmod(1), which is asked too."""

import os
import stat
import subprocess

import pytest

from baleen.build.files.modes import parse_mode
from baleen.errors import InvalidArgument

FILE, DIRECTORY = stat.S_IFREG, stat.S_IFDIR


@pytest.mark.parametrize(
    ("words", "mode", "result"),
    [
        ("755", FILE | 0o600, 0o755),
        ("0644", DIRECTORY | 0o777, 0o644),
        ("4755", FILE, 0o4755),
        ("+x", FILE | 0o644, 0o755),
        ("u=rwX,go=rX", FILE | 0o600, 0o644),
        ("u=rwX,go=rX", FILE | 0o700, 0o755),
        ("u=rwX,go=rX", DIRECTORY, 0o755),
        ("g=u", FILE | 0o640, 0o660),
        ("a-w", FILE | 0o666, 0o444),
        ("u+s,g+s,+t", FILE | 0o755, 0o7755),
        ("u+x-w", FILE | 0o600, 0o500),
        ("o=", FILE | 0o777, 0o770),
        ("=", FILE | 0o777, 0),
    ],
)
def test_words(words, mode, result):
    assert parse_mode(words)(mode) == result


@pytest.mark.parametrize(
    "words",
    [
        "",
        "8",
        "10000",
        "999999",
        "u",
        "rwx",
        "u+q",
        "u+x,",
        "z+x",
        "+x" * 200,
        "-1",
        " 755",
        "\u0667",
    ],
)
def test_what_is_no_mode(words):
    with pytest.raises(InvalidArgument, match="invalid chmod parameter"):
        parse_mode(words)


@pytest.mark.parametrize("before", [0o000, 0o640, 0o755, 0o111])
@pytest.mark.parametrize(
    "words", ["u=rwX,go=rX", "a+X", "ug=o,o+w", "u-x+r", "go=u-w", "a=rw", "u+s", "g=o"]
)
def test_chmod_says_the_same(tmp_path, words, before):
    path = tmp_path / "f"
    path.touch()
    path.chmod(before)
    mode = os.lstat(path).st_mode
    subprocess.run(["chmod", words, path], check=True, timeout=10)
    assert parse_mode(words)(mode) == stat.S_IMODE(os.lstat(path).st_mode)
