import pytest

from baleen.errors import InvalidArgument
from baleen.runtime.oci.options import Option, parse, whole_number

OPTIONS = (
    Option("name", "", "TEXT", "n"),
    Option("env", "", "VARIABLE", "e", many=True),
    Option("all", "", short="a"),
)


def _parse(*words, interspersed=True):
    return parse(OPTIONS, words, interspersed=interspersed)


@pytest.mark.parametrize(
    "words", [("--name", "x"), ("-name", "x"), ("--name=x",), ("-n=x",), ("-n", "x")]
)
def test_a_value_may_follow_in_each_of_gos_ways(words):
    options, rest = _parse(*words, "id")
    assert (options.text("name"), rest) == ("x", ["id"])


def test_the_last_value_counts_unless_all_do():
    options, _ = _parse("-n", "a", "-n", "b", "-e", "A=1", "--env=B=2=3")
    assert options.text("name") == "b"
    assert options.texts("env") == ["A=1", "B=2=3"]


def test_a_switch_can_be_turned_off_and_takes_no_word():
    options, rest = _parse("-a", "false")
    assert (options.flag("all"), rest) == (True, ["false"])
    options, _ = _parse("--all=false")
    assert options.given("all")
    assert not options.flag("all")
    with pytest.raises(InvalidArgument, match='invalid boolean value "maybe"'):
        _parse("--all=maybe")[0].flag("all")


def test_options_of_the_command_to_run_are_left_to_it():
    options, rest = _parse("-a", "id", "ls", "-n", interspersed=False)
    assert options.flag("all")
    assert rest == ["id", "ls", "-n"]
    assert _parse("id", "-a")[0].flag("all")


def test_two_dashes_end_the_options_and_one_is_a_word():
    assert _parse("-", "--", "-a", "--")[1] == ["-", "-a", "--"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--bogus",), "flag provided but not defined: -bogus"),
        (("--nam", "x"), "not defined: -nam"),
        (("--name",), "flag needs an argument: -name"),
        (("-",) * 3 + ("---",), "not defined: --"),
    ],
)
def test_what_is_wrong_is_told_as_go_does(words, message):
    with pytest.raises(InvalidArgument, match=message):
        _parse(*words)


@pytest.mark.parametrize("text", ["", "-", "1_0", " 1", "0x1", "\u0661", "+1", "1e3", "9" * 20])
def test_pythons_lenient_numbers_are_none(text):
    with pytest.raises(InvalidArgument, match="a whole number is needed"):
        whole_number(text, "-n")


def test_numbers():
    assert whole_number("-12", "-n") == -12
    assert parse((Option("n", "", "N"),), ["-n", "7"], interspersed=True)[0].number("n") == 7
    assert _parse()[0].number("name", 5) == 5
