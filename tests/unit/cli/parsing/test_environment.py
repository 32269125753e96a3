from __future__ import annotations

import pytest

from baleen import errors
from baleen.cli.parsing.environment import (
    check_label,
    check_sysctl,
    check_variable,
    collect_environment,
    collect_labels,
    collect_map,
    parse_map,
)


def test_flags_take_values_from_this_environment():
    env = {"HOME": "/h"}
    assert collect_environment([], ["A=1", "HOME", "NOPE", "B="], env) == [
        "A=1",
        "HOME=/h",
        "NOPE",
        "B=",
    ]


def test_files_come_first(tmp_path):
    path = tmp_path / "env"
    path.write_bytes(b"\xef\xbb\xbfA=1\n# no\n\n  B=x y=z \r\nHOME\nNOPE\n")
    assert collect_environment([str(path)], ["C=3"], {"HOME": "/h"}) == [
        "A=1",
        "B=x y=z ",
        "HOME=/h",
        "C=3",
    ]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"=x\n", "no variable name on line '=x'"),
        (b"a b=x\n", "variable 'a b' contains whitespaces"),
        (b"A=1\nB=\xff\n", "invalid utf8 bytes at line 2"),
        (b"A=\0\n", "NUL at line 1"),
    ],
)
def test_malformed_files_are_named(tmp_path, data, message):
    path = tmp_path / "env"
    path.write_bytes(data)
    with pytest.raises(errors.InvalidArgument) as caught:
        collect_environment([str(path)], [], {})
    assert message in caught.value.message
    assert str(path) in caught.value.message


def test_a_missing_file_has_dockers_words():
    with pytest.raises(errors.InvalidArgument, match=r"^open /nope: no such file or directory$"):
        collect_environment(["/nope"], [], {})


def test_labels(tmp_path):
    path = tmp_path / "labels"
    path.write_text("a=1\nb\n")
    assert collect_labels([str(path)], ["a=2", "c=x=y"]) == {"a": "2", "b": "", "c": "x=y"}


def test_single_values_are_checked():
    assert (check_variable("A"), check_label("l"), check_sysctl("a=b")) == ("A", "l", "a=b")
    for check, text in ((check_variable, "=x"), (check_label, "=x"), (check_sysctl, "x")):
        with pytest.raises(errors.InvalidArgument):
            check(text)


def test_maps_need_an_equals_sign():
    assert parse_map(["a=b", "c="], "x") == {"a": "b", "c": ""}
    for text in ("a", "=b"):
        with pytest.raises(errors.InvalidArgument):
            parse_map([text], "x")


def test_maps_of_options_do_not():
    assert collect_map(["a=b=c", "d", "a=e"]) == {"a": "e", "d": ""}
