from __future__ import annotations

import json

import pytest


@pytest.fixture(autouse=True)
def usage(fake, fakes):
    volume = {"Name": "v", "Driver": "local", "UsageData": {"RefCount": 1, "Size": 1000}}
    answer = {
        "LayersSize": 100_000_000,
        "Images": [
            {"Id": "sha256:2", "Containers": 1, "Size": 60_000_000, "SharedSize": 10_000_000},
            {"Id": "sha256:3", "Containers": 0, "Size": 50_000_000, "SharedSize": 10_000_000},
        ],
        "Containers": [{"State": "running", "SizeRw": 100}, {"State": "exited", "SizeRw": 300}],
        "Volumes": [volume, {**volume, "UsageData": {"RefCount": 0, "Size": 500}}],
        "BuildCache": [{"Size": 100}, {"Size": 200, "InUse": True, "Shared": True}],
    }
    fake.on("GET", "/system/df", fakes.Reply(answer))


def test_the_table_is_dockers(baleen):
    assert baleen("system", "df").out == (
        "TYPE            TOTAL     ACTIVE    SIZE      RECLAIMABLE\n"
        "Images          2         1         100MB     50MB (50%)\n"
        "Containers      2         1         400B      300B (75%)\n"
        "Local Volumes   2         1         1.5kB     500B (33%)\n"
        "Build Cache     2         1         100B      100B\n"
    )


def test_formats(baleen):
    out = baleen("system", "df", "--format", "{{.Type}}: {{.TotalCount}}").out
    assert out.splitlines()[0] == "Images: 2"
    first = json.loads(baleen("system", "df", "--format", "json").out.splitlines()[0])
    assert first == {
        "Active": "1",
        "Reclaimable": "50MB (50%)",
        "Size": "100MB",
        "TotalCount": "2",
        "Type": "Images",
    }


def test_an_empty_engine(baleen, fake, fakes):
    fake.on("GET", "/system/df", fakes.Reply({"Images": None, "LayersSize": 0}))
    lines = baleen("system", "df").out.splitlines()
    assert lines[1] == "Images          0         0         0B        0B"
    assert baleen("system", "df", "-v").code == 0


def test_an_engine_that_adds_up_itself(baleen, fake, fakes):
    part = {"TotalCount": 3, "ActiveCount": 1, "TotalSize": 2000, "Reclaimable": 500}
    keys = ("ImageUsage", "ContainerUsage", "VolumeUsage", "BuildCacheUsage")
    fake.on("GET", "/system/df", fakes.Reply(dict.fromkeys(keys, part)))
    assert baleen("system", "df").out == (
        "TYPE            TOTAL     ACTIVE    SIZE      RECLAIMABLE\n"
        "Images          3         1         2kB       500B (25%)\n"
        "Containers      3         1         2kB       500B (25%)\n"
        "Local Volumes   3         1         2kB       500B (25%)\n"
        "Build Cache     3         1         2kB       500B\n"
    )
    assert fake.last("/system/df").query == {}
