import baleen
from baleen.runtime.oci.commands import COMMANDS
from baleen.runtime.oci.help import command_help, program_help, spelling, version
from baleen.runtime.oci.options import Option


def test_every_command_and_option_is_shown(capfd):
    program_help()
    text = capfd.readouterr().out
    assert all(f"\n  {name} " in text for name in COMMANDS)
    assert "--log-format FORMAT" in text
    for command in COMMANDS.values():
        command_help(command)
        text = capfd.readouterr().out
        assert all(spelling(option) in text for option in command.options)


def test_the_version_is_in_the_first_line(capfd):
    version()
    first, second = capfd.readouterr().out.splitlines()
    assert first == f"baleen-runtime version {baleen.__version__}"
    assert second.startswith("spec: 1.")


def test_spelling():
    assert spelling(Option("all", "", short="a")) == "-a, --all"
    assert spelling(Option("root", "", "DIR")) == "--root DIR"
