"""Container edits, applied to a config.json."""

import pytest

from baleen.engine.cdi.edits import apply_edits
from baleen.engine.cdi.spec_file import DeviceNode, Edits, Hook, Mount, NetDevice
from baleen.errors import InvalidArgument


@pytest.fixture
def spec():
    return {
        "process": {"env": ["A=1", "B=2"], "user": {"uid": 7, "gid": 8}},
        "mounts": [{"destination": "/proc"}, {"destination": "/dev/shm"}],
        "linux": {
            "devices": [{"path": "/dev/x", "type": "b", "major": 9, "minor": 9}],
            "resources": {"devices": [{"allow": False, "access": "rwm"}]},
        },
    }


def test_variables_replace_and_are_added(spec):
    apply_edits(spec, Edits(env=["B=3", "C=4", "C=5"]))
    assert spec["process"]["env"] == ["A=1", "B=3", "C=5"]


def test_a_node_takes_its_numbers_from_the_host_and_its_owner_from_the_process(spec):
    apply_edits(spec, Edits(device_nodes=[DeviceNode(path="/dev/x", host_path="/dev/null")]))
    assert spec["linux"]["devices"] == [
        {"path": "/dev/x", "type": "c", "major": 1, "minor": 3, "uid": 7, "gid": 8}
    ]
    assert spec["linux"]["resources"]["devices"][1:] == [
        {"allow": True, "type": "c", "major": 1, "minor": 3, "access": "rwm"}
    ]


def test_what_is_given_is_not_looked_up(spec):
    node = DeviceNode(
        path="/dev/y", host_path="/no", type="c", major=1, minor=2, permissions="none",
        uid=0, gid=0, file_mode=0o600,
    )  # fmt: skip
    apply_edits(spec, Edits(device_nodes=[node]))
    assert spec["linux"]["devices"][1] == {
        "path": "/dev/y", "type": "c", "major": 1, "minor": 2, "fileMode": 0o600,
        "uid": 0, "gid": 0,
    }  # fmt: skip
    assert len(spec["linux"]["resources"]["devices"]) == 1


@pytest.mark.parametrize(
    ("node", "words"),
    [
        (DeviceNode(path="/no/such"), "no such file"),
        (DeviceNode(path="/x", host_path="/etc/passwd"), "not a device node"),
        (DeviceNode(path="/x", host_path="/dev/null", type="b"), r"host type mismatch \(b, c\)"),
    ],
)
def test_a_node_that_the_host_has_not(spec, node, words):
    with pytest.raises(InvalidArgument, match=words):
        apply_edits(spec, Edits(device_nodes=[node]))


def test_a_link_of_the_host_is_no_device(spec, tmp_path):
    (tmp_path / "link").symlink_to("/dev/null")
    with pytest.raises(InvalidArgument, match="not a device node"):
        apply_edits(spec, Edits(device_nodes=[DeviceNode(path=str(tmp_path / "link"))]))


def test_mounts_replace_and_stay_in_order(spec):
    mounts = [
        Mount(host_path="/a", container_path="/x/y/z", options=["ro", "bind"]),
        Mount(host_path="/b", container_path="/dev/shm/"),
    ]
    apply_edits(spec, Edits(mounts=mounts))
    assert spec["mounts"] == [
        {"destination": "/proc"},
        {"destination": "/dev/shm", "type": "none", "source": "/b", "options": []},
        {"destination": "/x/y/z", "type": "bind", "source": "/a", "options": ["ro", "bind"]},
    ]


def test_hooks_interfaces_and_groups(spec):
    apply_edits(
        spec,
        Edits(
            hooks=[
                Hook(hook_name="createContainer", path="/h", args=["h", "1"], timeout=2),
                Hook(hook_name="createContainer", path="/i"),
            ],
            net_devices=[NetDevice(host_interface_name="e7", name="n0")],
            additional_gids=[5, 0, 5, 6],
            intel_rdt={"closID": "x"},
        ),
    )
    assert spec["hooks"] == {
        "createContainer": [
            {"path": "/h", "args": ["h", "1"], "env": [], "timeout": 2},
            {"path": "/i", "args": [], "env": []},
        ]
    }
    assert spec["linux"]["netDevices"] == {"e7": {"name": "n0"}}
    assert spec["linux"]["intelRdt"] == {"closID": "x"}
    assert spec["process"]["user"]["additionalGids"] == [5, 6]


def test_a_hook_after_the_end_is_refused(spec):
    with pytest.raises(InvalidArgument, match="poststop hooks are not supported"):
        apply_edits(spec, Edits(hooks=[Hook(hook_name="poststop", path="/h")]))
