"""Pages of long lists: `n`, `last`, and the `Link` to what follows.

See: OCI distribution-spec spec.md, "Listing Tags".
"""

from __future__ import annotations

from urllib.parse import urlencode

from baleen.registry.errors import ApiError, Code

__all__ = ["DEFAULT_PAGE", "PAGE_LIMIT", "next_link", "page_size"]

# The most of one answer; also what a client gets that does not ask, as many never look at `Link`.
PAGE_LIMIT = 10_000
DEFAULT_PAGE = PAGE_LIMIT


def page_size(query: dict[str, str]) -> int:
    """Return how many entries the client wants, at most PAGE_LIMIT.

    Raises:
        ApiError: PAGINATION_NUMBER_INVALID.
    """
    text = query.get("n")
    if text is None:
        return DEFAULT_PAGE
    if not (text.isascii() and text.isdigit()):
        raise ApiError(Code.PAGINATION_NUMBER_INVALID, detail={"n": text[:32]})
    # Compared by length first: a number of a million digits is never computed.
    digits = text.lstrip("0")
    return PAGE_LIMIT if len(digits) > 9 else min(int(digits or "0"), PAGE_LIMIT)


def next_link(path: str, last: str, n: int = 0, **more: str) -> dict[str, str]:
    """Return the header that points at the entries after `last`; empty parameters are left out."""
    query = {"last": last, "n": str(n or ""), **more}
    text = urlencode({key: value for key, value in query.items() if value})
    return {"link": f'<{path}?{text}>; rel="next"'}
