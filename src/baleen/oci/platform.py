"""Platforms: operating system, processor and its variant.

See: OCI image-spec image-index.md, "Platform Variants"; Go's GOARCH names.
"""

from __future__ import annotations

import os
import re
from typing import Self

import msgspec

from baleen.errors import InvalidArgument

__all__ = ["Platform", "host_platform", "parse_platform"]

_ARCHITECTURES = {
    "x86_64": "amd64",
    "x86-64": "amd64",
    "i386": "386",
    "i686": "386",
    "aarch64": "arm64",
    "armhf": "arm",
    "armel": "arm",
    "armv7l": "arm",
    "armv6l": "arm",
    "riscv64": "riscv64",
    "ppc64le": "ppc64le",
    "s390x": "s390x",
    "loongarch64": "loong64",
}
# Names that stand for a whole platform when they are alone: Go's GOOS and GOARCH.
_ALONE = re.compile(
    r"(?P<system>aix|android|darwin|dragonfly|freebsd|hurd|illumos|ios|js|linux|netbsd|openbsd"
    r"|plan9|solaris|wasip1|windows|zos)"
    r"|386|amd64|arm|armbe|arm64|arm64be|loong64|mips|mipsle|mips64|mips64le|ppc|ppc64|ppc64le"
    r"|riscv|riscv64|s390|s390x|sparc|sparc64|wasm"
)
_ARM_VARIANTS = {"armv7l": "v7", "armhf": "v7", "armv6l": "v6", "armel": "v6"}
_WORD = re.compile(r"[A-Za-z0-9_.-]{1,64}")


class Platform(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an image's programs need to run. `str()` gives `linux/arm64/v8`."""

    architecture: str = ""
    os: str = ""
    os_version: str | None = msgspec.field(name="os.version", default=None)
    os_features: list[str] | None = msgspec.field(name="os.features", default=None)
    variant: str | None = None

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)

    def normalised(self) -> Self:
        """Return it with Go's names, and without the variants that are understood."""
        architecture, variant = _normalise(self.architecture, self.variant or "")
        return msgspec.structs.replace(
            self, os=self.os.lower(), architecture=architecture, variant=variant or None
        )

    def runs(self, image: Platform) -> bool:
        """Say whether this host runs programs of `image` without an emulator."""
        host, wanted = self.normalised(), image.normalised()
        if (host.os, host.architecture) != (wanted.os, wanted.architecture):
            # A 64 bit ARM or x86 processor runs the 32 bit programs only by the kernel's grace;
            # Docker does not choose them by itself either.
            return False
        if host.architecture == "arm":
            return (wanted.variant or "v7") <= (host.variant or "v7")
        return wanted.variant is None or wanted.variant == host.variant

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse the API's `platform`: a JSON object, or `os[/arch[/variant]]` as in old versions.

        Raises:
            InvalidArgument: neither.
        """
        if not text.lstrip().startswith("{"):
            parsed = parse_platform(text, default=host_platform())
            return cls(**msgspec.structs.asdict(parsed))
        try:
            return msgspec.json.decode(text.encode(), type=cls).normalised()
        except (msgspec.DecodeError, RecursionError) as err:
            raise InvalidArgument(f"invalid platform: {err}") from err


def _normalise(architecture: str, variant: str) -> tuple[str, str]:
    lower = architecture.lower()
    variant = variant.lower() or _ARM_VARIANTS.get(lower, "")
    name = _ARCHITECTURES.get(lower, lower)
    understood = {"arm64": ("8", "v8"), "amd64": ("v1",), "arm": ()}.get(name, ())
    if variant in understood:
        return name, ""
    if name == "arm" and variant.isdigit():
        variant = f"v{variant}"
    return name, variant


def host_platform() -> Platform:
    """Return the platform of the running kernel."""
    return Platform(os="linux", architecture=os.uname().machine).normalised()


def parse_platform(text: str, *, default: Platform) -> Platform:
    """Parse `os[/arch[/variant]]` or `arch`; what is missing comes from `default`.

    Raises:
        InvalidArgument: not of that form.
    """
    parts = text.split("/")
    if len(parts) > 3 or not all(_WORD.fullmatch(part) for part in parts):
        raise InvalidArgument(
            f'"{text}" is an invalid platform: must be of the form os[/arch[/variant]]'
        )
    if len(parts) == 1:
        known = _ALONE.fullmatch(_normalise(parts[0], "")[0])
        if known is None:
            raise InvalidArgument(
                f'invalid platform "{text}": unknown operating system or architecture'
            )
        if known["system"]:
            return msgspec.structs.replace(default, os=known["system"])
        parts.insert(0, default.os)
    variant = parts[2] if len(parts) == 3 else None
    return Platform(os=parts[0], architecture=parts[1], variant=variant).normalised()
