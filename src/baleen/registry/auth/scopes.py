"""Scopes: which actions on which resource, as clients ask for them and tokens carry them.

    scope = type ":" name ":" action ["," action]*

A name may hold one colon (a port), so the type ends at the first colon and the actions begin after
the last. Only the canonical spelling is a scope: what has capitals, escapes, empty components or
unknown characters is none, and nothing is ever unescaped, folded or trimmed into one. The class of
a type (`repository(plugin)`) is deprecated; such a scope means the plain type, as the specification
says.

See: Docker's registry documentation, "Token Scope Documentation"; RFC 6749 §3.3.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from baleen.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "ALL_ACTIONS",
    "CATALOG",
    "DELETE",
    "PULL",
    "PUSH",
    "REPOSITORY_ACTIONS",
    "Scope",
    "covers",
    "format_scopes",
    "merge",
    "parse_scope",
    "parse_scopes",
    "repository_scope",
]

PULL = "pull"
PUSH = "push"
DELETE = "delete"
ALL_ACTIONS = "*"
REPOSITORY_ACTIONS = frozenset({PULL, PUSH, DELETE})

# Bounds the work for one request; clients ask for two or three.
MOST_SCOPES = 64
_LONGEST = 4096
_TYPE = re.compile(r"([a-z0-9]+)(?:\([a-z0-9]+\))?")
_ACTION = re.compile(r"[a-z]+|\*")
# A port is part of the first component alone; names of a registry's own repositories have none.
_COMPONENT = re.compile(r"[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*")
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?:[0-9]{1,5}")
_NAME_LIMIT = 255


@dataclass(frozen=True, slots=True)
class Scope:
    """Actions on one resource.

    Attributes:
        resource: `repository` or `registry`; others are kept, and nobody has a right on them.
        name: of the repository, or `catalog`.
        actions: without an order; `*` means all that there are.
    """

    resource: str
    name: str
    actions: frozenset[str]

    def __str__(self) -> str:
        return f"{self.resource}:{self.name}:{','.join(sorted(self.actions, key=_rank))}"

    def cut(self, allowed: Iterable[str]) -> Scope:
        """Return what of the asked actions is allowed; `*` asks for all that are."""
        allowed = frozenset(allowed)
        if ALL_ACTIONS in self.actions:
            return Scope(self.resource, self.name, allowed)
        if ALL_ACTIONS in allowed:
            return self
        return Scope(self.resource, self.name, self.actions & allowed)


# Docker's registry asks for exactly this to list repositories.
CATALOG = Scope("registry", "catalog", frozenset({ALL_ACTIONS}))


def repository_scope(name: str, *actions: str) -> Scope:
    """Return the scope of `actions` on repository `name`."""
    return Scope("repository", name, frozenset(actions))


def parse_scope(text: str) -> Scope:
    """Parse one scope.

    Raises:
        InvalidArgument: it is not in the grammar.
    """
    if len(text) > _LONGEST:
        raise InvalidArgument("invalid scope: it is too long")
    head, first, rest = text.partition(":")
    name, last, actions = rest.rpartition(":")
    kind = _TYPE.fullmatch(head)
    words = actions.split(",") if actions else []
    if (
        not first
        or not last
        or kind is None
        or not _is_name(name)
        or not all(_ACTION.fullmatch(word) for word in words)
    ):
        raise InvalidArgument(f"invalid scope {text[:300]!r}")
    return Scope(kind[1], name, frozenset(words))


def parse_scopes(texts: Iterable[str]) -> list[Scope]:
    """Parse what a request asks for: several values, each a list with single spaces between.

    The same resource asked for twice is one scope with the actions of both. What is no scope is
    left out: the token then does not hold it, and the registry says so; a client that asks for
    something we do not know still gets what we do.

    Raises:
        InvalidArgument: there are more than 64 scopes.
    """
    words = [word for text in texts for word in text.split(" ") if word]
    if len(words) > MOST_SCOPES:
        raise InvalidArgument(f"more than {MOST_SCOPES} scopes are asked for")
    found = []
    for word in words:
        try:
            found.append(parse_scope(word))
        except InvalidArgument:
            continue
    return merge(found)


def merge(scopes: Iterable[Scope]) -> list[Scope]:
    """Join scopes of the same resource, in the order in which resources come first."""
    joined: dict[tuple[str, str], frozenset[str]] = {}
    for scope in scopes:
        key = (scope.resource, scope.name)
        joined[key] = joined.get(key, frozenset()) | scope.actions
    return [Scope(resource, name, actions) for (resource, name), actions in joined.items()]


def covers(granted: Iterable[Scope], wanted: Scope) -> bool:
    """Say whether `granted` holds every action of `wanted`, on exactly that resource."""
    held: frozenset[str] = frozenset()
    for scope in granted:
        if scope.resource == wanted.resource and scope.name == wanted.name:
            held |= scope.actions
    return ALL_ACTIONS in held or wanted.actions <= held


def format_scopes(scopes: Iterable[Scope]) -> str:
    """Write scopes as a list with spaces between."""
    return " ".join(map(str, scopes))


def _is_name(name: str) -> bool:
    if not name or len(name) > _NAME_LIMIT:
        return False
    first, *others = name.split("/")
    return (
        _COMPONENT.fullmatch(first) is not None or bool(others and _HOST.fullmatch(first))
    ) and (all(_COMPONENT.fullmatch(component) for component in others))


def _rank(action: str) -> tuple[int, str]:
    """Docker's order: pull before push."""
    order = (PULL, PUSH, DELETE)
    return (order.index(action) if action in order else len(order), action)
