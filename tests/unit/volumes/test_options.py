"""Options of the local driver."""

from __future__ import annotations

import pytest

from baleen import errors
from baleen.linux.mount import MS_NOSUID, MS_RDONLY
from baleen.volumes.options import check_options, mount_source

TMPFS = {"type": "tmpfs", "device": "tmpfs", "o": "size=1m,ro,nosuid"}


def test_plain_volumes_mount_nothing():
    check_options({})
    assert mount_source({}) is None


def test_a_mount_is_taken_apart():
    check_options(TMPFS)
    source = mount_source(TMPFS)
    assert source is not None
    assert (source.device, source.filesystem, source.options.data) == ("tmpfs", "tmpfs", "size=1m")
    assert source.options.flags == MS_RDONLY | MS_NOSUID


def test_a_bind_is_known():
    source = mount_source({"type": "none", "device": "/srv", "o": "bind"})
    assert source is not None
    assert source.options.bind


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"nonsense": "1"}, 'invalid option: "nonsense"'),
        ({"type": "tmpfs"}, 'missing required option: "device"'),
        ({"device": "/x"}, 'missing required option: "type"'),
        ({"o": "ro"}, "missing required option"),
        ({"type": "x", "device": "a\0b"}, "invalid value"),
        ({"type": "none", "device": "/x", "o": "idmap"}, "idmap"),
    ],
)
def test_bad_options(options, text):
    with pytest.raises(errors.InvalidArgument, match=text):
        check_options(options)


def test_quotas_say_that_they_are_not_there():
    with pytest.raises(errors.NotImplemented, match="no quota support"):
        check_options({"size": "10m"})
