import importlib

import pytest

from baleen.runtime.oci.commands import COMMANDS, GLOBAL_OPTIONS


def test_all_commands_of_the_specification_and_runcs_are_there():
    names = (
        "create start state kill delete run exec ps list spec features pause resume update events"
        " checkpoint restore"
    )
    assert " ".join(COMMANDS) == names


@pytest.mark.parametrize("command", COMMANDS.values(), ids=lambda command: command.name)
def test_a_command_has_code_and_unambiguous_options(command):
    module = importlib.import_module(f"baleen.runtime.oci.{command.module}")
    assert callable(module.execute)
    names = [option.name for option in command.options]
    names += [option.short for option in command.options if option.short]
    assert len(names) == len(set(names))
    assert "help" not in names
    assert "h" not in names


def test_what_podman_and_containerd_pass_is_known():
    known = {name: {o.name for o in command.options} for name, command in COMMANDS.items()}
    assert {"root", "log", "log-format", "systemd-cgroup", "rootless", "debug", "criu"} <= {
        option.name for option in GLOBAL_OPTIONS
    }
    for name in ("create", "run"):
        assert {
            "bundle",
            "pid-file",
            "console-socket",
            "no-pivot",
            "no-new-keyring",
            "preserve-fds",
        } <= known[name]
    assert {"process", "detach", "pid-file", "console-socket", "tty", "preserve-fds"} <= known[
        "exec"
    ]
    assert "all" in known["kill"]
    assert "force" in known["delete"]
