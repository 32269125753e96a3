"""Compiled seccomp programs, kept as files under the run folder for the supervisors.

A program depends on the profile, the capabilities that the container keeps, the architecture and
the kernel; the file's name is the digest of these, so that equal containers share one program and
a changed profile gets a new one.

See: seccomp(2); `baleen.runtime.seccomp` for the compiler.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from typing import TYPE_CHECKING, Any

from baleen.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

__all__ = ["SeccompPrograms"]

_MAX_PROFILE_BYTES = 1 << 20


class SeccompPrograms:
    """Compiles on first use and remembers.

    Args:
        directory: `<exec root>/seccomp`, made when missing.
        default_profile: a path, "unconfined", or None for the built-in profile.
    """

    def __init__(self, directory: Path, default_profile: str | None = None) -> None:
        self._directory = directory
        self._default = default_profile
        self._known: dict[tuple[str, frozenset[str]], str] = {}
        release = re.match(r"(\d+)\.(\d+)", os.uname().release)
        self._kernel = (int(release[1]), int(release[2])) if release else (0, 0)

    def path(self, profile: str | None, capabilities: Collection[str]) -> str | None:
        """Return the program's file for a container, or None when it runs unconfined.

        Args:
            profile: "unconfined", "builtin", the profile's JSON text (as clients send a file),
                or None for the daemon's default.
            capabilities: names as in OCI (`CAP_CHOWN`) that the container is bounded by.

        Raises:
            InvalidArgument: the profile is malformed.
        """
        profile = profile or self._default_text()
        if profile == "unconfined":
            return None
        key = (profile, frozenset(capabilities))
        known = self._known.get(key)
        if known is None or not os.path.exists(known):  # noqa: PTH110  # hot path, no object
            known = self._known[key] = self._compile(profile, key[1])
        return known

    def source(
        self, profile: str | None, capabilities: Collection[str]
    ) -> tuple[str, dict[str, Any] | None, str]:
        """Return what `path` would compile of the same arguments: kind, document, file name.

        The kind is "builtin", "custom" or "unconfined"; that has no document and no file.

        Raises:
            InvalidArgument: the profile is malformed.
        """
        profile = profile or self._default_text()
        if profile == "unconfined":
            return "unconfined", None, ""
        kind, document = _document(profile)
        return kind, document, f"{self._digest(document, frozenset(capabilities))}.bpf"

    def document(
        self, profile: str | None, capabilities: Collection[str]
    ) -> dict[str, object] | None:
        """Return what `path` would compile as OCI `linux.seccomp`, or None for "unconfined".

        Raises:
            InvalidArgument: the profile is malformed.
        """
        from baleen.runtime.seccomp import resolved_profile

        _, document, _ = self.source(profile, capabilities)
        if document is None:
            return None
        return resolved_profile(
            document,
            capabilities=capabilities,
            arch=os.uname().machine,
            kernel=self._kernel,
        )

    @property
    def kernel(self) -> tuple[int, int]:
        """The version that programs are compiled for: that of the running kernel."""
        return self._kernel

    def _default_text(self) -> str:
        if self._default in (None, "", "builtin", "default"):
            return "builtin"
        if self._default == "unconfined":
            return "unconfined"
        with open(self._default, encoding="utf-8") as file:  # noqa: PTH123
            return file.read(_MAX_PROFILE_BYTES)

    def _compile(self, profile: str, capabilities: frozenset[str]) -> str:
        # Imported on first use only: the syscall tables are large.
        from baleen.runtime.seccomp import compile_profile

        _, document = _document(profile)
        path = self._directory / f"{self._digest(document, capabilities)}.bpf"
        if not path.exists():
            program = compile_profile(
                document,
                capabilities=capabilities,
                arch=os.uname().machine,
                kernel=self._kernel,
            )
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            temporary = path.with_suffix(f".{os.getpid()}.tmp")
            temporary.write_bytes(program)
            temporary.rename(path)
        return str(path)

    def _digest(self, document: dict[str, Any], capabilities: frozenset[str]) -> str:
        key = [document, sorted(capabilities), os.uname().machine, self._kernel]
        return hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()


def _document(profile: str) -> tuple[str, dict[str, Any]]:
    """Return "builtin" or "custom", and the profile's document."""
    if profile != "builtin":
        return "custom", _parse(profile)
    from baleen.runtime.seccomp import default_profile

    return "builtin", default_profile()


def _parse(text: str) -> dict[str, Any]:
    try:
        document = json.loads(text[:_MAX_PROFILE_BYTES])
    except (ValueError, RecursionError) as err:
        raise InvalidArgument(f"Decoding seccomp profile failed: {err}") from err
    if not isinstance(document, dict):
        raise InvalidArgument("Decoding seccomp profile failed: it is not a JSON object")
    return document
