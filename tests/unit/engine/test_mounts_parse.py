"""All ways to ask for a mount, one list of requests."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baleen.api import (
    BindOptions,
    ContainerConfig,
    Empty,
    HostConfig,
    Mount,
    MountPoint,
    TmpfsOptions,
    VolumeOptions,
)
from baleen.engine.mounts_parse import (
    MountRequest,
    inherited_requests,
    mount_point,
    parse_mounts,
    parse_volumes_from,
    resolve_mounts,
)
from baleen.errors import InvalidArgument


def parse(*, volumes=(), inherited=(), **host) -> dict[str, MountRequest]:
    config = ContainerConfig(volumes={target: Empty() for target in volumes})
    return {
        request.target: request
        for request in parse_mounts(config, HostConfig(**host), inherited=inherited)
    }


def bind(text: str) -> MountRequest:
    (request,) = parse(binds=[text]).values()
    return request


def test_binds():
    assert bind("/a:/b") == MountRequest(type="bind", source="/a", target="/b", make_source=True)
    request = bind("/a/../c/:/b//x/:ro,rslave")
    assert (request.source, request.target, request.read_only, request.propagation) == (
        "/c",
        "/b/x",
        True,
        "rslave",
    )
    assert bind("data:/b") == MountRequest(type="volume", source="data", target="/b", mode="z")
    assert bind("data:/b:ro,nocopy").copy is False
    assert bind("/b").is_anonymous


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("v:/d", "volume name is too short"),
        ("", "invalid volume specification: ''"),
        (":", "invalid volume specification: ':'"),
        ("a:b:c:d", "invalid volume specification: 'a:b:c:d'"),
        ("/a:", "invalid volume specification"),
        ("/a:ro", "invalid volume specification: '/a:ro'"),
        (
            "/a:b",
            "invalid mount path: 'b' mount path must be absolute",
        ),
        ("rel", "mount path must be absolute"),
        ("a/b:/c", "includes invalid characters for a local volume name"),
        ("..:/c", "includes invalid characters"),
        ("vv:/", "destination can't be '/'"),
        ("vv:/a/..", "destination can't be '/'"),
        ("vv:/a:x", "invalid mode: x"),
        ("vv:/a:ro,ro", "invalid mode"),
        ("vv:/a:ro,rw", "invalid mode"),
        ("vv:/a:rslave", "invalid mode"),
        ("/a:/b:nocopy", "invalid mode"),
        ("/a:/b:", None),
    ],
)
def test_bad_binds(text, message):
    if message is None:
        bind(text)
        return
    with pytest.raises(InvalidArgument) as caught:
        bind(text)
    assert message in str(caught.value)


@given(st.text(max_size=40))
def test_no_text_makes_a_relative_or_climbing_mount(text):
    try:
        request = bind(text)
    except InvalidArgument:
        return
    assert request.target.startswith("/")
    assert request.target != "/"
    assert ".." not in request.target.split("/")
    assert request.type == "volume" or request.source.startswith("/")
    assert request.type == "bind" or "/" not in request.source


def test_mounts_of_every_type():
    found = parse(
        mounts=[
            Mount(
                type="bind",
                source="/a",
                target="/b",
                read_only=True,
                bind_options=BindOptions(non_recursive=True),
            ),
            Mount(
                type="volume",
                source="vv",
                target="/v",
                volume_options=VolumeOptions(no_copy=True, labels={"a": "b"}),
            ),
            Mount(
                type="tmpfs", target="/t", tmpfs_options=TmpfsOptions(size_bytes=4096, mode=0o1770)
            ),
        ],
        tmpfs={"/u": "size=1m"},
    )
    assert (found["/b"].read_only, found["/b"].recursive, found["/b"].make_source) == (
        True,
        False,
        False,
    )
    assert (found["/v"].copy, found["/v"].labels) == (False, (("a", "b"),))
    assert {"size=4096", "mode=1770", "noexec"} <= set(found["/t"].options)
    assert "size=1m" in found["/u"].options


@pytest.mark.parametrize(
    "host",
    [
        {"binds": ["/a:/x", "/b:/x"]},
        {"binds": ["/a:/x"], "tmpfs": {"/x/": ""}},
        {"binds": ["/a:/x"], "mounts": [Mount(type="volume", target="/x/.")]},
    ],
)
def test_one_place_twice(host):
    with pytest.raises(InvalidArgument, match="Duplicate mount point: /x"):
        parse(**host)


@pytest.mark.parametrize(
    "target", ["/proc", "/proc/", "//proc", "/proc/self/attr", "/x/../proc/sys", "/proc/sys"]
)
def test_nothing_over_proc(target):
    for arguments in ({"binds": [f"/a:{target}"]}, {"tmpfs": {target: ""}}, {"volumes": [target]}):
        with pytest.raises(InvalidArgument, match="inside /proc"):
            parse(**arguments)


def test_what_lxcfs_needs_is_allowed():
    assert "/proc/meminfo" in parse(binds=["/a:/proc/meminfo"])
    assert "/procedure" in parse(binds=["/a:/procedure"])


def test_precedence_of_the_sources():
    inherited = [
        MountRequest(type="volume", source="theirs", target="/d"),
        MountRequest(type="bind", source="/h", target="/e"),
    ]
    found = parse(volumes=["/d", "/e", "/f", "/g"], inherited=inherited, binds=["own:/d", "xx:/f"])
    assert (found["/d"].source, found["/e"].source, found["/f"].source) == ("own", "/h", "xx")
    assert found["/g"].from_image
    assert found["/g"].is_anonymous


def test_parents_come_first():
    assert list(parse(binds=["a1:/x/y/z", "b1:/x", "c1:/x/y", "d1:/a"])) == [
        "/a",
        "/x",
        "/x/y",
        "/x/y/z",
    ]


def test_volumes_from():
    assert parse_volumes_from("c") == ("c", "")
    assert parse_volumes_from("c:ro") == ("c", "ro")
    for bad in ("", ":ro", "c:x", "c:ro:x"):
        with pytest.raises(InvalidArgument):
            parse_volumes_from(bad)
    points = [
        MountPoint(type="volume", name="v", source="/vol/v", destination="/d", rw=True),
        MountPoint(type="bind", source="/h", destination="/e", rw=True, propagation="rslave"),
        MountPoint(type="tmpfs", destination="/t", rw=True),
    ]
    plain = inherited_requests(points, "")
    assert [(request.type, request.source, request.read_only) for request in plain] == [
        ("volume", "v", False),
        ("bind", "/h", False),
    ]
    assert all(request.read_only for request in inherited_requests(points, "ro"))


def test_to_the_record_and_back():
    requests = list(parse(binds=["/a:/b:ro", "vv:/v"], volumes=["/anon"]).values())
    points = [mount_point(request, f"/src{request.target}", "name") for request in requests]
    shown = {point.destination: point for point in points}
    assert (shown["/b"].rw, shown["/b"].propagation, shown["/b"].mode) == (False, "rprivate", "ro")
    assert (shown["/v"].driver, shown["/v"].name, shown["/v"].propagation) == ("local", "name", "")
    resolved = resolve_mounts(requests, points)
    assert [mount.source for mount in resolved] == [point.source for point in points]
