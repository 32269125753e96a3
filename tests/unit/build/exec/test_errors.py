"""The text of a failed command is the classic builder's."""

from baleen.build.exec.errors import CommandFailed


def test_the_command_and_its_code_are_named():
    error = CommandFailed(("/bin/sh", "-c", "false"), 1)
    assert str(error) == "The command '/bin/sh -c false' returned a non-zero code: 1"
    assert (error.exit_code, error.oom_killed) == (1, False)


def test_a_lack_of_memory_is_said():
    error = CommandFailed(("make",), 137, oom_killed=True)
    assert str(error).endswith("code: 137: it was killed because it took more memory than it may")


def test_a_word_cannot_bring_control_characters():
    assert "\x1b" not in str(CommandFailed(("echo", "\x1b[2J"), 1))
