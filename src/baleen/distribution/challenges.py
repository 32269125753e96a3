"""WWW-Authenticate: what a registry wants to be shown.

    challenge  = scheme [ 1*SP ( token68 | param *( OWS "," OWS param ) ) ]
    param      = token BWS "=" BWS ( token | quoted-string )

Several challenges may stand in one header, separated by the same commas as their parameters.

See: RFC 9110, sections 11.2, 11.3 and 11.6.1.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Challenge", "parse_challenges"]

_LIMIT = 16 << 10
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105  # the grammar's word
_SEPARATORS = re.compile(r"[ \t,]*")
# An unquoted value may hold more than a token here: some registries do not quote their URLs.
_PARAMETER = re.compile(rf'({_TOKEN})[ \t]*=[ \t]*(?:([^"\s,=][^"\s,]*)|"((?:[^"\\]|\\.)*)")')
_SCHEME = re.compile(rf"({_TOKEN})(?:[ \t]+|(?=,)|\Z)")
_TOKEN68 = re.compile(r"[A-Za-z0-9._~+/-]+=*(?=[ \t]*(?:,|\Z))")
_ESCAPE = re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True)
class Challenge:
    """One challenge; scheme and names of parameters in lower case."""

    scheme: str
    parameters: dict[str, str] = field(default_factory=dict)

    def get(self, name: str) -> str:
        """Return a parameter, or an empty string."""
        return self.parameters.get(name, "")


def parse_challenges(headers: Iterable[str]) -> list[Challenge]:
    """Return the challenges of all WWW-Authenticate headers; what is malformed ends its header."""
    found: list[Challenge] = []
    for header in headers:
        if len(header) <= _LIMIT:
            found.extend(_parse(header))
    return found


def _parse(header: str) -> list[Challenge]:
    found: list[Challenge] = []
    at = 0
    while True:
        blank = _SEPARATORS.match(header, at)
        at = blank.end() if blank is not None else at
        parameter = _PARAMETER.match(header, at)
        if parameter is not None and found:
            name, token, quoted = parameter.groups()
            value = token if token is not None else _ESCAPE.sub(r"\1", quoted)
            # The first one counts: what is appended later must not change the realm.
            found[-1].parameters.setdefault(name.lower(), value)
            at = parameter.end()
            continue
        scheme = _SCHEME.match(header, at)
        if scheme is None:
            return found
        found.append(Challenge(scheme[1].lower()))
        at = scheme.end()
        token68 = _TOKEN68.match(header, at)
        if token68 is not None:
            at = token68.end()
