"""Types of what an engine answers, for type checkers only.

Import this module under `TYPE_CHECKING`: it costs milliseconds of start-up and has no code. JSON of
an engine is open-ended (other engines and newer versions add fields), so objects stay mappings.
"""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias

__all__ = ["Buffer", "ByteSource", "JsonObject", "JsonValue", "QueryValue"]

JsonValue: TypeAlias = Any
JsonObject: TypeAlias = dict[str, Any]
QueryValue: TypeAlias = str | int | bool | list[str] | None
Buffer: TypeAlias = bytes | bytearray | memoryview


class ByteSource(Protocol):
    """Anything that yields bytes until it is empty."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; empty at the end."""
