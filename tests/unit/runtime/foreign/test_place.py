"""The directory of a foreign runtime; what is mounted there is tests/integration/runtime."""

import json
import os
import socket

import pytest

from baleen.runtime.foreign.place import Place

DOCUMENT = {
    "ociVersion": "1.2.0",
    "root": {"path": "rootfs", "readonly": True},
    "linux": {"namespaces": [{"type": "mount"}, {"type": "network"}], "cgroupsPath": "/x"},
}


@pytest.fixture
def place(tmp_path):
    return Place(str(tmp_path))


def test_it_is_empty_whatever_was_there(tmp_path, place):
    (tmp_path / "runtime/state/old").mkdir()
    again = Place(str(tmp_path))
    assert sorted(os.listdir(again.directory)) == ["rootfs", "state"]
    assert os.listdir(again.path("state")) == []
    assert os.stat(again.directory).st_mode & 0o077 == 0


def test_the_document_has_its_places(place):
    place.write_config(DOCUMENT, "/the/netns")
    written = json.loads(place.read("config.json"))
    assert written["root"] == {"path": place.path("rootfs"), "readonly": True}
    assert written["linux"]["namespaces"] == [
        {"type": "mount"},
        {"type": "network", "path": "/the/netns"},
    ]
    assert written["linux"]["cgroupsPath"] == "/x"
    assert DOCUMENT["root"]["path"] == "rootfs"


def test_a_network_that_is_joined_or_the_hosts_stays(place):
    joined = [{"type": "network", "path": "/proc/1/ns/net"}]
    place.write_config({**DOCUMENT, "linux": {"namespaces": joined}}, None)
    assert json.loads(place.read("config.json"))["linux"]["namespaces"] == joined


def test_files(place):
    assert place.read("none") == b""
    place.remove("none")
    path = place.write("some", {"a": 1})
    assert os.stat(path).st_mode & 0o777 == 0o600
    assert json.loads(place.read("some")) == {"a": 1}
    place.remove("some")
    assert place.read("some") == b""


@pytest.mark.parametrize("length", [1, 120])
def test_a_socket_is_reached_whatever_the_length_of_its_path(tmp_path, length):
    directory = tmp_path / ("d" * length)
    directory.mkdir()
    place = Place(str(directory))
    listener, path = place.listen("console")
    with listener, socket.socket(socket.AF_UNIX) as client:
        client.connect(path)
        with listener.accept()[0] as served:
            client.send(b"x")
            assert served.recv(1) == b"x"
