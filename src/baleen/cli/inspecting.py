"""Printing objects as the engine describes them: as JSON, or through a template."""

from __future__ import annotations

from baleen.errors import BaleenError, InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from baleen.cli.session import Session
    from baleen.client.models import JsonValue, QueryValue

__all__ = ["FINDERS", "finder", "inspect_all"]

# In the order in which Docker looks for an object of no given type.
FINDERS: dict[str, tuple[str, str, bool]] = {
    "container": ("/containers/", "/json", False),
    "image": ("/images/", "/json", True),
    "network": ("/networks/", "", False),
    "volume": ("/volumes/", "", False),
}


def finder(
    session: Session, kind: str, *, size: bool = False, **query: QueryValue
) -> Callable[[str], JsonValue]:
    """A function that fetches one object of a kind; what is None or False is not asked for."""
    from baleen.client.client import segment

    prefix, suffix, slashes = FINDERS[kind]
    asked = {name: value for name, value in query.items() if value}
    if kind == "container" and size:
        asked["size"] = True

    def find(reference: str) -> JsonValue:
        path = f"{prefix}{segment(reference, slashes=slashes)}{suffix}"
        return session.client.get(path, **asked)

    return find


def inspect_all(
    session: Session, references: list[str], find: Callable[[str], JsonValue], form: str
) -> int:
    """Print every object that is found, complain about the others; the exit code."""
    from baleen.cli.formatting.template import Template, compile_template

    template: Template | None = None
    if form and form != "json":
        try:
            template = compile_template(form.replace("\\t", "\t").replace("\\n", "\n"))
        except InvalidArgument as err:
            raise InvalidArgument(f"template parsing error: {err.message}") from err
    found: list[JsonValue] = []
    failures: list[str] = []
    for reference in references:
        try:
            value = find(reference)
        except BaleenError as err:
            failures.append(str(err))
            continue
        if template is not None:
            try:
                session.out(template.render(value))
            except InvalidArgument as err:
                failures.append(f"template parsing error: {err.message}")
        else:
            found.append(value)
    if form == "json":
        session.out(_compact(found))
    elif not form:
        session.out(_indented(found))
    for text in failures:
        session.warn(text)
    return 1 if failures else 0


def _compact(value: JsonValue) -> str:
    import json

    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _indented(value: JsonValue) -> str:
    import json

    return json.dumps(value, ensure_ascii=False, indent=4)
