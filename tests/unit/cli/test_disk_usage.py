from __future__ import annotations

import json

import pytest

from baleen.cli.disk_usage import cache_size, with_lists


@pytest.fixture(autouse=True)
def usage(fake, fakes):
    answer = {
        "Images": [
            {
                "Id": "sha256:" + "2" * 64,
                "RepoTags": ["i:latest", "i:2"],
                "Containers": 1,
                "Size": 60_000_000,
                "SharedSize": 10_000_000,
            }
        ],
        "Containers": [
            {
                "Id": "c" * 64,
                "Names": ["/c"],
                "Image": "i",
                "Command": "sh",
                "SizeRw": 100,
                "SizeRootFs": 1000,
                "Status": "Up 3 hours",
                "Mounts": [{"Driver": "local"}],
            }
        ],
        "Volumes": [{"Name": "v", "UsageData": {"RefCount": 1, "Size": 1000}}],
        "BuildCache": [
            {"ID": "b" * 25, "Type": "regular", "Size": 200, "InUse": True, "Shared": True},
            {"ID": "d" * 25, "Type": "regular", "Size": 100, "CreatedAt": "2023-11-14T22:13:20Z"},
        ],
    }
    fake.on("GET", "/system/df", fakes.Reply(answer))


def test_a_table_for_each_kind(baleen):
    parts = baleen("system", "df", "-v").out.split("\n\n")
    assert parts[0::2] == [
        "Images space usage:",
        "Containers space usage:",
        "Local Volumes space usage:",
        "Build cache usage: 100B",
    ]
    images, containers, volumes, cache = ([x.split() for x in p.splitlines()] for p in parts[1::2])
    # One line per image; N/A is the date that it lacks.
    assert images[1:] == [["i", "latest", "2" * 12, "N/A", "60MB", "10MB", "50MB", "1"]]
    assert containers[1][:5] == ["c" * 12, "i", '"sh"', "1", "100B"]
    assert volumes[1:] == [["v", "1", "1kB"]]
    assert cache[1:3][0][:3] == ["b" * 12 + "*", "regular", "200B"]


def test_a_template_sees_all_at_once(baleen):
    out = baleen("system", "df", "-v", "--format", "{{range .Images}}{{.UniqueSize}};{{end}}").out
    assert out == "50MB;\n"
    document = json.loads(baleen("system", "df", "-v", "--format", "json").out)
    assert sorted(document) == ["BuildCache", "Containers", "Images", "Volumes"]
    assert document["Containers"][0]["ID"] == "c" * 64


def test_shared_records_are_not_counted():
    assert cache_size([{"Size": 1}, {"Size": 2, "Shared": True}, {"Size": 4}]) == 5


def test_lists_of_new_engines_are_found(baleen, fake, fakes):
    old = {"Images": None, "Containers": None, "Volumes": [{"Name": "v"}], "BuildCache": None}
    assert with_lists(old) is old
    new = {"ImageUsage": {}, "VolumeUsage": {"Items": [{"Name": "v"}], "TotalCount": 1}}
    assert with_lists(new) == old
    fake.on("GET", "/system/df", fakes.Reply(new))
    assert "\nv             N/A       N/A\n" in baleen("system", "df", "-v").out
    assert fake.last("/system/df").query == {"verbose": ["1"]}
