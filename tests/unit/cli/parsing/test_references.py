from __future__ import annotations

import pytest

from baleen import errors
from baleen.cli.parsing.references import canonical_reference, familiar_reference, split_reference


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("busybox", ("busybox", "", "")),
        ("busybox:1", ("busybox", "1", "")),
        ("host:5000/a/b", ("host:5000/a/b", "", "")),
        ("host:5000/a/b:v1@sha256:00", ("host:5000/a/b", "v1", "sha256:00")),
        ("Host.example/a", ("Host.example/a", "", "")),
    ],
)
def test_references(text, expected):
    assert split_reference(text) == expected


@pytest.mark.parametrize(
    "text", ["", ":x", "a:", "a:b c", "A/B", "Foo", "-a", "a//b", "a@b", "a b"]
)
def test_references_that_are_none(text):
    with pytest.raises(errors.InvalidArgument, match="invalid reference format"):
        split_reference(text)


def test_the_default_tag_is_shown():
    assert familiar_reference("a") == "a:latest"
    assert familiar_reference("a:b") == "a:b"
    assert familiar_reference("a@sha256:0") == "a@sha256:0"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", "docker.io/library/a:latest"),
        ("a/b:1", "docker.io/a/b:1"),
        ("localhost/a", "localhost/a:latest"),
        ("host:5000/a@sha256:0", "host:5000/a@sha256:0"),
    ],
)
def test_the_full_name(text, expected):
    assert canonical_reference(text) == expected


def test_the_full_name_of_a_repository_has_no_tag():
    assert canonical_reference("a", tagged=False) == "docker.io/library/a"
