"""Requests to Baleen's own endpoints, which another engine than ours does not have."""

from __future__ import annotations

from baleen import errors
from baleen.errors import DataLoss, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from baleen.cli.flags import Flags
    from baleen.cli.session import Session
    from baleen.client.client import EngineClient
    from baleen.client.models import JsonObject, JsonValue, QueryValue

__all__ = ["ask", "ask_engine", "print_json", "shown_name", "tell"]


def ask(session: Session, method: str, path: str, **query: str | None) -> JsonObject:
    """Return the document that the session's engine answers with; see `ask_engine`."""
    return ask_engine(session.client, method, path, dict(query))


def ask_engine(
    client: EngineClient,
    method: str,
    path: str,
    query: dict[str, QueryValue] | None = None,
    body: JsonValue = None,
) -> JsonObject:
    """Return the document that an engine answers with.

    Raises:
        NotImplemented: the engine is not ours, or an older one.
        DataLoss: the answer has another form.
    """
    try:
        answer = client.request(method, f"/baleen/v1{path}", query, body=body).json()
    except NotFound as err:
        if err.details.get("message") == "page not found":
            raise errors.NotImplemented(
                "this engine cannot do that: it is not Baleen's, or an older one"
            ) from err
        raise
    if not isinstance(answer, dict):
        raise DataLoss("the engine's answer has a form that this program does not know")
    return answer


def print_json(document: JsonObject) -> None:
    """Print a document, indented."""
    import json

    from baleen.cli.terminal import write_out

    write_out(json.dumps(document, indent=4, ensure_ascii=False) + "\n")


def tell(
    session: Session,
    flags: Flags,
    path: str,
    lines: Callable[[JsonObject], list[str]],
    **query: str | None,
) -> int:
    """Print what the engine answers to a GET: its `lines`, or the document with `--json`."""
    from baleen.cli.terminal import write_out

    found = ask(session, "GET", path, **query)
    if flags.on("json"):
        print_json(found)
    else:
        write_out("\n".join(lines(found)) + "\n")
    return 0


def shown_name(image: JsonObject, separator: str | None = None) -> str:
    """An image's first name, or all of them between `separator`s; without names its short id."""
    names: list[str] = image.get("Names") or [str(image["Id"])[7:19]]
    return names[0] if separator is None else separator.join(names)
