import os

import pytest

from baleen.errors import NotImplemented as Unsupported
from baleen.runtime.criu.dump import DumpOptions, _values, check_supported
from baleen.runtime.default_spec import default_spec
from baleen.runtime.spec import parse_spec


def spec(**namespaces):
    document = default_spec()
    kept = [entry for entry in document["linux"]["namespaces"] if entry["type"] not in namespaces]
    made = [
        {"type": kind} | ({"path": path} if path else {})
        for kind, path in namespaces.items()
        if path is not False
    ]
    document["linux"]["namespaces"] = kept + made
    if "user" in namespaces:
        document["linux"]["uidMappings"] = document["linux"]["gidMappings"] = [
            {"containerID": 0, "hostID": 1000, "size": 10}
        ]
    return parse_spec(document)


def test_an_ordinary_container_can_be_checkpointed():
    check_supported(spec())
    check_supported(spec(network="/proc/1/ns/net"))


@pytest.mark.parametrize(
    ("namespaces", "message"),
    [
        ({"pid": False}, "without a pid namespace"),
        ({"pid": "/proc/1/ns/pid"}, "shares the pid namespace"),
        ({"ipc": "/proc/1/ns/ipc"}, "shares the ipc namespace"),
        ({"uts": "/proc/1/ns/uts"}, "shares the uts namespace"),
        ({"user": None}, "user namespace"),
        ({"time": None}, "time namespace"),
    ],
)
def test_what_a_restore_could_not_make_again_is_refused(namespaces, message):
    with pytest.raises(Unsupported, match=message):
        check_supported(spec(**namespaces))


def test_the_request_says_what_is_external():
    inode = os.stat("/proc/self/ns/net").st_ino
    streams = ("file[1:2]", "pipe:[5]", "file[1:2]")
    values = _values(os.getpid(), spec(), DumpOptions(external_network=True), streams)
    assert values["external"] == ["file[1:2]", f"net[{inode}]:extRootNetNS"]
    assert values["leave_running"] is False
    assert values["manage_cgroups_mode"] == 0
    own = _values(os.getpid(), spec(), DumpOptions(empty_network=True), ("", "", ""))
    assert own["external"] == []
    assert own["empty_ns"] == 0x40000000


def test_a_pre_dump_lets_the_container_go_on_and_tracks_memory():
    options = DumpOptions(pre_dump=True, parent="../before", page_server=("h", 1), status_fd=7)
    values = _values(os.getpid(), spec(), options, ("", "", ""))
    assert values["leave_running"]
    assert values["track_mem"]
    assert values["parent_img"] == "../before"
    assert values["ps"] == {"address": "h", "port": 1}
    assert values["status_fd"] == 7
