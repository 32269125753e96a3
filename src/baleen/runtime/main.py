"""`baleen-runtime`: the runtime as a program of its own, with the OCI command line.

    baleen-runtime [global options] COMMAND [options] [arguments]

This module finds the command in the table and tells of failures; the commands are in `oci`. Errors
are logged and shown, and the exit code is 1, or 255 from `exec`, as runc has it.
"""

from __future__ import annotations

import sys
from importlib import import_module

from baleen.errors import BaleenError, InvalidArgument
from baleen.runtime.oci.commands import COMMANDS, DEFAULT_ROOT, GLOBAL_OPTIONS, Invocation
from baleen.runtime.oci.options import Option, parse
from baleen.runtime.oci.report import Report

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from baleen.runtime.oci.commands import Command
    from baleen.runtime.oci.options import Values

__all__ = ["main"]

_HELP = Option("help", "print this", short="h")


def _command(words: Sequence[str]) -> Command:
    if not words:
        raise InvalidArgument("a command is needed; see baleen-runtime --help")
    command = COMMANDS.get(words[0])
    if command is None:
        raise InvalidArgument(f"No help topic for '{words[0]}'")
    return command


def _check_count(command: Command, arguments: Sequence[str]) -> None:
    if command.most is not None and len(arguments) > command.most:
        limit = f"a maximum of {command.most}" if command.most else "no"
        raise InvalidArgument(f'baleen-runtime: "{command.name}" takes {limit} argument(s)')
    if len(arguments) < command.least:
        least = command.least
        raise InvalidArgument(
            f'baleen-runtime: "{command.name}" requires a minimum of {least} argument(s)'
        )


def _check_global(options: Values) -> None:
    if options.text("rootless") == "true":
        raise InvalidArgument("--rootless=true is not supported: baleen-runtime needs root")


def _run(command: Command, words: Sequence[str], options: Values, report: Report) -> int:
    values, arguments = parse((*command.options, _HELP), words, interspersed=command.interspersed)
    if values.flag("help"):
        from baleen.runtime.oci.help import command_help

        return command_help(command)
    _check_count(command, arguments)
    _check_global(options)
    root = options.text("root", DEFAULT_ROOT)
    systemd, criu = options.flag("systemd-cgroup"), options.text("criu")
    invocation = Invocation(command, root, values, arguments, report, systemd, criu)
    module = import_module(f"baleen.runtime.oci.{command.module}")
    report.debug(f"{command.name} {' '.join(arguments)}")
    code: int = module.execute(invocation)
    return code


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the words of `argv` say; returns the exit code."""
    report, code, prefix, options = Report(), 1, "", None
    try:
        options, words = parse(
            GLOBAL_OPTIONS, sys.argv[1:] if argv is None else argv, interspersed=False
        )
        form = options.text("log-format")
        report = Report(options.text("log"), form, debug=options.flag("debug"))
        if options.flag("version") or options.flag("help"):
            from baleen.runtime.oci.help import program_help, version

            return version() if options.flag("version") else program_help()
        command = _command(words)
        code = command.failure
        if command.name in ("create", "run"):
            prefix = f"baleen-runtime {command.name} failed: "
        elif command.name == "exec":
            prefix = "exec failed: "
        return _run(command, words[1:], options, report)
    except BaleenError as error:
        report.error(prefix + _message(error))
    except OSError as error:
        notes = [*getattr(error, "__notes__", ())]
        report.error(prefix + ": ".join([*notes, str(error)]))
    except KeyboardInterrupt:
        report.error(prefix + "interrupted")
    except Exception as error:
        if options is not None and options.flag("debug"):
            raise
        report.error(f"{prefix}internal error: {type(error).__name__}: {error}")
    return code


def _message(error: BaleenError) -> str:
    # What a process could not be started for has this introduction in runc's messages.
    if getattr(error, "stage", "spec") != "spec" and hasattr(error, "exit_code"):
        return f"unable to start container process: {error}"
    return str(error)
