from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from baleen.distribution.challenges import Challenge, parse_challenges


def test_a_bearer_challenge_has_its_parameters():
    header = (
        'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="a:b,c"'
    )
    assert parse_challenges([header]) == [
        Challenge(
            "bearer",
            {
                "realm": "https://auth.docker.io/token",
                "service": "registry.docker.io",
                "scope": "a:b,c",
            },
        )
    ]


def test_quoted_strings_hold_commas_and_escapes():
    (found,) = parse_challenges([r'Bearer realm="a,\"b\\" , service = x'])
    assert found.parameters == {"realm": 'a,"b\\', "service": "x"}


def test_several_challenges_stand_in_one_header_or_in_many():
    found = parse_challenges(
        ['Negotiate, Basic realm="x", Bearer realm="y",service=z', "Digest a=b"]
    )
    assert [challenge.scheme for challenge in found] == ["negotiate", "basic", "bearer", "digest"]
    assert found[2].parameters == {"realm": "y", "service": "z"}


def test_a_token68_is_passed_over():
    found = parse_challenges(["NTLM TlRMTVNTUAAC==, Basic realm=x"])
    assert [challenge.scheme for challenge in found] == ["ntlm", "basic"]
    assert found[1].get("realm") == "x"


def test_an_unquoted_url_is_taken_as_it_is():
    (found,) = parse_challenges(["Bearer realm=https://auth.example/token?a=b,service=x"])
    assert found.get("realm") == "https://auth.example/token?a=b"
    assert found.get("service") == "x"


def test_the_first_of_two_equal_parameters_counts():
    (found,) = parse_challenges(['Bearer realm="https://a", realm="https://b"'])
    assert found.get("realm") == "https://a"


def test_names_are_compared_without_case():
    (found,) = parse_challenges(['BEARER Realm="x"'])
    assert found == Challenge("bearer", {"realm": "x"})


def test_nothing_gives_nothing():
    assert parse_challenges([]) == []
    assert parse_challenges(["", ",,", "=x", "Basic realm=" + "x" * 20_000]) == []


@given(st.lists(st.text(max_size=200), max_size=3))
def test_no_header_breaks_it(headers):
    for challenge in parse_challenges(headers):
        assert challenge.scheme == challenge.scheme.lower()


value = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30)


@given(st.dictionaries(st.from_regex(r"[a-z]{1,8}", fullmatch=True), value, max_size=5))
def test_what_is_quoted_comes_back(parameters):
    quoted = [
        '{}="{}"'.format(k, v.replace("\\", "\\\\").replace('"', '\\"'))
        for k, v in parameters.items()
    ]
    (found,) = parse_challenges(["Bearer " + ", ".join(quoted)])
    assert found.parameters == parameters
