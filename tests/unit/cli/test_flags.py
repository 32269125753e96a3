from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baleen import errors
from baleen.cli.flags import Flag, FlagError, parse_bool, parse_flags, parse_integer

FLAGS = (
    Flag("interactive", "i", "bool", ""),
    Flag("tty", "t", "bool", ""),
    Flag("name", "n", "string", ""),
    Flag("env", "e", "list", ""),
    Flag("count", "c", "int", ""),
    Flag("subnet", "", "strings", ""),
    Flag("proxy", "", "bool", "", default=True),
)


def parse(*argv, interspersed=True):
    return parse_flags(FLAGS, argv, interspersed=interspersed)


@pytest.mark.parametrize(
    "argv", [["-it", "-n", "x"], ["-itn", "x"], ["-itnx"], ["-itn=x"], ["-i", "-t", "--name=x"]]
)
def test_short_flags_combine(argv):
    flags, rest = parse(*argv, "img", "-q", interspersed=False)
    assert (flags.on("interactive"), flags.on("tty"), flags.text("name")) == (True, True, "x")
    assert rest == ["img", "-q"]


def test_flags_may_follow_arguments_unless_the_rest_is_another_command():
    assert parse("a", "-i", "b")[1] == ["a", "b"]
    assert parse("a", "-i", "b", interspersed=False)[1] == ["a", "-i", "b"]
    assert parse("a", "--", "-i")[1] == ["a", "-i"]
    assert parse("-", "a")[1] == ["-", "a"]


def test_lists_grow_and_strings_split_at_commas():
    flags, _ = parse("-e", "a=1,2", "--env=b", "--subnet", "x,y", "--subnet", "z")
    assert flags.texts("env") == ["a=1,2", "b"]
    assert flags.texts("subnet") == ["x", "y", "z"]
    assert parse()[0].texts("env") == []


def test_defaults_and_what_was_given_differ():
    flags, _ = parse("--proxy=false")
    assert not flags.on("proxy")
    assert flags.changed("proxy")
    assert not flags.changed("tty")
    assert flags.number("count") == 0


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--foo"], "unknown flag: --foo"),
        (["-z"], "unknown shorthand flag: 'z' in -z"),
        (["-iz"], "unknown shorthand flag: 'z' in -iz"),
        (["--name"], "flag needs an argument: --name"),
        (["-n"], "flag needs an argument: 'n' in -n"),
        (["---x"], "bad flag syntax: ---x"),
        (["--=x"], "bad flag syntax: --=x"),
        (
            ["-c", "1x"],
            (
                'invalid argument "1x" for "-c, --count" flag: strconv.ParseInt: parsing "1x": '
                "invalid syntax"
            ),
        ),
        (
            ["--tty=so"],
            (
                'invalid argument "so" for "-t, --tty" flag: strconv.ParseBool: parsing "so": '
                "invalid syntax"
            ),
        ),
        (["-n", "a\0b"], 'invalid argument "a\0b" for "-n, --name" flag: NUL in a value'),
    ],
)
def test_mistakes_are_named_with_dockers_words(argv, message):
    with pytest.raises(FlagError) as caught:
        parse(*argv)
    assert caught.value.message == message


@pytest.mark.parametrize("text", ["", " 1", "1_0", "0x10", "\u0661", "1e3", "9" * 19, "+-1"])
def test_integers_have_gos_grammar(text):
    with pytest.raises(errors.InvalidArgument):
        parse_integer(text)


@given(st.integers(-(1 << 63), (1 << 63) - 1))
def test_every_64_bit_integer_is_taken(value):
    assert parse_integer(str(value)) == value


@pytest.mark.parametrize("text", ["yes", "", "TRue", "2", " true"])
def test_booleans_have_gos_grammar(text):
    with pytest.raises(errors.InvalidArgument):
        parse_bool(text)


@given(st.lists(st.text(max_size=8), max_size=8))
def test_any_words_are_parsed_or_refused(argv):
    try:
        _, rest = parse(*argv)
    except FlagError:
        return
    assert len(rest) <= len(argv)
