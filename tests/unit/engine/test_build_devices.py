"""Which CDI devices a step of a build gets."""

from __future__ import annotations

import pytest

from baleen.build.exec.process import Devices
from baleen.build.graph import ExecDevice
from baleen.engine.build_devices import find_devices
from baleen.engine.cdi import Edits
from baleen.errors import InvalidArgument, PermissionDenied

FILE = """
cdiVersion: 0.6.0
kind: vendor1.com/device
devices:
- {name: foo, containerEdits: {env: [FOO=injected]}}
- name: bar
  annotations: {org.mobyproject.buildkit.device.class: class1}
  containerEdits: {env: [BAR=injected], mounts: [{hostPath: /etc, containerPath: /opt/etc}]}
- name: qux
  annotations: {org.mobyproject.buildkit.device.class: class1,
    org.mobyproject.buildkit.device.autoallow: "true"}
  containerEdits: {env: [QUX=injected]}
"""


@pytest.fixture
def directory(tmp_path):
    (tmp_path / "vendor.yaml").write_text(FILE)
    return str(tmp_path)


def found(directory, *names, allowed=True, required=False):
    wanted = [ExecDevice(name=name, required=required) for name in names]
    devices = find_devices(wanted, [directory], allowed=allowed)
    return sorted(devices.edits.env) if isinstance(devices.edits, Edits) else []


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["vendor1.com/device=foo"], ["FOO=injected"]),
        (["vendor1.com/device"], ["FOO=injected"]),
        (["vendor1.com/device=*"], ["BAR=injected", "FOO=injected", "QUX=injected"]),
        (["class1"], ["BAR=injected", "QUX=injected"]),
        (["class1", "vendor1.com/device=bar"], ["BAR=injected", "QUX=injected"]),
        (["vendor1.com/device=gone"], []),
        (["vendor2.com/device=*"], []),
        (["class2"], []),
    ],
)
def test_names(directory, names, expected):
    assert found(directory, *names) == expected


def test_a_required_one_has_to_be_there(directory):
    with pytest.raises(InvalidArgument, match='required device "class2" is not registered'):
        found(directory, "class2", required=True)
    with pytest.raises(InvalidArgument, match="is not registered"):
        find_devices([ExecDevice(name="a.com/b=c", required=True)], [], allowed=True)


def test_the_build_has_to_be_allowed_unless_the_file_says_so(directory):
    assert found(directory, "vendor1.com/device=qux", allowed=False) == ["QUX=injected"]
    for name in ("vendor1.com/device=foo", "class1"):
        with pytest.raises(PermissionDenied, match="is not allowed"):
            found(directory, name, allowed=False)


def test_the_places_of_mounts_are_told(directory):
    wanted = [ExecDevice(name="vendor1.com/device=bar")]
    assert find_devices(wanted, [directory], allowed=True).targets == (("/opt/etc", True),)
    assert find_devices([ExecDevice(name="none")], [directory], allowed=True) == Devices()
