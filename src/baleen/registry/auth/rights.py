"""Rights from a policy file: rules of who may do what with which repositories.

    groups:
      builders: [ann, ci]
    rules:
      - repositories: ["library/*"]
        anonymous: true
        actions: [pull]
      - repositories: ["{user}/**"]
        authenticated: true
        actions: [pull, push, delete]
      - repositories: ["**"]
        groups: [builders]
        actions: [pull, push]
      - catalog: true
        users: [ann]

Rules only add: what none gives nobody has, and the order says nothing. In a pattern `*` stands for
any text within one component, `**` as a whole component for any number of them, and `{user}` as a
whole component for the name of who asks. `anonymous: true` is everybody, with or without an
account; `authenticated: true` everybody with one. The file is read again when it changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from baleen.errors import InvalidArgument
from baleen.registry.auth.accounts import actions_of
from baleen.registry.auth.scopes import REPOSITORY_ACTIONS
from baleen.registry.auth.watched_file import WatchedFile

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from baleen.registry.auth.accounts import Account

__all__ = ["Policy", "PolicyFile", "Rule", "matches_pattern", "parse_policy"]

_FILE_LIMIT = 4 * 1024 * 1024


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One rule; see the module for what its fields mean."""

    repositories: tuple[str, ...] = ()
    catalog: bool = False
    users: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    anonymous: bool = False
    authenticated: bool = False
    actions: tuple[str, ...] = ()


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A whole policy; is `Rights` itself."""

    rules: tuple[Rule, ...] = ()
    groups: dict[str, tuple[str, ...]] = {}

    async def allowed(self, account: Account | None, resource: str, name: str) -> frozenset[str]:
        """See `Rights.allowed`."""
        possible = actions_of(resource, name)
        if resource == "registry":
            has = any(rule.catalog and self._is_for(rule, account) for rule in self.rules)
            return possible if has else frozenset()
        user = account.name if account is not None else None
        found: frozenset[str] = frozenset()
        for rule in self.rules:
            if self._is_for(rule, account) and any(
                matches_pattern(pattern, name, user) for pattern in rule.repositories
            ):
                found |= frozenset(rule.actions)
        return found & possible

    def _is_for(self, rule: Rule, account: Account | None) -> bool:
        if rule.anonymous:
            return True
        if account is None:
            return False
        return (
            rule.authenticated
            or account.name in rule.users
            or any(account.name in self.groups[group] for group in rule.groups)
        )


def parse_policy(content: bytes) -> Policy:
    """Parse a policy, YAML or JSON.

    Raises:
        InvalidArgument: with the place: an unknown field or action, a group that is not there, a
            rule for nobody or for nothing.
    """
    try:
        policy = msgspec.yaml.decode(content, type=Policy)
    except (msgspec.MsgspecError, RecursionError) as err:
        raise InvalidArgument(f"policy: {err}") from err
    for number, rule in enumerate(policy.rules, 1):
        _check(policy, rule, f"policy: rule {number}")
    return policy


def _check(policy: Policy, rule: Rule, where: str) -> None:
    for group in rule.groups:
        if group not in policy.groups:
            raise InvalidArgument(f"{where}: there is no group {group!r}")
    for action in rule.actions:
        if action not in REPOSITORY_ACTIONS:
            raise InvalidArgument(f"{where}: {action!r} is not pull, push or delete")
    if not (rule.users or rule.groups or rule.anonymous or rule.authenticated):
        raise InvalidArgument(f"{where} is for nobody")
    if bool(rule.repositories) != bool(rule.actions):
        raise InvalidArgument(f"{where}: repositories and actions belong together")
    if not rule.repositories and not rule.catalog:
        raise InvalidArgument(f"{where} allows nothing")
    for pattern in rule.repositories:
        for component in pattern.split("/"):
            is_whole = component in {"**", "{user}"}
            if not component or (not is_whole and ("**" in component or "{" in component)):
                raise InvalidArgument(f"{where}: invalid pattern {pattern!r}")


class PolicyFile:
    """`Rights` from a file, read again when it changes; malformed, it stays as it was.

    Raises:
        InvalidArgument: the file is malformed when this is made.
        OSError: it cannot be read then.
    """

    def __init__(self, path: Path, *, complain: Callable[[str], None] = lambda _: None) -> None:
        self._file = WatchedFile(path, parse_policy, limit_bytes=_FILE_LIMIT, complain=complain)

    async def allowed(self, account: Account | None, resource: str, name: str) -> frozenset[str]:
        """See `Rights.allowed`."""
        return await self._file.current().allowed(account, resource, name)


def matches_pattern(pattern: str, name: str, user: str | None) -> bool:
    """Say whether a repository's name is in a pattern; time is the product of their lengths."""
    parts, components = pattern.split("/"), name.split("/")
    # reach[i]: the pattern so far matches the first i components.
    reach = [True] + [False] * len(components)
    for part in parts:
        if part == "**":
            first = reach.index(True) if True in reach else len(reach)
            reach = [index >= first for index in range(len(reach))]
            continue
        reach = [False] + [
            before and _matches_component(part, component, user)
            for before, component in zip(reach, components, strict=False)
        ]
    return reach[-1]


def _matches_component(part: str, component: str, user: str | None) -> bool:
    if part == "{user}":
        return component == user
    if "*" not in part:
        return component == part
    first, *middle, last = part.split("*")
    if len(component) < len(first) + len(last):
        return False
    if not (component.startswith(first) and component.endswith(last)):
        return False
    position, end = len(first), len(component) - len(last)
    for piece in middle:
        found = component.find(piece, position, end)
        if found < 0:
            return False
        position = found + len(piece)
    return True
