import pytest

from baleen.linux.systemd import slice_path


def test_a_slice_is_in_those_that_its_name_says():
    assert slice_path("system.slice") == "/system.slice"
    assert slice_path("a-b-c.slice") == "/a.slice/a-b.slice/a-b-c.slice"
    assert slice_path("-.slice") == ""
    assert slice_path("user-1000.slice") == "/user.slice/user-1000.slice"


@pytest.mark.parametrize(
    "name",
    ["", ".slice", "a", "a.scope", "a/b.slice", "-a.slice", "a-.slice", "a--b.slice", "..-a.slice",
     "a\nb.slice", "a" * 300 + ".slice"],
)  # fmt: skip
def test_what_is_no_slice_is_refused(name):
    with pytest.raises(ValueError, match="invalid slice name"):
        slice_path(name)
