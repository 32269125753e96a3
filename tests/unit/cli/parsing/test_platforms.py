from __future__ import annotations

import json

import pytest

from baleen import errors
from baleen.cli.parsing.platforms import platform_document


def test_platforms_are_json_for_the_api():
    assert platform_document("") is None
    assert platform_document("Linux/AMD64") == '{"os":"linux","architecture":"amd64"}'
    assert json.loads(platform_document("linux/arm/v7")) == {
        "os": "linux",
        "architecture": "arm",
        "variant": "v7",
    }


def test_half_a_platform_is_completed():
    assert platform_document("arm64") == '{"os":"linux","architecture":"arm64"}'
    assert json.loads(platform_document("linux"))["architecture"]


@pytest.mark.parametrize("text", ["/", "linux/", "a/b/c/d", "linux/am d64", 'linux/"'])
def test_what_is_no_platform(text):
    with pytest.raises(errors.InvalidArgument, match=r"^invalid platform: "):
        platform_document(text)
