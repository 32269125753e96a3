"""All tags of a repository, page by page.

See: OCI distribution-spec spec.md, "Content Discovery".
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from baleen.distribution.exchange import Target
from baleen.errors import BaleenError, InvalidArgument, PermissionDenied

if TYPE_CHECKING:
    from baleen.distribution.cancellation import Cancellation
    from baleen.distribution.connection import Reply
    from baleen.distribution.hosts import Endpoint
    from baleen.distribution.repository import Repository
    from baleen.oci.reference import Reference

__all__ = ["list_tags"]

_PAGE_LIMIT = 4 << 20
_PAGES = 1000
_NEXT = re.compile(r'<([^<>]{1,4096})>\s*;[^,]*rel="?next"?')


class _Tags(msgspec.Struct):
    tags: list[str] | None = None


def list_tags(repository: Repository, cancel: Cancellation) -> list[str]:
    """Return the tags in the registry's order; what is no valid tag is left out.

    Raises:
        NotFound: no such repository.
        BaleenError: see `Repository`.
    """
    found: dict[str, None] = {}
    page: str | Target | None = repository.url_path("tags/list")
    for _ in range(_PAGES):
        step = partial(_page, repository, page, cancel)
        names, page = repository.settle(step, cancel)
        before = len(found)
        found.update(dict.fromkeys(name for name in names if _is_tag(repository.reference, name)))
        if page is None or len(found) == before:
            break
    return list(found)


def _page(
    repository: Repository, where: str | Target | None, cancel: Cancellation, endpoint: Endpoint
) -> tuple[list[str], Target | None]:
    assert where is not None
    reply = repository.send("GET", where, cancel, endpoint=endpoint)
    if reply.status != 200:
        raise repository.not_ok(reply)
    body = repository.body(reply, "GET", _PAGE_LIMIT)
    following = _following(endpoint, where, reply)
    try:
        tags = msgspec.json.decode(body, type=_Tags).tags or []
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as err:
        raise InvalidArgument(f"{endpoint.authority}: malformed list of tags: {err}") from err
    return tags, following


def _following(endpoint: Endpoint, where: str | Target, reply: Reply) -> Target | None:
    link = _NEXT.search(reply.header("Link"))
    if link is None:
        return None
    here = where if isinstance(where, Target) else Target(endpoint, endpoint.prefix + where)
    onward = here.follow(link[1])
    if onward.endpoint.origin != endpoint.origin:
        raise PermissionDenied(f"{endpoint.authority}: the next page of tags is at another host")
    return onward


def _is_tag(reference: Reference, text: str) -> bool:
    try:
        reference.with_tag(text)
    except BaleenError:
        return False
    return True
