"""One object of a list under the field names that `--format` knows."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from baleen.client.models import JsonValue

__all__ = ["Row"]


class Row:
    """Fields computed when asked for.

    Attributes:
        fields: name to a value, or to a function that gives it.
        methods: name to a function of text arguments (`{{.Label "x"}}`).
        kind: what an error message calls the type.
    """

    __slots__ = ("fields", "kind", "methods")

    def __init__(
        self,
        fields: dict[str, JsonValue | Callable[[], JsonValue]],
        *,
        methods: dict[str, Callable[[str], JsonValue]] | None = None,
        kind: str = "row",
    ) -> None:
        self.fields = fields
        self.methods = methods or {}
        self.kind = kind

    def get(self, name: str) -> JsonValue:
        """The value of a field.

        Raises:
            KeyError: no such field.
        """
        value = self.fields[name]
        return value() if callable(value) else value

    def as_json(self) -> dict[str, JsonValue]:
        """All fields, sorted by name, as `{{json .}}` shows them."""
        return {name: self.get(name) for name in sorted(self.fields)}
