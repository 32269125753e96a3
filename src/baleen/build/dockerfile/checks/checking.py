"""All rules over one Dockerfile, and how their findings are shown.

See: Build checks; BuildKit, `frontend/subrequests/lint`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from baleen.build.dockerfile.checks.naming import naming_findings
from baleen.build.dockerfile.checks.options import CheckOptions, options_for
from baleen.build.dockerfile.checks.values import Values
from baleen.build.dockerfile.errors import excerpt
from baleen.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from baleen.api.ignore import Ignore
    from baleen.build.dockerfile.checks.rules import Finding
    from baleen.build.dockerfile.instructions import Dockerfile

__all__ = ["check", "raise_if_errors", "render"]

MAX_FINDINGS = 1000


def check(
    dockerfile: Dockerfile,
    *,
    build_args: Mapping[str, str] | None = None,
    ignore: Ignore | None = None,
    environment_of: Callable[[str], Mapping[str, str] | None] = lambda _: None,
    options: CheckOptions | None = None,
) -> tuple[Finding, ...]:
    """Return what breaks the rules that are wanted, in the order of lines; at most 1000.

    Args:
        dockerfile: what is looked at.
        build_args: those of the build; BUILDKIT_DOCKERFILE_CHECK among them says which rules.
        ignore: the context's `.dockerignore`; without it CopyIgnoredFile is not looked at.
        environment_of: gives the variables of a base image; None where they are not known.
        options: instead of what the file and the build arguments say.

    Raises InvalidArgument where the options are malformed.
    """
    build_args = build_args or {}
    options = options or options_for(dockerfile.check, build_args)
    values = Values(dockerfile, build_args, ignore, environment_of)
    found = [
        one
        for findings in (naming_findings(dockerfile), values.findings())
        for one in findings
        if options.wants(one.rule)
    ]
    found = list(dict.fromkeys(found))  # a word may be looked at twice
    found.sort(key=lambda one: one.location.line)
    return tuple(found[:MAX_FINDINGS])


def raise_if_errors(findings: Sequence[Finding], options: CheckOptions) -> None:
    """Raise InvalidArgument if there are findings and they fail the build (`error=true`)."""
    if findings and options.error:
        rules = ", ".join(sorted({one.rule for one in findings}))
        raise InvalidArgument(f"lint violation found for rules: {rules}")


def render(findings: Sequence[Finding], dockerfile: Dockerfile) -> str:
    """Return the findings as `build --check` shows them: what, and the lines; "" for none."""
    parts: list[str] = []
    for one in findings:
        parts.append(f"\nWARNING: {one.rule}\n{one.text}\n")
        parts.append(f"{dockerfile.name}:{one.location.line}\n")
        parts.append(excerpt(dockerfile.source, one.location) + "\n")
    return "".join(parts)
