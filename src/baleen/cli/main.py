"""Entry point: find the command, run it, turn errors into messages and exit codes.

Nothing is imported that the command does not need; a cold start is a few milliseconds above the
interpreter's own (tests/unit/cli/test_main.py holds that as a ratio).
"""

from __future__ import annotations

import os
import sys

from baleen.cli.command import UsageError
from baleen.cli.flags import Flag, FlagError, Flags, parse_flags
from baleen.cli.registry import GROUPS, TOP, load
from baleen.cli.session import Session
from baleen.cli.terminal import write_err, write_out
from baleen.client.selection import HostFlags
from baleen.errors import BaleenError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["ExitStatus", "main", "run"]

PROGRAM = "baleen"
_USAGE_EXIT = 125

GLOBAL_FLAGS = (
    Flag("config", "", "string", "Location of client config files"),
    Flag(
        "context",
        "c",
        "string",
        "Name of the context to use to connect to the daemon (overrides DOCKER_HOST env var and "
        'default context set with "docker context use")',
    ),
    Flag("debug", "D", "bool", "Enable debug mode"),
    Flag("host", "H", "list", "Daemon socket to connect to"),
    Flag(
        "log-level",
        "l",
        "string",
        'Set the logging level ("debug", "info", "warn", "error", "fatal")',
        default="info",
    ),
    Flag("tls", "", "bool", "Use TLS; implied by --tlsverify"),
    Flag("tlscacert", "", "string", "Trust certs signed only by this CA"),
    Flag("tlscert", "", "string", "Path to TLS certificate file"),
    Flag("tlskey", "", "string", "Path to TLS key file"),
    Flag("tlsverify", "", "bool", "Use TLS and verify the remote"),
    Flag("version", "v", "bool", "Print version information and quit"),
    Flag("help", "", "bool", "Print usage", hidden=True),
)
_HELP = Flag("help", "", "bool", "Print usage", hidden=True)


class ExitStatus(Exception):  # a way out with a code, not an error
    """Leave with this exit code; everything was said already."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def main() -> int:
    """Run the command line of this process; the exit code. Never raises for a user's mistake."""
    try:
        return run(sys.argv[1:])
    except BrokenPipeError:
        # The reader went away; Docker ends on SIGPIPE.
        _silence_stdout()
        return 141
    except KeyboardInterrupt:
        return 130


def _silence_stdout() -> None:
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.close(null)


def run(argv: Sequence[str]) -> int:
    """Run one command line; the exit code."""
    try:
        flags, words = parse_flags(GLOBAL_FLAGS, argv, interspersed=False)
    except FlagError as err:
        write_err(
            f"{err.message}\n\nUsage:  {PROGRAM} [OPTIONS] COMMAND [ARG...]\n\n"
            f"Run '{PROGRAM} --help' for more information\n"
        )
        return _USAGE_EXIT
    if flags.on("version"):
        from baleen.cli.commands.version import one_line

        write_out(one_line() + "\n")
        return 0
    wants_help = flags.on("help")
    if words[:1] == ["help"]:
        wants_help, words = True, words[1:]
    if not words:
        from baleen.cli.help import program_help

        write_out(program_help(PROGRAM, _visible_flags()) + "\n")
        return 0
    return _dispatch(flags, words, wants_help=wants_help)


def _visible_flags() -> list[Flag]:
    return [flag for flag in GLOBAL_FLAGS if not flag.hidden]


def _dispatch(flags: Flags, words: list[str], *, wants_help: bool) -> int:
    name, rest = words[0], words[1:]
    entry = TOP.get(name)
    if entry is None and name in GROUPS:
        if not rest or rest[0] in {"--help", "-h"}:
            from baleen.cli.help import group_help

            write_out(group_help(PROGRAM, name) + "\n")
            return 0
        entry = GROUPS[name][1].get(rest[0])
        if entry is None:
            write_err(
                f"{PROGRAM}: unknown command: {PROGRAM} {name} {rest[0]}\n\n"
                f"Usage:  {PROGRAM} {name}\n\nRun '{PROGRAM} {name} --help' for more information\n"
            )
            return 1
        name, rest = f"{name} {rest[0]}", rest[1:]
    if entry is None:
        write_err(
            f"{PROGRAM}: unknown command: {PROGRAM} {name}\n\n"
            f"Run '{PROGRAM} --help' for more information\n"
        )
        return 1
    return _run_command(flags, f"{PROGRAM} {name}", entry, rest, wants_help=wants_help)


def _host_flags(flags: Flags) -> HostFlags:
    result = HostFlags()
    hosts = flags.texts("host")
    if len(hosts) > 1:
        raise FlagError("specify only one -H")
    result.host = hosts[0] if hosts else ""
    result.tls = flags.on("tls")
    result.tlsverify = flags.on("tlsverify") if flags.changed("tlsverify") else None
    for name in ("context", "config", "tlscacert", "tlscert", "tlskey"):
        setattr(result, name, flags.text(name))
    return result


def _run_command(
    global_flags: Flags, name: str, entry: tuple[str, str], argv: list[str], *, wants_help: bool
) -> int:
    command = load(entry[0])
    own = {flag.name for flag in command.flags}
    accepted = command.flags if "help" in own else (*command.flags, _HELP)
    try:
        host_flags = _host_flags(global_flags)
        parsed = [word for word in argv if word == "--help"] if command.raw else argv
        flags, arguments = parse_flags(accepted, parsed, interspersed=command.interspersed)
        arguments = argv if command.raw else arguments
        if wants_help or flags.on("help"):
            from baleen.cli.help import command_help

            write_out(command_help(name, entry[1], command) + "\n")
            return 0
        command.check_arguments(name, arguments)
    except (FlagError, UsageError) as err:
        from baleen.cli.help import usage_line

        prefix = f"{PROGRAM}: " if isinstance(err, UsageError) else ""
        write_err(
            f"{prefix}{err.message}\n\n{usage_line(name, command)}\n\n"
            f"Run '{name} --help' for more information\n"
        )
        return _USAGE_EXIT if isinstance(err, FlagError) else 1
    session = Session(host_flags, name, command)
    try:
        return command.run(session, flags, arguments)
    except ExitStatus as status:
        return status.code
    except BaleenError as err:
        return _report(session, err)
    except (BrokenPipeError, KeyboardInterrupt):
        raise
    except OSError as err:
        return _report(session, BaleenError(_os_error_text(err)))
    except ValueError as err:
        return _report(session, BaleenError(str(err)))
    finally:
        session.close()


def _os_error_text(err: OSError) -> str:
    reason = (err.strerror or str(err)).lower()
    return f"open {os.fsdecode(err.filename)}: {reason}" if err.filename else reason


def _report(session: Session, err: BaleenError) -> int:
    """Print an error that nobody handled; the exit code."""
    code = session.command.own_code
    if code != 1:
        write_err(f"{PROGRAM}: {err}\n\nRun '{session.command_name} --help' for more information\n")
    else:
        write_err(f"{err}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
