"""Help texts: of one command, of a group, of the whole program."""

from __future__ import annotations

from baleen.cli.registry import COMMON, GROUPS, HIDDEN, TOP
from baleen.cli.terminal import terminal_width

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from baleen.cli.command import Command
    from baleen.cli.flags import Flag

__all__ = ["command_help", "group_help", "program_help", "usage_line"]


def usage_line(name: str, command: Command) -> str:
    """`Usage:  baleen ps [OPTIONS]`."""
    return f"Usage:  {name} {command.usage}".rstrip()


def command_help(name: str, summary: str, command: Command) -> str:
    """Everything about one command."""
    parts = [usage_line(name, command), summary]
    visible = [flag for flag in command.flags if not flag.hidden]
    aliases = _aliases(name)
    if aliases:
        parts.append("Aliases:\n  " + ", ".join(aliases))
    if visible:
        parts.append("Options:\n" + flag_table(visible))
    return "\n\n".join(parts)


def group_help(program: str, group: str) -> str:
    """The commands of one group."""
    summary, commands = GROUPS[group]
    rows = sorted((k, v[1]) for k, v in commands.items() if k not in HIDDEN)
    return (
        f"Usage:  {program} {group} COMMAND\n\n{summary}\n\nCommands:\n{_columns(rows)}\n\n"
        f"Run '{program} {group} COMMAND --help' for more information on a command."
    )


def program_help(program: str, flags: Sequence[Flag]) -> str:
    """The groups and top-level commands."""
    rest = [(k, v[1]) for k, v in TOP.items() if k not in COMMON]
    return "\n\n".join(
        (
            f"Usage:  {program} [OPTIONS] COMMAND",
            "A complete container platform in Python that speaks Docker's own protocols",
            "Common Commands:\n" + _columns([(k, TOP[k][1]) for k in COMMON]),
            "Management Commands:\n" + _columns([(k, v[0]) for k, v in GROUPS.items()]),
            "Commands:\n" + _columns(rest),
            "Global Options:\n" + flag_table(list(flags)),
            f"Run '{program} COMMAND --help' for more information on a command.",
        )
    )


def _aliases(name: str) -> list[str]:
    """All spellings of a command that has several."""
    program, _, path = name.partition(" ")
    words = path.split(" ")
    module = GROUPS[words[0]][1][words[1]][0] if len(words) == 2 else TOP[words[0]][0]
    found = [
        f"{program} {group} {sub}"
        for group, (_, subs) in GROUPS.items()
        for sub in subs
        if subs[sub][0] == module
    ]
    found += [f"{program} {top}" for top, (other, _) in TOP.items() if other == module]
    return found if len(found) > 1 else []


def _columns(rows: Iterable[tuple[str, str]]) -> str:
    rows = list(rows)
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"  {name:<{width}}  {text}" for name, text in rows)


def flag_table(flags: Sequence[Flag]) -> str:
    """The flags with their help, wrapped to the terminal."""
    left: list[str] = []
    for flag in flags:
        kind = {"bool": "", "strings": " strings"}.get(flag.kind, f" {flag.kind}")
        short = f"-{flag.short}, " if flag.short else "    "
        left.append(f"  {short}--{flag.name}{kind}")
    width = max(map(len, left)) + 3
    lines: list[str] = []
    for text, flag in zip(left, flags, strict=True):
        summary = flag.summary
        if flag.default not in (None, "", False, 0, []):
            shown = f'"{flag.default}"' if isinstance(flag.default, str) else str(flag.default)
            summary += f" (default {shown.lower() if flag.kind == 'bool' else shown})"
        for index, part in enumerate(_wrap(summary, max(24, terminal_width() - width))):
            lines.append(f"{text if index == 0 else '':<{width}}{part}")
    return "\n".join(lines)


def _wrap(text: str, width: int) -> list[str]:
    lines: list[str] = []
    for paragraph in text.split("\n"):
        line = ""
        for word in paragraph.split(" "):
            if line and len(line) + 1 + len(word) > width:
                lines.append(line)
                line = word
            else:
                line = f"{line} {word}" if line else word
        lines.append(line)
    return lines
