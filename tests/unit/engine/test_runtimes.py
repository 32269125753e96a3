"""Which runtime a name means."""

import pytest

from baleen.engine.runtimes import OWN, OWN_NAMES, RegisteredRuntime, Runtimes
from baleen.errors import InvalidArgument
from baleen.errors import NotImplemented as Unsupported

OTHER = RegisteredRuntime("/usr/bin/other", ("--debug",))


def test_our_own_has_several_names():
    runtimes = Runtimes({"other": OTHER})
    assert [runtimes.get(name) for name in (*OWN_NAMES, "")] == [None] * 5
    assert runtimes.get("other") == OTHER
    assert runtimes.default == OWN


@pytest.mark.parametrize("name", ["nosuch", "Other", "io.containerd.runsc.v1", "/usr/bin/other"])
def test_other_names_are_refused(name):
    with pytest.raises(InvalidArgument, match=f"^unknown or invalid runtime name: {name}$"):
        Runtimes({"other": OTHER}).get(name)


def test_the_default_is_what_no_name_means():
    runtimes = Runtimes({"other": OTHER}, "other")
    assert (runtimes.default, runtimes.get("")) == ("other", OTHER)
    assert runtimes.get("runc") is None
    assert Runtimes({}, "runc").default == OWN


def test_what_is_shown_says_what_is_behind_a_name():
    shown = Runtimes({"other": OTHER}).shown()
    assert {name: runtime.path for name, runtime in shown.items()} == {
        "baleen-runtime": OWN,
        "runc": OWN,
        "io.containerd.runc.v2": OWN,
        "other": "/usr/bin/other",
    }


def test_a_reload_replaces_all():
    runtimes = Runtimes({"other": OTHER}, "other")
    runtimes.replace({}, "baleen")
    assert runtimes.default == OWN
    with pytest.raises(InvalidArgument):
        runtimes.get("other")


def test_our_init_is_for_our_own_runtime():
    runtimes = Runtimes({"other": OTHER})
    runtimes.check("", init=True)
    runtimes.check("other", init=False)
    with pytest.raises(Unsupported, match="--init is not available with the runtime other"):
        runtimes.check("other", init=True)
    with pytest.raises(Unsupported, match="cannot be remapped with the runtime other"):
        runtimes.check("other", init=False, remapped=True)
    runtimes.check("runc", init=True, remapped=True)
    with pytest.raises(InvalidArgument):
        runtimes.check("nosuch", init=False)
