"""--security-opt."""

from __future__ import annotations

import pytest

from baleen.engine.security_options import SecurityOptions, parse_security_options
from baleen.errors import InvalidArgument


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], SecurityOptions()),
        (["no-new-privileges"], SecurityOptions(no_new_privileges=True)),
        (["no-new-privileges=true"], SecurityOptions(no_new_privileges=True)),
        (["no-new-privileges:true"], SecurityOptions(no_new_privileges=True)),
        (["no-new-privileges", "no-new-privileges=false"], SecurityOptions()),
        (["seccomp=unconfined"], SecurityOptions(seccomp="unconfined")),
        (["seccomp:unconfined"], SecurityOptions(seccomp="unconfined")),
        (['seccomp={"a": "b=c"}'], SecurityOptions(seccomp='{"a": "b=c"}')),
        (["systempaths=unconfined"], SecurityOptions(unmasked=True)),
        (["apparmor=unconfined"], SecurityOptions(apparmor="unconfined")),
        (["apparmor:mine"], SecurityOptions(apparmor="mine")),
        (["apparmor=mine", "apparmor="], SecurityOptions()),
        (
            ["label=disable", "label:type:x", "label=level:s0:c1,c2"],
            SecurityOptions(labels=("disable", "type:x", "level:s0:c1,c2")),
        ),
        (["disable"], SecurityOptions(labels=("disable",))),
    ],
)
def test_options(options, expected):
    assert parse_security_options(options) == expected


@pytest.mark.parametrize(
    "option",
    [
        *("", "nonsense", "nonsense=1", "no-new-privileges=maybe", "systempaths=x"),
        *("apparmor=a\nb", "apparmor=" + "x" * 4001, "label=a\0b", "disable=x"),
    ],
)
def test_unknown_options_are_refused(option):
    with pytest.raises(InvalidArgument, match="invalid --security-opt"):
        parse_security_options([option])
