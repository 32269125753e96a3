from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def networks(fake, fakes):
    def network(name):
        return {
            "Id": name * 4 + "0123456789abcdef",
            "Name": name,
            "Driver": "bridge",
            "Scope": "local",
            "Labels": {"a": name},
        }

    fake.on("GET", "/networks", fakes.Reply([network("n10"), network("n9"), network("m")]))


def test_the_table_is_in_natural_order(baleen):
    lines = baleen("network", "ls").out.splitlines()
    assert lines[0] == "NETWORK ID     NAME      DRIVER    SCOPE"
    assert [line.split()[1] for line in lines[1:]] == ["m", "n9", "n10"]
    assert lines[1].startswith("mmmm01234567   m         bridge    local")


def test_ids_templates_and_filters(baleen, fake):
    assert baleen("network", "ls", "-q", "--no-trunc").out.splitlines()[0] == "mmmm0123456789abcdef"
    out = baleen("network", "ls", "--format", '{{.Name}} {{.Label "a"}} {{.Internal}}').out
    assert out.splitlines()[0] == "m m false"
    baleen("network", "ls", "-f", "driver=bridge", "-f", "name=x")
    assert fake.last("/networks").query == {"filters": ['{"driver":["bridge"],"name":["x"]}']}


def test_mistakes(baleen, fake):
    assert baleen("network", "ls", "-f", "bad").code == 125
    assert fake.requests == []
    assert baleen("network", "ls", "--format", "{{.Nope}}").code == 1
