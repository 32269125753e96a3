from __future__ import annotations

import base64
import json

import pytest

RESULTS = [
    {"name": "busybox", "description": "Busybox base image.", "star_count": 325,
     "is_official": True},
    {"name": "a/b", "description": "long\nwords " + "x" * 60, "star_count": 0},
]  # fmt: skip


@pytest.fixture(autouse=True)
def registry(fake, fakes):
    fake.on("GET", "/images/search", fakes.Reply(RESULTS))


def test_results_are_a_table(baleen, fake):
    assert baleen("search", "busybox").out.splitlines() == [
        "NAME      DESCRIPTION                                     STARS     OFFICIAL",
        "busybox   Busybox base image.                             325       [OK]",
        f"a/b       long words {'x' * 33}…   0         ",
    ]
    assert fake.last("/images/search").query == {"term": ["busybox"]}


def test_flags_reach_the_engine_and_the_output(baleen, fake):
    form = "{{.Name}}: {{.StarCount}} {{.Description}}"
    outcome = baleen(
        "search", "--filter", "stars=3", "--limit", "2", "--no-trunc", "--format", form, "x"
    )
    assert outcome.out.splitlines()[1] == f"a/b: 0 long words {'x' * 60}"
    assert fake.last("/images/search").query == {
        "term": ["x"],
        "limit": ["2"],
        "filters": ['{"stars":["3"]}'],
    }


def test_credentials_of_the_registry_in_the_term_are_sent(baleen, fake, tmp_path):
    config = tmp_path / "no-config" / "config.json"
    config.parent.mkdir()
    config.write_text('{"auths": {"r.io": {"auth": "YTpi"}}}')
    baleen("search", "r.io/x")
    header = fake.last("/images/search").headers["x-registry-auth"]
    assert json.loads(base64.urlsafe_b64decode(header)) == {
        "username": "a",
        "password": "b",
        "serveraddress": "r.io",
    }
