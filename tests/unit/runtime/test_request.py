import json

import pytest

from baleen.errors import InvalidArgument
from baleen.runtime.request import load_request, parse_dns, parse_request, parse_restart, read_file

GOOD = {
    "id": "ab" * 32,
    "bundle": "/run/b",
    "state_dir": "/var/s",
    "rootfs": {"lower": ["/l1", "/l2"], "upper": "/u", "work": "/w"},
    "seccomp_program": None,
    "log": {
        "driver": "json-file",
        "path": "/log",
        "max_size": 10,
        "max_file": 2,
        "labels": {"a": "b"},
    },
    "open_stdin": True,
    "stdin_once": False,
    "interfaces": [{"name": "eth0"}],
    "dns": {"names": "/n", "upstream": ["1.1.1.1"], "search": [], "forward": True},
    "restart": {"policy": "on-failure", "maximum_retries": 3},
    "restart_count": 1,
    "init": True,
    "reserved_fds": 2,
}


def encode(**changes):
    return json.dumps({**GOOD, **changes}).encode()


def test_a_good_request_is_parsed():
    request = parse_request(encode())
    assert request.rootfs.lower == ("/l1", "/l2")
    assert request.log.max_size == 10
    assert request.dns is not None
    assert request.dns.upstream == ("1.1.1.1",)
    assert request.restart.maximum_retries == 3
    assert request.interfaces == ({"name": "eth0"},)


def test_what_is_optional_may_be_absent():
    small = {
        key: GOOD[key] for key in ("id", "bundle", "state_dir", "open_stdin", "stdin_once")
    } | {"rootfs": {"path": "/r"}, "log": {"driver": "none"}}
    request = parse_request(json.dumps(small).encode())
    assert request.rootfs.path == "/r"
    assert request.restart.name == "no"
    assert request.dns is None


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"id": "x"}, "id"),
        ({"id": "AB" * 32}, "id"),
        ({"bundle": "relative"}, "bundle"),
        ({"bundle": "/a\0b"}, "bundle"),
        ({"open_stdin": 1}, "open_stdin"),
        ({"restart_count": -1}, "restart_count"),
        ({"restart_count": True}, "restart_count"),
        ({"rootfs": {"lower": []}}, "rootfs.lower"),
        ({"rootfs": {"path": "/r", "upper": "/u"}}, "rootfs"),
        ({"log": {"driver": "journald"}}, "log.driver"),
        ({"log": {"driver": "json-file", "path": "/l", "max_size": 0}}, "log.max_size"),
        ({"restart": {"policy": "sometimes"}}, "restart.policy"),
        ({"dns": {"names": "/n"}}, "dns"),
        ({"interfaces": [1]}, "interfaces"),
        ({"more": 1}, "more"),
    ],
)
def test_a_mistake_is_named(changes, place):
    with pytest.raises(InvalidArgument, match=place):
        parse_request(encode(**changes))


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b"[" * 100_000])
def test_no_object_is_refused(data):
    with pytest.raises(InvalidArgument, match=r"start\.json"):
        parse_request(data)


@pytest.mark.parametrize(("value", "mapped"), [(True, True), (False, False), (None, False)])
def test_owners_of_layers_are_mapped_on_request(value, mapped):
    rootfs = {"lower": ["/l"], "upper": "/u", "work": "/w", "map_lower": value}
    assert parse_request(encode(rootfs=rootfs)).rootfs.map_lower is mapped


def test_parts_are_parsed_alone():
    assert parse_restart({"policy": ""}).name == "no"
    assert parse_dns(GOOD["dns"]).forward is True


def test_files_are_read_whole(tmp_path):
    path = tmp_path / "start.json"
    path.write_bytes(encode())
    assert load_request(str(path)).id == GOOD["id"]
    assert read_file("/proc/self/comm")
    path.write_bytes(b"x" * 200_000)
    assert len(read_file(str(path))) == 200_000
