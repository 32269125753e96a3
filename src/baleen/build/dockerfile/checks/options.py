"""Which rules are looked at: `skip=JSONArgsRecommended,StageNameCasing;error=true`.

It stands in the Dockerfile (`# check=...`); the build argument BUILDKIT_DOCKERFILE_CHECK takes its
place.

See: Dockerfile reference, check.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from baleen.api.booleans import parse_boolean
from baleen.build.dockerfile.checks.rules import EXPERIMENTAL
from baleen.build.dockerfile.errors import quoted
from baleen.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["BUILD_ARG", "CheckOptions", "options_for", "parse_options"]

BUILD_ARG = "BUILDKIT_DOCKERFILE_CHECK"

_ALL = "all"


@dataclass(frozen=True, slots=True)
class CheckOptions:
    """What is said of the rules.

    Attributes:
        skip: rules that are not looked at; "all" among them: none is.
        experimental: experimental rules that are; "all" among them: all are.
        error: a finding fails the build.
    """

    skip: frozenset[str] = frozenset()
    experimental: frozenset[str] = frozenset()
    error: bool = False

    def wants(self, rule: str) -> bool:
        """Tell whether the rule is looked at."""
        if rule in EXPERIMENTAL and not {rule, _ALL} & self.experimental:
            return False
        return not {rule, _ALL} & self.skip


def parse_options(text: str) -> CheckOptions:
    """Return what the text says; raises InvalidArgument."""
    skip: frozenset[str] = frozenset()
    experimental: frozenset[str] = frozenset()
    error = False
    for part in text.strip().split(";", 2) if text.strip() else ():
        name, equals, value = part.partition("=")
        name, value = name.strip(), value.strip()
        if not equals:
            raise InvalidArgument(f"invalid check option {quoted(part)}")
        if name == "error":
            found = parse_boolean(value)
            if found is None:
                raise InvalidArgument(f"failed to parse check option {quoted(part)}")
            error = found
        elif name == "skip":
            skip = frozenset(rule.strip() for rule in value.split(","))
        elif name == "experimental":
            experimental = frozenset(rule.strip() for rule in value.split(","))
        else:
            raise InvalidArgument(f"invalid check option {quoted(name)}")
    return CheckOptions(skip, experimental, error)


def options_for(directive: str, build_args: Mapping[str, str]) -> CheckOptions:
    """Return the options of a build; raises InvalidArgument."""
    return parse_options(build_args.get(BUILD_ARG, directive))
