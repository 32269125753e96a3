"""The section `auth` of the configuration, and the gate and issuer that it asks for.

auth:
  htpasswd: {realm: ..., path: ...}                a password with each request; or
  token: {realm: ..., service: ..., issuer: ..., rootcertbundle: ..., jwks: ...}
                                                   tokens of an issuer elsewhere; or
  issuer: {realm: ..., service: ..., htpasswd: ..., policy: ..., key: ..., ...}
                                                   tokens of our own issuer, in this process
  policy: ...                                      rights, with htpasswd
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from baleen.errors import InvalidArgument
from baleen.registry.access import Open
from baleen.registry.auth.admission import Admission, required, rights_of
from baleen.registry.auth.gates import BasicGate
from baleen.registry.auth.htpasswd import HtpasswdAccounts

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from baleen.registry.configuration import Tree

__all__ = ["HtpasswdSection", "make_admission"]


class HtpasswdSection(msgspec.Struct, frozen=True, kw_only=True):
    """Section `auth.htpasswd`, as distribution has it."""

    realm: str = "registry"
    path: str = ""


def make_admission(tree: Tree, root: Path, complain: Callable[[str], None]) -> Admission:
    """Return the gate and issuer of the section `auth`.

    Args:
        tree: the configuration.
        root: directory for what the issuer keeps, unless the configuration says where.
        complain: is told why a changed file is not taken.

    Raises:
        InvalidArgument: names the key that is wrong.
        OSError: a file cannot be read.
    """
    chosen = [name for name in ("htpasswd", "token", "issuer") if tree.has(f"auth.{name}")]
    if len(chosen) > 1:
        raise InvalidArgument(f"auth: choose one of {' and '.join(chosen)}")
    if not chosen:
        if tree.has("auth"):
            # A misspelt key must not leave a registry open.
            raise InvalidArgument("auth: htpasswd, token or issuer is missing")
        return Admission(Open(), is_open=True)
    if chosen != ["htpasswd"]:
        # Loads what keys need, which passwords do not.
        from baleen.registry.auth import token_section as tokens

        if chosen == ["token"]:
            gate = tokens.token_gate(tree.section("auth.token", tokens.TokenSection), complain)
            return Admission(gate)
        return tokens.make_issuer(tree.section("auth.issuer", tokens.IssuerSection), root, complain)
    section = tree.section("auth.htpasswd", HtpasswdSection)
    accounts = HtpasswdAccounts(required("auth.htpasswd.path", section.path), complain=complain)
    policy = tree.section("auth", _PolicySection).policy
    return Admission(
        BasicGate(accounts, rights_of(policy, complain), section.realm), close=accounts.close
    )


class _PolicySection(msgspec.Struct, frozen=True):
    policy: str = ""
