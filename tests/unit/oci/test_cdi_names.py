"""The grammar of CDI names."""

import pytest

from baleen.errors import InvalidArgument
from baleen.oci.cdi_names import check_device_name, check_kind, is_qualified_name


@pytest.mark.parametrize(
    "name", ["vendor.com/class=0", "v/c=gpu:0", "vendor.com/net-card_1=a.b-c_d:9", "A1/b.2=x"]
)
def test_qualified_names(name):
    assert is_qualified_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "", "/dev/a=b", "vendor.com=x", "vendor.com/class", "vendor.com/class=", "/class=x",
        "vendor.com/=x", "1v/class=x", "v-/class=x", "v/c/d=x", "v/c=-x", "v/c=x:", "v/c=x y",
        "v/c=x\n", "v/c=../x", "vé/c=x", "v/c=" + "x" * 600, "v/c=a=b",
    ],
)  # fmt: skip
def test_other_texts_are_no_names(name):
    assert not is_qualified_name(name)


def test_kind_and_name_are_checked_alone():
    check_kind("vendor.com/class")
    check_device_name("0")
    for kind in ("vendor", "vendor/class/x", "/x", "x/", "x/y\n"):
        with pytest.raises(InvalidArgument, match="invalid kind"):
            check_kind(kind)
    for name in ("", "-x", "x-", "a/b", "a=b"):
        with pytest.raises(InvalidArgument, match="invalid device name"):
            check_device_name(name)
