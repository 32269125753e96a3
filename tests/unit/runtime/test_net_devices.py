import pytest

from baleen.runtime.failure import LaunchError
from baleen.runtime.fields import Fields
from baleen.runtime.net_devices import parse_net_devices


def parse(devices):
    return parse_net_devices(Fields({"netDevices": devices}, "linux."))


def test_a_device_keeps_its_name_unless_it_gets_another():
    assert parse({"eth0": {}, "eth1": {"name": "in%d"}, "eth2": {"name": "x"}}) == (
        ("eth0", "eth0"),
        ("eth1", "in%d"),
        ("eth2", "x"),
    )


@pytest.mark.parametrize(
    ("devices", "text"),
    [
        ({"": {}}, "'' is not a name"),
        ({"..": {}}, "'..' is not"),
        ({"a b": {}}, "'a b' is not"),
        ({"x" * 16: {}}, "is not a name of a network device"),
        ({"a": {"name": "b/c"}}, "'b/c' is not"),
        ({"a": {"name": "%d%d"}}, "is not"),
        ({"a%d": {}, "b": {"name": "%s"}}, "is not"),
        ({"a": {"name": "x"}, "b": {"name": "x"}}, "two devices get the name 'x'"),
        ({"a": {"name": 1}}, "linux.netDevices.a.name"),
        ({"a": 1}, "linux.netDevices.a"),
    ],
)
def test_names_that_no_kernel_takes_are_refused(devices, text):
    with pytest.raises(LaunchError) as caught:
        parse(devices)
    assert text in str(caught.value)
