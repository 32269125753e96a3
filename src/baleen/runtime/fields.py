"""Typed access to a decoded JSON object, with errors that name the field.

An absent field and a null are the same, as for the runtime-spec's Go types.
"""

from __future__ import annotations

from baleen.runtime.failure import LaunchError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Final

__all__ = ["Fields"]

_MAX_TEXT: Final = 1 << 20
_MAX_ITEMS: Final = 1 << 16


class Fields:
    """A JSON object; `where` is the prefix for messages, empty or ending in a dot."""

    __slots__ = ("values", "where")

    def __init__(self, value: object, where: str) -> None:
        if value is None:
            value = {}
        if not isinstance(value, dict):
            raise LaunchError("spec", 0, f"{where.rstrip('.') or 'document'}: not an object", 128)
        self.values: Mapping[str, object] = value
        self.where = where

    def _wrong(self, name: str, wanted: str) -> LaunchError:
        return LaunchError("spec", 0, f"{self.where}{name}: {wanted}", 128)

    def raw(self, name: str) -> object:
        """The value as decoded, None if absent."""
        return self.values.get(name)

    def has(self, name: str) -> bool:
        """Whether the field is there and not null."""
        return self.values.get(name) is not None

    def text(self, name: str, default: str | None = None) -> str:
        """A string without NUL; the default if absent, which is an error without one."""
        value = self.values.get(name)
        if value is None and default is not None:
            return default
        return self._text(name, value)

    def _text(self, name: str, value: object) -> str:
        if not isinstance(value, str) or "\0" in value or len(value) > _MAX_TEXT:
            raise self._wrong(name, "a string without NUL is needed")
        return value

    def flag(self, name: str) -> bool:
        """A boolean, false if absent."""
        value = self.values.get(name)
        if value is None:
            return False
        if not isinstance(value, bool):
            raise self._wrong(name, "true or false is needed")
        return value

    def integer(self, name: str, default: int, *, low: int = 0, high: int) -> int:
        """A whole number from `low` to `high`."""
        value = self.values.get(name)
        return default if value is None else self._integer(name, value, low, high)

    def _integer(self, name: str, value: object, low: int, high: int) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise self._wrong(name, f"a whole number from {low} to {high} is needed")
        return value

    def _list(self, name: str) -> list[object]:
        value = self.values.get(name)
        if value is None:
            return []
        if not isinstance(value, list) or len(value) > _MAX_ITEMS:
            raise self._wrong(name, "a list is needed")
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of strings, empty if absent."""
        return tuple([self._text(name, item) for item in self._list(name)])

    def integers(self, name: str, *, high: int) -> tuple[int, ...]:
        """A list of numbers from 0 to `high`, empty if absent."""
        return tuple([self._integer(name, item, 0, high) for item in self._list(name)])

    def object(self, name: str) -> Fields:
        """An object, empty if absent."""
        return Fields(self.values.get(name), f"{self.where}{name}.")

    def objects(self, name: str) -> list[Fields]:
        """A list of objects, empty if absent."""
        return [
            Fields(item, f"{self.where}{name}[{index}].")
            for index, item in enumerate(self._list(name))
        ]

    def text_map(self, name: str) -> dict[str, str]:
        """An object of strings, empty if absent."""
        values = self.object(name).values
        return {
            self._text(name, key): self._text(f"{name}.{key}", item) for key, item in values.items()
        }
