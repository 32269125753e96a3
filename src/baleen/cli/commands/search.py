"""`baleen search`: images of Docker Hub, or of a registry that can be searched."""

from __future__ import annotations

from baleen.cli.command import Command
from baleen.cli.flags import Flag
from baleen.cli.formatting.rows import Row
from baleen.cli.listing import FILTER, NO_TRUNC, print_rows
from baleen.cli.parsing.filters import encode_filters
from baleen.client.credentials import CredentialStore, registry_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from baleen.cli.flags import Flags
    from baleen.cli.session import Session
    from baleen.client.models import JsonObject

__all__ = ["COMMAND", "search_rows"]

_HEADERS = {
    "Name": "NAME",
    "Description": "DESCRIPTION",
    "StarCount": "STARS",
    "IsOfficial": "OFFICIAL",
    "IsAutomated": "AUTOMATED",
}
_DESCRIPTION = 45


def search_rows(results: Iterable[JsonObject], *, trunc: bool) -> Iterator[Row]:
    """One row for each result; line breaks in descriptions become spaces."""
    for result in results:
        text = str(result.get("description") or "").replace("\n", " ").replace("\r", " ")
        if trunc and len(text) > _DESCRIPTION:
            text = text[: _DESCRIPTION - 1] + "…"
        yield Row(
            {
                "Name": str(result.get("name") or ""),
                "Description": text,
                "StarCount": str(int(result.get("star_count") or 0)),
                "IsOfficial": "[OK]" if result.get("is_official") else "",
                "IsAutomated": "[OK]" if result.get("is_automated") else "",
            },
            kind="*search.searchContext",
        )


def _run(session: Session, flags: Flags, arguments: list[str]) -> int:
    term = arguments[0]
    auth = CredentialStore(session.config_directory).get(registry_of(term))
    results = (
        session.client.request(
            "GET",
            "/images/search",
            {
                "term": term,
                "limit": flags.value("limit") or None,
                "filters": encode_filters(list(flags.value("filter"))),
            },
            headers={"X-Registry-Auth": auth.header()},
        ).json()
        or []
    )
    return print_rows(
        session,
        search_rows(results, trunc=not flags.on("no-trunc")),
        form=flags.text("format"),
        default="{{.Name}}\t{{.Description}}\t{{.StarCount}}\t{{.IsOfficial}}",
        headers=_HEADERS,
    )


COMMAND = Command(
    _run,
    "[OPTIONS] TERM",
    flags=(
        FILTER,
        Flag("format", "", "string", "Pretty-print search using a Go template"),
        Flag("limit", "", "int", "Max number of search results"),
        NO_TRUNC,
    ),
    minimum=1,
    maximum=1,
)
