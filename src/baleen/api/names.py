"""The grammar of names that users give to containers and volumes.

ASCII only, whatever Python thinks a letter is; checked before a path or a rule is built.

See: moby `daemon/names/names.go`.
"""

from __future__ import annotations

import re

from baleen.errors import InvalidArgument

__all__ = ["MAX_NAME", "NAME_CHARACTERS", "check_container_name", "is_name"]

NAME_CHARACTERS = "[a-zA-Z0-9][a-zA-Z0-9_.-]"
MAX_NAME = 4096
"""No kernel object is named by it; the bound only keeps lists and logs readable."""

_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")


def is_name(text: str) -> bool:
    """Whether `text` may be the name of a container, a volume or a network."""
    return len(text) <= MAX_NAME and _NAME.fullmatch(text) is not None


def check_container_name(text: str) -> str:
    """Return the name without its leading slash; raises InvalidArgument with Docker's text."""
    name = text.removeprefix("/")
    if not is_name(name):
        raise InvalidArgument(
            f"Invalid container name ({name[:128]}), only {NAME_CHARACTERS} are allowed"
        )
    return name
