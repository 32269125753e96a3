"""The rest of a line is parted as Docker parts it."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baleen.build.dockerfile.instructions import KeyValue
from baleen.build.dockerfile.words import (
    Flags,
    key_values,
    quoted_words,
    split_flags,
    split_keyword,
    string_array,
    words,
)
from baleen.errors import InvalidArgument


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("RUN x y", ("RUN", (), "x y")),
        ("  run\t x  ", ("run", (), "x")),
        ("CMD", ("CMD", (), "")),
        ("COPY --from=a --chown=1:2 b c", ("COPY", ("--from=a", "--chown=1:2"), "b c")),
        ("COPY --link a --b", ("COPY", ("--link",), "a --b")),
        ("COPY -- --a b", ("COPY", (), "--a b")),
        ("COPY --a=b -- --c d", ("COPY", ("--a=b",), "--c d")),
        ('RUN --mount="type=bind,a=b c" x', ("RUN", ("--mount=type=bind,a=b c",), "x")),
        ("RUN --a='b \"c\"' x", ("RUN", ('--a=b "c"',), "x")),
        ('RUN --a="it\'s" x', ("RUN", ("--a=it's",), "x")),
        (r"RUN --a=b\ c\"d x", ("RUN", ('--a=b c"d',), "x")),
        ("RUN --a", ("RUN", ("--a",), "")),
        ("RUN --a\\", ("RUN", ("--a",), "")),
        ("RUN -a b", ("RUN", (), "-a b")),
        ('RUN --a="b', ("RUN", ("--a=b",), "")),
        ("RUN\N{NO-BREAK SPACE}x", ("RUN\N{NO-BREAK SPACE}x", (), "")),
    ],
)
def test_keyword_flags_and_rest_are_parted(line, expected):
    assert split_keyword(line, "\\") == expected


def test_flags_use_the_escape_of_the_file():
    assert split_flags(r"--a=c:\d` e x", "`") == ((r"--a=c:\d e",), "x")


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        ("a b  c", ("a", "b", "c")),
        ("a=b c='d e' f=\"g h\"", ("a=b", "c='d e'", 'f="g h"')),
        (r"a=b\ c d", (r"a=b\ c", "d")),
        (r"a='b\' c", (r"a='b\'", "c")),
        (r'a="b\" c" d', (r'a="b\" c"', "d")),
        ('a="b c', ('a="b c',)),
        ("a='b c", ("a='b c",)),
        ("a\\", ("a",)),
        ('"a\\', ('"a',)),
        ("\\", ()),
        ('""', ('""',)),
        ("", ()),
        ("a\N{NO-BREAK SPACE}b", ("a", "b")),
        ("a\x1cb", ("a\x1cb",)),
    ],
)
def test_words_keep_their_quotes(rest, expected):
    assert quoted_words(rest, "\\") == expected


def test_words_without_quotes_part_at_every_blank():
    assert words("a 'b c'\td") == ("a", "'b", "c'", "d")
    assert words("") == ()


@pytest.mark.parametrize(
    ("rest", "pairs", "legacy"),
    [
        ("a=b c=d", (KeyValue("a", "b"), KeyValue("c", "d")), False),
        ("a=b=c", (KeyValue("a", "b=c"),), False),
        ("a=", (KeyValue("a", ""),), False),
        ("a b c", (KeyValue("a", "b c"),), True),
        ("a  'b=c'  d", (KeyValue("a", "'b=c'  d"),), True),
        ('"a b"=c', (KeyValue('"a b"', "c"),), False),
        ("=b", (KeyValue("", "b"),), False),
        ("", (), False),
    ],
)
def test_pairs_have_a_new_and_an_old_form(rest, pairs, legacy):
    assert key_values(rest, "\\", "ENV") == (pairs, legacy)


@pytest.mark.parametrize(
    ("rest", "message"),
    [
        ("a", "ENV must have two arguments"),
        ("a=b c", 'Syntax error - can\'t find = in "c". Must be of the form: name=value'),
    ],
)
def test_malformed_pairs_are_errors(rest, message):
    with pytest.raises(InvalidArgument) as raised:
        key_values(rest, "\\", "ENV")
    assert raised.value.message == message


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        ("[]", ()),
        ("[ ]", ()),
        ('["a"]', ("a",)),
        ('[ "a" , "b c" ]', ("a", "b c")),
        ('["a\\n\\u00fc\\"", ""]', ('a\nü"', "")),
        (r'["\ud800x"]', ("\ufffdx",)),
        (r'["\ud83d\ude00"]', ("\N{GRINNING FACE}",)),
        ("['a']", None),
        ('["a"', None),
        ('["a",]', None),
        ('["a"] x', None),
        ('["a\tb"]', None),
        (r'["c:\windows"]', None),
        ("[NaN]", None),
        ("a", None),
        ("", None),
        ("[" * 100_000, None),
    ],
)
def test_json_is_an_array_of_strings_or_it_is_not_json(rest, expected):
    assert string_array(rest) == expected


@pytest.mark.parametrize(
    "rest", ["[1]", '["a", 1]', "[null]", '[["a"]]', "[" + "1" * 5000 + "]", "[{}]"]
)
def test_json_of_anything_but_strings_is_an_error(rest):
    with pytest.raises(InvalidArgument, match="arrays must be comprised of strings only"):
        string_array(rest)


def test_flags_give_their_values():
    flags = Flags(
        ["--a=x=y", "--b", "--c=1", "--c=2", "--d=False"],
        {"a": "text", "b": "bool", "c": "texts", "d": "bool", "e": "bool"},
    )
    assert flags.text("a") == "x=y"
    assert flags.truth("b") is True
    assert flags.truth("d") is False
    assert flags.truth("e") is None
    assert flags.texts("c") == ("1", "2")
    assert flags.texts("x") == ()
    assert flags.text("x") == ""


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        (["--chwn=x"], "unknown flag: chwn (did you mean chown?)"),
        (["--=x"], "unknown flag: "),
        (["--chown=a", "--chown=b"], "duplicate flag specified: chown"),
        (["--chown"], "missing a value on flag: chown"),
        (["--link="], "missing a value on flag: link"),
        (["--link=maybe"], "expecting boolean value for flag link, not: maybe"),
    ],
)
def test_wrong_flags_are_errors_in_docker_s_words(flag, message):
    with pytest.raises(InvalidArgument) as raised:
        Flags(flag, {"chown": "text", "link": "bool"})
    assert raised.value.message == message


@given(st.text("a =-\\'\"`\t", max_size=40), st.sampled_from("\\`"))
def test_no_character_of_a_word_is_lost(rest, escape):
    joined = "".join(quoted_words(rest, escape))
    assert len(joined) <= len(rest)
    bare = joined.replace(" ", "").replace("\t", "")
    given_bare = rest.replace(" ", "").replace("\t", "")
    assert given_bare.startswith(bare)
    assert given_bare[len(bare) :] in ("", escape)


@pytest.mark.parametrize("text", ['"a\\" ' * 20_000, "--a " * 20_000, "'" * 65_535, "\\ " * 30_000])
def test_long_lines_take_linear_time(text):
    begin = time.monotonic()
    quoted_words(text, "\\")
    split_flags(text, "\\")
    string_array("[" + text)
    assert time.monotonic() - begin < 1
