"""Image references on the command line: `[HOST[:PORT]/]NAME[:TAG][@DIGEST]`.

Only what a client must know before it asks an engine; the engine holds the whole grammar.
"""

from __future__ import annotations

from baleen.errors import InvalidArgument

__all__ = ["canonical_reference", "familiar_reference", "split_reference"]

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
    host, path = _split_host(name)
    checked = path if host else name
    if checked and checked != checked.lower() and _NAME.issuperset(checked.lower()):
        shown = checked if host or "/" in checked else f"library/{checked}"
        raise InvalidArgument(
            f"invalid reference format: repository name ({shown}) must be lowercase"
        )
    if not checked or not _NAME.issuperset(checked) or checked[0] in "._-/" or "//" in checked:
        raise InvalidArgument("invalid reference format")
    if at and ":" not in digest:
        raise InvalidArgument("invalid reference format")
    return name, tag, digest


def _split_host(name: str) -> tuple[str, str]:
    """The registry of a name (empty: Docker Hub) and the rest."""
    host, slash, path = name.partition("/")
    is_host = slash and ("." in host or ":" in host or host == "localhost")
    return (host, path) if is_host else ("", name)


def canonical_reference(text: str, *, tagged: bool = True) -> str:
    """`text` in full, as `docker.io/library/busybox:latest`; a tag is added only if `tagged`."""
    name, _, _ = split_reference(text)
    host, path = _split_host(name)
    prefix = ""
    if not host:
        prefix = "docker.io/" if "/" in path else "docker.io/library/"
    return prefix + (familiar_reference(text) if tagged else text)


def familiar_reference(text: str) -> str:
    """`text` with `:latest` where it names neither tag nor digest."""
    _, tag, digest = split_reference(text)
    return text if tag or digest else f"{text}:latest"
