"""One CDI spec file: strict, limited, whole."""

import json
import os

import pytest

from baleen.engine.cdi import spec_file
from baleen.engine.cdi.spec_file import Edits
from baleen.errors import InvalidArgument


def document(**changes):
    return {
        "cdiVersion": "0.6.0",
        "kind": "vendor.com/class",
        "devices": [{"name": "one", "containerEdits": {"env": ["A=1"]}}],
        **changes,
    }


def edited(version="1.1.0", **edits):
    return document(cdiVersion=version, containerEdits=edits)


def read(tmp_path, content, name="x.json"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return spec_file.read(str(path))


def test_everything_that_the_specification_has(tmp_path):
    found = read(
        tmp_path,
        edited(
            env=["A=b=c"],
            deviceNodes=[
                {"path": "/dev/x", "hostPath": "/dev/y", "type": "c", "major": 1, "minor": 2,
                 "fileMode": 0o600, "permissions": "rw", "uid": 0, "gid": 5},
            ],
            netDevices=[{"hostInterfaceName": "eth7", "name": "net0"}],
            hooks=[{"hookName": "createContainer", "path": "/bin/x", "args": ["x"],
                    "env": ["B=1"], "timeout": 3}],
            mounts=[{"hostPath": "/a", "containerPath": "/b", "options": ["ro"], "type": "bind"}],
            intelRdt={"closID": "x"},
            additionalGids=[5],
        ),
    )  # fmt: skip
    edits = found.container_edits
    assert edits.device_nodes[0].host_path == "/dev/y"
    assert edits.hooks[0].timeout == 3
    assert edits.net_devices[0].name == "net0"
    assert edits.intel_rdt == {"closID": "x"}


def test_yaml_says_the_same(tmp_path):
    text = b"""
cdiVersion: 0.5.0
kind: vendor.com/class
devices:
- name: "0"
  containerEdits:
    deviceNodes:
    - {path: /dev/x, hostPath: /dev/null, fileMode: 0666}
containerEdits:
  env: [A=1]
"""
    found = read(tmp_path, text, "x.yaml")
    assert found.devices[0].container_edits.device_nodes[0].file_mode == 0o666
    assert found.container_edits == Edits(env=["A=1"])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"cdiVersion": "9.9.9"}, 'invalid version "9.9.9"'),
        ({"cdiVersion": ""}, "invalid version"),
        ({"kind": "vendor.com"}, "invalid kind"),
        ({"kind": "vendor.com/c.d", "cdiVersion": "0.5.0"}, "must be at least v0.6.0"),
        ({"devices": []}, "no devices"),
        ({"devices": [{"name": "x", "containerEdits": {}}]}, "empty device edits"),
        ({"devices": [{"name": "a/b", "containerEdits": {"env": ["A=1"]}}]}, "device name"),
        (
            {"devices": [{"name": "x", "containerEdits": {"env": ["A=1"]}}] * 2},
            'multiple device "x"',
        ),
        ({"unknown": 1}, "unknown"),
        ({"containerEdits": {"unknown": 1}}, "unknown"),
        ({"containerEdits": {"env": ["A"]}}, "environment variable"),
        ({"containerEdits": {"env": ["=A"]}}, "environment variable"),
        ({"containerEdits": {"deviceNodes": [{"path": "x"}]}}, "device path"),
        ({"containerEdits": {"deviceNodes": [{"path": "/x", "type": "z"}]}}, "invalid type"),
        ({"containerEdits": {"deviceNodes": [{"path": "/x", "major": -1}]}}, "major"),
        (
            {"containerEdits": {"deviceNodes": [{"path": "/x", "permissions": "rx"}]}},
            "invalid permissions",
        ),
        ({"containerEdits": {"hooks": [{"hookName": "x", "path": "/x"}]}}, "invalid hook name"),
        ({"containerEdits": {"hooks": [{"hookName": "prestart", "path": "x"}]}}, "with path"),
        ({"containerEdits": {"mounts": [{"hostPath": "/x", "containerPath": "x"}]}}, "mount"),
        ({"containerEdits": {"additionalGids": [5]}}, "must be at least v0.7.0"),
        (
            {"containerEdits": {"netDevices": [{"hostInterfaceName": "a", "name": "b"}]}},
            "must be at least v1.1.0",
        ),
    ],
)
def test_what_is_wrong_is_said_with_the_path(tmp_path, changes, words):
    with pytest.raises(InvalidArgument, match=words) as caught:
        read(tmp_path, document(**changes))
    assert str(tmp_path / "x.json") in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"[" * 100_000, b"\xff\xfe"])
@pytest.mark.parametrize("name", ["x.json", "x.yaml"])
def test_what_is_no_document(tmp_path, content, name):
    with pytest.raises(InvalidArgument, match="failed to parse CDI Spec"):
        read(tmp_path, content, name)


def test_files_that_are_none_or_too_large(tmp_path):
    os.mkfifo(tmp_path / "fifo.json")
    with pytest.raises(InvalidArgument, match="not a regular file"):
        spec_file.read(str(tmp_path / "fifo.json"))
    with pytest.raises(InvalidArgument, match="larger than"):
        read(tmp_path, b" " * (spec_file.MAX_BYTES + 1))
