"""Variables: what ARG and ENV define, where, and who sees them.

    global    predefined platform arguments and the ARGs before the first FROM; seen by FROM alone
    stage     ENV of the image so far; ARGs declared in the stage, or in the one it is based on

ENV wins over an ARG of the same name, wherever they stand (Dockerfile reference, "Using ARG
variables"; BuildKit lets a later ARG win).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from baleen.build.dockerfile.expansion import expand

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from baleen.build.dockerfile.instructions import Arg
    from baleen.oci.platform import Platform

__all__ = ["PROXIES", "Scope", "global_arguments", "platform_arguments"]

PROXIES = ("http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy")
"""Predefined arguments in lower case: passed to RUN without ARG, and no part of a step's key."""


def platform_arguments(build: Platform, target: Platform, stage: str) -> dict[str, str]:
    """Return the automatic arguments of the global scope."""
    return {
        "BUILDPLATFORM": str(build),
        "BUILDOS": build.os,
        "BUILDARCH": build.architecture,
        "BUILDVARIANT": build.variant or "",
        "TARGETPLATFORM": str(target),
        "TARGETOS": target.os,
        "TARGETARCH": target.architecture,
        "TARGETVARIANT": target.variant or "",
        "TARGETSTAGE": stage or "default",
    }


def global_arguments(
    automatic: Mapping[str, str], given: Mapping[str, str | None], args: Sequence[Arg], escape: str
) -> dict[str, str]:
    """Return what FROM sees: `automatic`, then the ARGs before the first FROM.

    Raises:
        ExpansionError: in a default.
    """
    values = dict(automatic)
    for name in automatic:
        value = given.get(name)
        if value is not None:
            values[name] = value
    for arg in args:
        for pair in arg.pairs:
            value = given.get(pair.key)
            if value is None and pair.value is not None:
                value = expand(pair.value, values, escape)
            if value is not None:
                values[pair.key] = value
    return values


@dataclass(slots=True)
class Scope:
    """The variables of one stage, as far as it has been read.

    Attributes:
        environment: of the image, in order.
        arguments: declared ones that have a value.
        declared: names of ARGs in order of their first declaration, for the history.
    """

    environment: dict[str, str] = field(default_factory=dict)
    arguments: dict[str, str] = field(default_factory=dict)
    declared: list[str] = field(default_factory=list)

    def child(self) -> Scope:
        """Return a copy, for a stage that is based on this one."""
        return replace(
            self,
            environment=dict(self.environment),
            arguments=dict(self.arguments),
            declared=list(self.declared),
        )

    @property
    def variables(self) -> dict[str, str]:
        """What an instruction expands."""
        return {**self.arguments, **self.environment}

    def declare(self, key: str, value: str | None) -> None:
        """Take in an ARG."""
        if key not in self.declared:
            self.declared.append(key)
        if value is not None:
            self.arguments[key] = value

    def process_environment(self, proxies: Mapping[str, str]) -> tuple[tuple[str, ...], list[str]]:
        """Return RUN's environment, and the names in it that are no part of the step's key.

        `proxies` are the predefined arguments that were given; one that an ARG declares counts.
        """
        values = dict(self.environment)
        for key, value in self.arguments.items():
            values.setdefault(key, value)
        known = {key.lower() for key in values}
        hidden = []
        for key, value in proxies.items():
            if key.lower() not in known:
                for name in (key.upper(), key.lower()):
                    values[name] = value
                    hidden.append(name)
        return tuple(f"{key}={value}" for key, value in values.items()), hidden

    def history_prefix(self) -> str:
        """Return `|2 A=1 B=2 `: the declared arguments as they stand before RUN's words."""
        if not self.declared:
            return ""
        variables = self.variables
        pairs = [f"{key}={variables.get(key, '')}" for key in self.declared]
        return " ".join([f"|{len(pairs)}", *pairs]) + " "
