from __future__ import annotations

import os
import socket
import stat

import pytest

from baleen.daemon.config import Config
from baleen.daemon.listeners import (
    Address,
    open_listeners,
    open_unix,
    parse_address,
    resolve_group,
)
from baleen.errors import AlreadyExists, InvalidArgument


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o777])
def test_a_unix_socket_is_0660_under_any_umask(tmp_path, umask):
    path = str(tmp_path / "s.sock")
    before = os.umask(umask)
    try:
        listener = open_unix(path, os.getgid())
    finally:
        os.umask(before)
    with listener:
        mode = os.stat(path).st_mode
        assert stat.S_IMODE(mode) == 0o660
        assert stat.S_ISSOCK(mode)
        assert os.listdir(tmp_path) == ["s.sock"]
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(path)


def test_a_stale_socket_is_replaced_and_a_living_one_is_not(tmp_path):
    path = str(tmp_path / "s.sock")
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(path)
    first = open_unix(path, os.getgid())
    with first, pytest.raises(AlreadyExists, match="another daemon listens there"):
        open_unix(path, os.getgid())


def test_a_file_in_the_way_is_left_alone(tmp_path):
    path = tmp_path / "s.sock"
    path.write_text("precious")
    with pytest.raises(AlreadyExists, match="is no socket"):
        open_unix(str(path), os.getgid())
    assert path.read_text() == "precious"


@pytest.mark.parametrize(
    ("text", "tls", "address"),
    [
        ("unix:///a/b", False, Address("unix", path="/a/b")),
        ("unix://", False, Address("unix", path="/var/run/baleen.sock")),
        ("tcp://1.2.3.4:99", False, Address("tcp", host="1.2.3.4", port=99)),
        ("tcp://1.2.3.4", True, Address("tcp", host="1.2.3.4", port=2376)),
        ("tcp://[::1]:5", False, Address("tcp", host="::1", port=5)),
        ("tcp://", False, Address("tcp", host="localhost", port=2375)),
        ("fd://", False, Address("fd")),
    ],
)
def test_addresses(text, tls, address):
    assert parse_address(text, tls=tls) == address


@pytest.mark.parametrize(
    "text", ["", "/a", "unix://a", "http://a", "tcp://a:99999", "tcp://a:\u0661", "tcp://a:+1", "tcp://a/b",
             "unix:///" + "a" * 200, "tcp://a:1_0"]
)  # fmt: skip
def test_bad_addresses_are_refused(text):
    with pytest.raises(InvalidArgument, match="invalid address"):
        parse_address(text, tls=False)


def test_open_tcp_is_refused_without_the_ugly_flag(tmp_path):
    for tls in (False, True):
        with pytest.raises(InvalidArgument, match="refusing to listen on a TCP address"):
            open_listeners(Config(hosts=["tcp://127.0.0.1:0"], tls=tls))
    listeners, paths = open_listeners(
        Config(
            hosts=["tcp://127.0.0.1:0", f"unix://{tmp_path}/s.sock"],
            insecure_plain_tcp_without_authentication=True,
        )
    )
    assert [item.family for item in listeners] == [socket.AF_INET, socket.AF_UNIX]
    assert paths == [f"{tmp_path}/s.sock"]
    for item in listeners:
        item.close()


def test_what_was_opened_is_closed_when_the_next_fails(tmp_path):
    with pytest.raises(InvalidArgument, match="socket activation"):
        open_listeners(Config(hosts=[f"unix://{tmp_path}/s.sock", "fd://"]))
    assert os.listdir(tmp_path) == []


def test_a_group_that_was_asked_for_must_exist():
    with pytest.raises(InvalidArgument, match="does not exist"):
        resolve_group("no-such-group-here")
    assert resolve_group("0") == 0
