"""Image references on the command line: `[HOST[:PORT]/]NAME[:TAG][@DIGEST]`.

Only what a client must know before it asks an engine; the engine holds the whole grammar.
"""

from __future__ import annotations

from baleen.errors import InvalidArgument

__all__ = ["familiar_reference", "split_reference"]

_NAME = frozenset("abcdefghijklmnopqrstuvwxyz0123456789._-/")
_TAG = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")


def split_reference(text: str) -> tuple[str, str, str]:
    """Name, tag and digest; the latter two may be empty.

    Raises:
        InvalidArgument: with Docker's words.
    """
    rest, at, digest = text.partition("@")
    name, tag = rest, ""
    colon = rest.rfind(":")
    if colon > rest.rfind("/"):
        name, tag = rest[:colon], rest[colon + 1 :]
        if not tag or not _TAG.issuperset(tag) or tag[0] in ".-" or len(tag) > 128:
            raise InvalidArgument("invalid reference format")
    host, slash, path = name.partition("/")
    is_host = bool(slash) and ("." in host or ":" in host or host == "localhost")
    checked = path if is_host else name
    if checked and checked != checked.lower() and _NAME.issuperset(checked.lower()):
        raise InvalidArgument(
            f"invalid reference format: repository name ({checked}) must be lowercase"
        )
    if not checked or not _NAME.issuperset(checked) or checked[0] in "._-/" or "//" in checked:
        raise InvalidArgument("invalid reference format")
    if at and ":" not in digest:
        raise InvalidArgument("invalid reference format")
    return name, tag, digest


def familiar_reference(text: str) -> str:
    """`text` with `:latest` where it names neither tag nor digest."""
    _, tag, digest = split_reference(text)
    return text if tag or digest else f"{text}:latest"
