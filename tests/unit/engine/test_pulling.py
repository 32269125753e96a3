from __future__ import annotations

import pytest

from baleen.engine.pulling import wanted
from baleen.errors import InvalidArgument

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("name", "tag", "meant"),
    [
        ("a", "1", "docker.io/library/a:1"),
        ("a:1", "", "docker.io/library/a:1"),
        ("a:1", "2", "docker.io/library/a:2"),
        ("a", DIGEST, f"docker.io/library/a@{DIGEST}"),
        ("a:1", DIGEST, f"docker.io/library/a@{DIGEST}"),
        (f"a@{DIGEST}", "2", f"docker.io/library/a@{DIGEST}"),
        (f"a:1@{DIGEST}", "", f"docker.io/library/a@{DIGEST}"),
        ("r.io/a", "", "r.io/a"),
    ],
)
def test_name_and_tag_together(name, tag, meant):
    assert str(wanted(name, tag)) == meant


@pytest.mark.parametrize(
    ("name", "tag", "message"),
    [
        ("scratch", "1", "'scratch' is a reserved name"),
        ("A", "", "must be lowercase"),
        ("a", "*", "invalid tag format"),
        ("a", "md5:1", "unsupported digest algorithm"),
    ],
)
def test_what_names_nothing_is_refused(name, tag, message):
    with pytest.raises(InvalidArgument, match=message):
        wanted(name, tag)
