from __future__ import annotations

import os

import pytest

from baleen import errors
from baleen.cli.parsing.mounts import parse_device, parse_mount, parse_volume, parse_weight


def test_volumes():
    assert parse_volume("/a:/b") == ("bind", "/a:/b")
    assert parse_volume("name:/b:ro,z") == ("bind", "name:/b:ro,z")
    assert parse_volume("/b") == ("volume", "/b")
    assert parse_volume("./a:/b") == ("bind", f"{os.getcwd()}/a:/b")
    assert parse_volume(".:/b") == ("bind", f"{os.getcwd()}:/b")


@pytest.mark.parametrize("text", ["", ":", ":/b", "/a:", "a:b:c:d", "/a:b", "/a::ro"])
def test_volumes_that_are_none(text):
    with pytest.raises(errors.InvalidArgument):
        parse_volume(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "type=bind,source=/a,target=/b,readonly",
            {"Type": "bind", "Source": "/a", "Target": "/b", "ReadOnly": True},
        ),
        ("src=v,dst=/b", {"Type": "volume", "Source": "v", "Target": "/b"}),
        ("dst=/b,ro=false", {"Type": "volume", "Target": "/b", "ReadOnly": False}),
        (
            "type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=1777",
            {"Type": "tmpfs", "Target": "/t", "TmpfsOptions": {"SizeBytes": 1 << 20, "Mode": 1023}},
        ),
        (
            "type=bind,src=/a,dst=/b,bind-propagation=rslave,bind-nonrecursive",
            {
                "Type": "bind",
                "Source": "/a",
                "Target": "/b",
                "BindOptions": {"Propagation": "rslave", "NonRecursive": True},
            },
        ),
        (
            'src=v,dst=/b,volume-nocopy,"volume-opt=o=a,b",volume-label=k=v,volume-driver=local',
            {
                "Type": "volume",
                "Source": "v",
                "Target": "/b",
                "VolumeOptions": {
                    "NoCopy": True,
                    "DriverConfig": {"Options": {"o": "a,b"}, "Name": "local"},
                    "Labels": {"k": "v"},
                },
            },
        ),
    ],
)
def test_mounts(text, expected):
    assert parse_mount(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "foo",
        "type=foo,dst=/b",
        "type=bind,dst=/b",
        "type=bind,src=/a",
        "foo=bar,dst=/b",
        "dst=/b,ro=maybe",
        "type=tmpfs,dst=/t,tmpfs-mode=9",
        "type=tmpfs,dst=/t,volume-nocopy",
        "type=bind,src=/a,dst=/b,bind-recursive=x",
        'dst="/b',
    ],
)
def test_mounts_that_are_none(text):
    with pytest.raises(errors.InvalidArgument):
        parse_mount(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/dev/a", ("/dev/a", "/dev/a", "rwm")),
        ("/dev/a:/dev/b", ("/dev/a", "/dev/b", "rwm")),
        ("/dev/a:/dev/b:r", ("/dev/a", "/dev/b", "r")),
        ("/dev/a:rw", ("/dev/a", "/dev/a", "rw")),
    ],
)
def test_devices(text, expected):
    device = parse_device(text)
    assert tuple(device.values()) == expected


@pytest.mark.parametrize("text", ["", ":/b", "a:b:c:d", "/a:/b:x", "/a:/b:rr"])
def test_devices_that_are_none(text):
    with pytest.raises(errors.InvalidArgument):
        parse_device(text)


def test_weights_have_a_range():
    assert [parse_weight(t) for t in ("0", "10", "1000")] == [0, 10, 1000]
    for text in ("9", "1001", "x"):
        with pytest.raises(errors.InvalidArgument):
            parse_weight(text)
