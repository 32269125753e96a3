"""Options of AppArmor and SELinux on a host that has neither: accepted, as with dockerd."""

from __future__ import annotations

import pytest

from baleen.linux.lsm import apparmor_is_enabled, selinux_is_enabled

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(
        apparmor_is_enabled() or selinux_is_enabled(), reason="a security module is at work here"
    ),
]


@pytest.mark.parametrize(
    "option",
    [
        "apparmor=no-such-profile",
        "apparmor=unconfined",
        "label=type:x_t",
        "label=disable",
        "label=x",
    ],
)
def test_what_is_asked_of_them_has_no_effect(engine, option):
    engine.docker(
        *("run", "-d", "--name", "box", "--security-opt", option, "-v", "data:/data:Z"),
        *("busybox", "sleep", "1000"),
    )
    shown = engine.inspect("box")
    assert (shown["AppArmorProfile"], shown["ProcessLabel"], shown["MountLabel"]) == ("", "", "")
    assert shown["HostConfig"]["SecurityOpt"] == [option]
    assert engine.out("exec", "box", "echo", "runs") == "runs"


@pytest.mark.parametrize("option", ["apparmor=a\nb", "labels=type:x", "disable=1"])
def test_what_could_have_an_effect_nowhere_is_refused(engine, option):
    message = engine.fails("create", "--security-opt", option, "busybox")
    assert "security-opt" in message


@pytest.mark.parametrize("arguments", [("--privileged",), ("--pid", "host"), ("--ipc", "host")])
def test_the_label_of_a_container_that_cannot_have_one_is_disabled(engine, arguments):
    engine.docker("create", "--name", "box", *arguments, "busybox")
    assert engine.inspect("box")["HostConfig"]["SecurityOpt"] == ["label=disable"]


def test_a_daemon_that_shall_use_selinux_warns(engine):
    engine.flags.append("--selinux-enabled")
    engine.restart()
    try:
        assert "SELinux could not be enabled" in engine.docker("info").stderr
        assert engine.out("info", "--format", "{{json .SecurityOptions}}").startswith(
            '["name=seccomp'
        )
        assert engine.out("run", "--rm", "busybox", "echo", "runs") == "runs"
    finally:
        engine.flags.remove("--selinux-enabled")
        engine.restart()
