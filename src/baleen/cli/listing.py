"""Flags and output that all `ls` commands share."""

from __future__ import annotations

from baleen.cli.flags import Flag
from baleen.cli.parsing.filters import parse_filter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from baleen.cli.formatting.rows import Row
    from baleen.cli.session import Session

__all__ = [
    "FILTER",
    "FORCE",
    "FORMAT",
    "NO_TRUNC",
    "PRUNE_FILTER",
    "label_text",
    "natural_key",
    "print_rows",
]

FILTER = Flag(
    "filter", "f", "filter", "Filter output based on conditions provided", parse=parse_filter
)
PRUNE_FILTER = Flag(
    "filter", "", "filter", 'Provide filter values (e.g. "until=<timestamp>")', parse=parse_filter
)
FORCE = Flag("force", "f", "bool", "Do not prompt for confirmation")
FORMAT = Flag(
    "format",
    "",
    "string",
    "Format output using a custom template: 'table', 'table TEMPLATE', 'json' or 'TEMPLATE' in "
    "Go's template language",
)
NO_TRUNC = Flag("no-trunc", "", "bool", "Don't truncate output")


def label_text(labels: Mapping[str, str] | None) -> str:
    """Labels as one text: `a=1,b=2`."""
    return ",".join(f"{k}={v}" for k, v in sorted((labels or {}).items()))


def natural_key(text: str) -> list[tuple[bool, int, str]]:
    """A key that sorts `u9` before `u10`, as Docker's lists of networks and volumes are."""
    key: list[tuple[bool, int, str]] = []
    digits = word = ""
    for letter in text:
        if "0" <= letter <= "9":
            if word:
                key.append((True, 0, word))
                word = ""
            digits += letter
            continue
        if digits:
            key.append((False, int(digits[:4000]), digits))
            digits = ""
        word += letter
    if digits:
        key.append((False, int(digits[:4000]), digits))
    elif word:
        key.append((True, 0, word))
    return key


def print_rows(
    session: Session,
    rows: Iterable[Row],
    *,
    form: str,
    default: str,
    headers: Mapping[str, str],
    quiet: str = "",
) -> int:
    """Print rows in the user's format; `quiet` names the only field of a quiet listing."""
    from baleen.cli.formatting.table import render_rows

    if quiet and form in {"", "table"}:
        form = f"{{{{.{quiet}}}}}"
    for line in render_rows(
        rows, form=form, default=default, headers=headers, safe=session.out_is_terminal
    ):
        session.out(line)
    return 0
