"""What `--help` and `--version` print, made from the table of commands."""

from __future__ import annotations

import baleen
from baleen.runtime.oci.commands import COMMANDS, DEFAULT_ROOT, GLOBAL_OPTIONS
from baleen.runtime.oci.output import print_text
from baleen.runtime.oci.state import OCI_VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from baleen.runtime.oci.commands import Command
    from baleen.runtime.oci.options import Option

__all__ = ["command_help", "program_help", "spelling", "version"]


def spelling(option: Option) -> str:
    """How the option is written: `--pid-file PATH`, `-d, --detach`."""
    short = f"-{option.short}, " if option.short else ""
    value = f" {option.value}" if option.value else ""
    return f"{short}--{option.name}{value}"


def _lines(options: Iterable[Option]) -> list[str]:
    rows = [(spelling(option), option.help) for option in options]
    width = max((len(left) for left, _ in rows), default=0)
    return [f"  {left.ljust(width)}  {right}" for left, right in rows]


def version() -> int:
    """Print our version and that of the specification; returns 0."""
    print_text(f"baleen-runtime version {baleen.__version__}\nspec: {OCI_VERSION}\n")
    return 0


def command_help(command: Command) -> int:
    """Print how one command is used; returns 0."""
    lines = [
        f"usage: baleen-runtime {command.name} [options] {command.usage}".rstrip(),
        "",
        command.help,
        "",
        *_lines(command.options),
    ]
    print_text("\n".join(lines).rstrip() + "\n")
    return 0


def program_help() -> int:
    """Print all commands; returns 0."""
    width = max(len(name) for name in COMMANDS)
    lines = [
        "usage: baleen-runtime [global options] COMMAND [options] [arguments]",
        "",
        f"An OCI container runtime. State is kept below {DEFAULT_ROOT}.",
        "",
        *(f"  {name.ljust(width)}  {command.help}" for name, command in COMMANDS.items()),
        "",
        *_lines(GLOBAL_OPTIONS),
    ]
    print_text("\n".join(lines) + "\n")
    return 0
