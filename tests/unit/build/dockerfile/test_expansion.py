r"""Variables, modifiers, quotes and escapes give what BuildKit's shell lexer gives."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baleen.build.dockerfile.expansion import (
    ExpansionError,
    Quotes,
    analyse,
    expand,
    expand_text,
    expand_words,
)

VARIABLES = {
    "FOO": "foo",
    "EMPTY": "",
    "A": "a b",
    "S": "foobarbaz",
    "P": "/usr/bin:/bin",
    "2": "two",
}

# See: BuildKit, shell/envVarTest and lex_test.go (the facts, not the text).
CASES = [
    ("plain", "plain"),
    ("$FOO", "foo"),
    ("${FOO}", "foo"),
    ("$FOO.x", "foo.x"),
    ("$FOObar", ""),
    ("${FOO}bar", "foobar"),
    ("$NONE", ""),
    ("${NONE}", ""),
    (r"\$FOO", "$FOO"),
    (r"\\$FOO", r"\foo"),
    (r"\\\$FOO", r"\$FOO"),
    ("'$FOO'", "$FOO"),
    ('"$FOO"', "foo"),
    ("\"'$FOO'\"", "'foo'"),
    ("'\"$FOO\"'", '"$FOO"'),
    (r'"\$FOO"', "$FOO"),
    (r'"a\b"', r"a\b"),
    (r'"a\"b"', 'a"b'),
    (r'"a\\b"', r"a\b"),
    (r"a\b", "ab"),
    (r"'a\b'", r"a\b"),
    ("a'b'c\"d\"", "abcd"),
    ("''", ""),
    ('""', ""),
    ("$", "$"),
    ("$ ", "$ "),
    ("a$", "a$"),
    ("$.", "$."),
    ("'$'", "$"),
    ("$2x", "twox"),
    ("$1", ""),
    ("$@", ""),
    ("$$", ""),
    ("$A", "a b"),
    ("a  b", "a  b"),
    ("${FOO:-x}", "foo"),
    ("${NONE:-x}", "x"),
    ("${EMPTY:-x}", "x"),
    ("${EMPTY-x}", ""),
    ("${NONE-x}", "x"),
    ("${FOO:+x}", "x"),
    ("${NONE:+x}", ""),
    ("${EMPTY:+x}", ""),
    ("${EMPTY+x}", "x"),
    ("${FOO:?x}", "foo"),
    ("${EMPTY?x}", ""),
    ("${NONE:-${NONE:-$FOO}}", "foo"),
    ("${NONE:-'${FOO}'}", "${FOO}"),
    ('${NONE:-"a } b"}', "a } b"),
    (r"${NONE:-a\}b}", "a}b"),
    ("${FOO:+${NONE:-y}}z", "yz"),
    ("${NONE:-}", ""),
    ("${S#f*b}", "arbaz"),
    ("${S##f*b}", "az"),
    ("${S%b*}", "foobar"),
    ("${S%%b*}", "foo"),
    ("${S#x}", "foobarbaz"),
    ("${S#fo?}", "barbaz"),
    ("${S%?}", "foobarba"),
    ("${S##*}", ""),
    ("${S#*}", "foobarbaz"),
    ("${S%%*}", ""),
    ("${S/ba/fo}", "fooforbaz"),
    ("${S//ba/fo}", "fooforfoz"),
    ("${S//ba?/-}", "foo--"),
    ("${S/b*r/X}", "fooXbaz"),
    ("${S//[/x}", "foobarbaz"),
    (r"${P//\//_}", "_usr_bin:_bin"),
    ("${P##*/}", "bin"),
    ("${P%%:*}", "/usr/bin"),
    ("${NONE#x}", ""),
    ("${NONE//a/b}", ""),
    ("${S/a$NONE/-}", "foob-rbaz"),
    ("ü$FOO☺", "ü" + "foo☺"),
    ("a\\", "a"),
]


@pytest.mark.parametrize(("word", "expected"), CASES)
def test_a_word_is_expanded(word, expected):
    assert expand(word, VARIABLES) == expected


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("'a", "unexpected end of statement while looking for matching single-quote"),
        ('"a', "unexpected end of statement while looking for matching double-quote"),
        ('"a\\', "unexpected end of statement while looking for matching double-quote"),
        ("${", "syntax error: missing '}'"),
        ("${FOO", "syntax error: missing '}'"),
        ("${FOO:", "syntax error: missing '}'"),
        ("${FOO:-a", "syntax error: missing '}'"),
        ("${FOO/a", "syntax error: missing '/' in ${}"),
        ("${FOO/a/b", "syntax error: missing '}'"),
        ("${}", "syntax error: bad substitution"),
        ("${{FOO}", "syntax error: bad substitution"),
        ("${:FOO}", "syntax error: bad substitution"),
        ("${FOO:x}", "unsupported modifier (:x) in substitution"),
        ("${FOO x}", "unsupported modifier ( ) in substitution"),
        ("${FOO^}", "unsupported modifier (^) in substitution"),
        ("${NONE:?}", "NONE: is not allowed to be unset"),
        ("${EMPTY:?}", "EMPTY: is not allowed to be empty"),
        ("${NONE:?set it}", "NONE: set it"),
        ("${NONE?set it to $FOO}", "NONE: set it to foo"),
        ("${FOO#\\a}", "invalid pattern (\\a) in substitution: invalid escape '\\a'"),
    ],
)
def test_a_malformed_word_is_an_error_that_shows_it(word, message):
    with pytest.raises(ExpansionError) as raised:
        expand(word, VARIABLES)
    shown = word.replace("\\", "\\\\").replace('"', '\\"')
    assert raised.value.message == f'failed to process "{shown}": {message}'


def test_another_escape_leaves_the_backslash_alone():
    assert expand(r"C:\`$FOO`\$FOO", VARIABLES, "`") == r"C:\$FOO\foo"


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("$A", ("a", "b")),
        ('"$A"', ("a b",)),
        ("x$A", ("xa", "b")),
        ("${NONE}", ()),
        ("80 443", ("80", "443")),
        ("' a '", (" a ",)),
        (r"a\ b c", ("a b", "c")),
        ('"" a', ("a",)),
        ("${NONE:-1 2}", ("1", "2")),
    ],
)
def test_words_part_at_blanks_that_are_not_quoted(word, expected):
    assert expand_words(word, VARIABLES) == expected


def test_a_heredoc_keeps_its_quotes():
    assert expand_text('it\'s "$FOO" \\$FOO\n', VARIABLES) == 'it\'s "foo" $FOO\n'


def test_quotes_escapes_and_unset_variables_can_be_kept():
    found = analyse(
        "'a' \\b $NONE ${NONE} ${NONE:-$FOO} $FOO",
        VARIABLES,
        quotes=Quotes.KEEP,
        keep_escapes=True,
        keep_unset=True,
    )
    assert found.text == "'a' \\b $NONE ${NONE} ${NONE:-foo} foo"
    assert found.words == ("'a'", "\\b", "$NONE", "${NONE}", "${NONE:-foo}", "foo")


def test_it_tells_which_variables_were_used_and_which_were_not_set():
    found = analyse("$FOO ${X} ${Y:-$Z} ${W#a} '$Q' \\$R", VARIABLES)
    assert found.used == {"FOO"}
    assert found.unset == {"X", "Z", "W"}


def test_a_result_that_grows_without_end_is_an_error():
    variables = {"A": "x" * 600_000}
    with pytest.raises(ExpansionError, match="more than 1048576 characters"):
        expand("$A$A", variables)
    with pytest.raises(ExpansionError, match="more than 1048576 characters"):
        expand("${A//x/" + "y" * 100 + "}", variables)


def test_deep_nesting_is_an_error_not_a_crash():
    with pytest.raises(ExpansionError, match="nested more than 50 deep"):
        expand("${a:-" * 20_000 + "}" * 20_000, {})


def test_patterns_do_not_blow_up():
    begin = time.monotonic()
    variables = {"A": "a" * 100_000}
    expand("${A##" + "*a" * 300 + "b}", variables)
    expand("${A%%b" + "*a?" * 300 + "}", variables)
    expand("${A//" + "*a" * 300 + "b/x}", variables)
    assert time.monotonic() - begin < 2


@given(st.text("$ {}:-+?#%/\\'\"`aAb*", max_size=30), st.sampled_from("\\`"))
def test_any_word_gives_a_text_or_an_error(word, escape):
    try:
        found = analyse(word, {"a": "aAb", "A": "", "b": "$a'"}, escape)
    except ExpansionError:
        return
    assert " ".join(found.words).replace(" ", "") == "".join(found.text.split(" "))
