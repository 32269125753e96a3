"""Requests for devices by driver and capability."""

import json

import pytest

from baleen.api import DeviceRequest
from baleen.engine.device_requests import apply_device_requests
from baleen.errors import InvalidArgument


def spec():
    return {"process": {"env": [], "user": {"uid": 0, "gid": 0}}, "mounts": [], "linux": {}}


@pytest.mark.parametrize(
    ("request_", "text"),
    [
        (
            DeviceRequest(count=-1, capabilities=[["gpu"]]),
            'could not select device driver "" with capabilities: [[gpu]]',
        ),
        (
            DeviceRequest(driver="nvidia", capabilities=[["gpu", "utility"], ["x"]]),
            'could not select device driver "nvidia" with capabilities: [[gpu utility] [x]]',
        ),
        (DeviceRequest(driver="cdi", count=1), "unexpected count in CDI device request"),
        (DeviceRequest(driver="cdi", options={"a": "b"}), "unexpected options in CDI"),
        (
            DeviceRequest(driver="cdi", device_ids=["v.com/c=0"]),
            "CDI device injection failed: unresolvable CDI devices v.com/c=0",
        ),
    ],
)
def test_dockerds_words(tmp_path, request_, text):
    with pytest.raises(InvalidArgument) as caught:
        apply_device_requests(spec(), [request_], [str(tmp_path)])
    assert str(caught.value).startswith(text)


def test_without_directories_there_is_no_such_driver():
    request = DeviceRequest(driver="cdi", device_ids=["v.com/c=0"])
    with pytest.raises(InvalidArgument, match='select device driver "cdi"'):
        apply_device_requests(spec(), [request], [])


def test_edits_are_made(tmp_path):
    (tmp_path / "v.json").write_text(
        json.dumps(
            {
                "cdiVersion": "0.6.0",
                "kind": "v.com/c",
                "devices": [
                    {"name": "0", "containerEdits": {"env": ["A=1"]}},
                    {"name": "bad", "containerEdits": {"deviceNodes": [{"path": "/no/such"}]}},
                ],
            }
        )
    )
    request = DeviceRequest(driver="cdi", device_ids=["v.com/c=0"])
    document = apply_device_requests(spec(), [request], [str(tmp_path)])
    assert document["process"]["env"] == ["A=1"]
    assert apply_device_requests(spec(), [], []) == spec()
    with pytest.raises(InvalidArgument, match="failed to inject devices: failed to stat CDI host"):
        apply_device_requests(
            spec(), [DeviceRequest(driver="cdi", device_ids=["v.com/c=bad"])], [str(tmp_path)]
        )
