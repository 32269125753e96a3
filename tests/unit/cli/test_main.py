from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys

import pytest

from baleen.cli.main import run


def test_help_lists_groups_and_commands(capfd):
    for argv in ([], ["--help"], ["help"]):
        assert run(argv) == 0
        out = capfd.readouterr().out
        assert "Management Commands:\n  container  Manage containers" in out
        assert "  run      Create and run a new container from an image" in out


@pytest.mark.parametrize(
    "argv", [["run", "--help"], ["help", "run"], ["container", "run", "--help"]]
)
def test_help_of_a_command(capfd, argv):
    assert run(argv) == 0
    out = capfd.readouterr().out
    assert "[OPTIONS] IMAGE [COMMAND] [ARG...]" in out
    assert "  -p, --publish list" in out
    assert "baleen container run, baleen run" in out


def test_help_of_a_group(capfd):
    assert run(["network"]) == 0
    assert "  connect     Connect a container to a network" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("argv", "code", "text"),
    [
        (["x"], 1, "baleen: unknown command: baleen x\n\nRun 'baleen --help' for more"),
        (["network", "x"], 1, "baleen: unknown command: baleen network x\n"),
        (["run", "--foo"], 125, "unknown flag: --foo\n\nUsage:  baleen run [OPTIONS] IMAGE"),
        (["run"], 1, "baleen: 'baleen run' requires at least 1 argument\n"),
        (["ps", "x"], 1, "baleen: 'baleen ps' accepts no arguments\n"),
        (["tag", "x"], 1, "baleen: 'baleen tag' requires 2 arguments\n"),
        (["images", "a", "b"], 1, "requires at most 1 argument\n"),
        (["import"], 1, "requires at least 1 argument\n"),
        (["--foo"], 125, "unknown flag: --foo\n"),
        (["-H", "a", "-H", "b", "ps"], 125, "specify only one -H"),
        (["-H", "ftp://x", "ps"], 1, 'unsupported scheme "ftp"'),
        (["run", "-m", "1x", "img"], 125, 'invalid argument "1x" for "-m, --memory" flag: '),
        (["run", "--gpus", "all", "img"], 125, "--gpus is not supported by this engine"),
        (
            ["run", "Foo"],
            125,
            "repository name (library/Foo) must be lowercase\n\nRun 'baleen run --help'",
        ),
    ],
)
def test_mistakes_have_messages_and_codes(capfd, argv, code, text):
    assert run(argv) == code
    captured = capfd.readouterr()
    assert text in captured.err
    assert captured.out == ""


def test_no_engine_is_no_traceback(capfd):
    assert run(["-H", "unix:///nonexistent/s", "ps"]) == 1
    assert capfd.readouterr().err == (
        "Cannot connect to the Baleen daemon at unix:///nonexistent/s. "
        "Is the baleen daemon running?\n"
    )
    assert run(["-H", "unix:///nonexistent/s", "run", "busybox"]) == 125


def test_a_reader_that_goes_away_ends_the_command_quietly():
    process = subprocess.Popen(
        [sys.executable, "-m", "baleen.cli.main", "run", "--help"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdout.close()
    error = process.stderr.read()
    process.stderr.close()
    assert (process.wait(20), error) == (141, b"")


def cpu_seconds(*argv):
    """CPU time of one process; the wall clock of a busy machine says nothing."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *argv], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_starting_costs_little_above_the_interpreter():
    version = ("-m", "baleen.cli.main", "version", "--client")
    cpu_seconds(*version)  # compiles what is new
    bare = statistics.median(cpu_seconds("-c", "pass") for _ in range(9))
    ours = statistics.median(cpu_seconds(*version) for _ in range(9))
    assert ours < 5 * bare + 0.005


def test_only_what_a_command_needs_is_loaded(fake, fakes):
    code = (
        "import sys; from baleen.cli.main import run;"
        f"run(['-H', {fake.host!r}, 'ps']);"
        "heavy = {'asyncio', 'argparse', 'ssl', 'http.client', 'email', 'urllib.request',"
        "'subprocess', 'typing', 'dataclasses', 'tarfile', 'pathlib', 'datetime', 'msgspec'};"
        "commands = [m for m in sys.modules if m.startswith('baleen.cli.commands.')];"
        "print(sorted(heavy & set(sys.modules)), commands)"
    )
    fake.on("GET", "/containers/json", fakes.Reply([]))
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ
    )
    assert out.stdout.splitlines()[-1] == "[] ['baleen.cli.commands.ps']"
