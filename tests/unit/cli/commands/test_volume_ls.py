from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def volumes(fake, fakes):
    found = [
        {"Name": name, "Driver": "local", "Scope": "local", "Labels": {"a": "b"}}
        for name in ("v10", "v9", "data")
    ]
    fake.on("GET", "/volumes", fakes.Reply({"Volumes": found, "Warnings": None}))


def test_the_table_is_in_natural_order(baleen):
    assert baleen("volume", "ls").out == (
        "DRIVER    VOLUME NAME\nlocal     data\nlocal     v9\nlocal     v10\n"
    )


def test_names_templates_and_filters(baleen, fake):
    assert baleen("volume", "ls", "-q").out == "data\nv9\nv10\n"
    out = baleen("volume", "ls", "--format", "{{.Name}} {{.Labels}} {{.Size}} {{.Links}}").out
    assert out.splitlines()[0] == "data a=b N/A N/A"
    baleen("volume", "ls", "-f", "dangling=true")
    assert fake.last("/volumes").query == {"filters": ['{"dangling":["true"]}']}


def test_no_volumes_is_only_the_heading(baleen, fake, fakes):
    fake.on("GET", "/volumes", fakes.Reply({"Volumes": None}))
    assert baleen("volume", "ls").out == "DRIVER    VOLUME NAME\n"
