"""Platforms are compared by Go's names."""

import pytest

from baleen.errors import InvalidArgument
from baleen.oci.platform import Platform, host_platform, parse_platform

HOST = Platform(os="linux", architecture="amd64")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("linux/amd64", "linux/amd64"),
        ("linux/x86_64", "linux/amd64"),
        ("linux/aarch64", "linux/arm64"),
        ("linux/arm64/v8", "linux/arm64"),
        ("linux/arm/7", "linux/arm/v7"),
        ("linux/armhf", "linux/arm/v7"),
        ("arm64", "linux/arm64"),
        ("aarch64", "linux/arm64"),
        ("windows", "windows/amd64"),
        ("linux/unheard-of", "linux/unheard-of"),
    ],
)
def test_parsing_normalises(text, shown):
    assert str(parse_platform(text, default=HOST)) == shown


@pytest.mark.parametrize(
    "text", ["", "a/b/c/d", "linux//x", "linux/amd64\n", "lin ux", "/", "bogus"]
)
def test_bad_platforms_are_refused(text):
    with pytest.raises(InvalidArgument, match="invalid platform"):
        parse_platform(text, default=HOST)


def test_what_runs_where():
    def platform(text):
        return parse_platform(text, default=HOST)

    assert HOST.runs(platform("linux/amd64"))
    assert not HOST.runs(platform("linux/arm64"))
    assert not HOST.runs(platform("windows/amd64"))
    assert not HOST.runs(platform("linux/amd64/v3"))
    assert platform("linux/arm/v7").runs(platform("linux/arm/v6"))
    assert not platform("linux/arm/v6").runs(platform("linux/arm/v7"))
    assert platform("linux/arm64").runs(platform("linux/arm64/v8"))


def test_the_apis_parameter_may_be_json_or_text():
    parsed = Platform.parse('{"os": "linux", "architecture": "arm64", "variant": "v8"}')
    assert str(parsed) == "linux/arm64"
    assert str(Platform.parse("linux/arm/v6")) == "linux/arm/v6"
    for text in ('{"os": 1}', "{", '{"os":' * 2000):
        with pytest.raises(InvalidArgument, match="invalid platform"):
            Platform.parse(text)


def test_the_host_has_a_platform():
    assert host_platform().os == "linux"
    assert host_platform().runs(host_platform())
