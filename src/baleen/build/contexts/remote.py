"""Texts that name something remote: git repositories and files on the web.

    https://host/path.git#ref:subdirectory       http(s) only with the suffix .git
    git://host/path    ssh://[user@]host/path    git@host:path    github.com/user/repository

Nothing of them can become an option of git, or a transport that runs programs or reads this host's
files (B07): other schemes are no git URLs, and a reference is checked by its characters.

See: Docker, build context URL fragments; BuildKit, util/gitutil; moby CVE-2019-13139.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlsplit

from baleen.errors import InvalidArgument

__all__ = ["GitRemote", "checked_remote", "is_git_url", "is_remote", "parse_git_url", "redacted"]

_WEB = re.compile(r"https?://", re.IGNORECASE)
_OTHER = re.compile(r"(?:git|ssh)://", re.IGNORECASE)
_SCP = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*@[A-Za-z0-9][A-Za-z0-9.-]*:(?!//)[^-]")
_GIT_SUFFIX = re.compile(r"\.git/?(?:\?[^#]*)?(?:#.*)?\Z", re.DOTALL)
_SHORTHAND = "github.com/"
_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9A-Fa-f:.]+\]")
_BAD_CHARACTER = re.compile(r"[\x00-\x20\x7f]")
# git-check-ref-format(1), and what means something in a refspec.
_BAD_REF = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|^[-+/]|/\Z|\.lock\Z|//")
_LENGTH = 2048


@dataclass(frozen=True, slots=True)
class GitRemote:
    """Where a repository is and what of it is meant.

    Attributes:
        url: without fragment; git understands it.
        ref: branch, tag or commit; "": the remote's HEAD.
        subdirectory: clean and relative, or "".
        checksum: a commit that it must be (`?checksum=`), or "".
    """

    url: str
    ref: str = ""
    subdirectory: str = ""
    checksum: str = ""


def is_git_url(text: str) -> bool:
    """Whether `text` names a git repository; it may still be a bad name for one."""
    if _WEB.match(text):
        return _GIT_SUFFIX.search(text) is not None
    return (
        _OTHER.match(text) is not None
        or _SCP.match(text) is not None
        or text.startswith(_SHORTHAND)
    )


def is_remote(text: str) -> bool:
    """Whether `text` names something remote: a git repository or a file on the web."""
    return _WEB.match(text) is not None or is_git_url(text)


def parse_git_url(text: str) -> GitRemote:
    """Return what a git URL names.

    Raises:
        InvalidArgument: no git URL, or one with something that git must not see.
    """
    if len(text) > _LENGTH or _BAD_CHARACTER.search(text) or not is_git_url(text):
        raise InvalidArgument(f"invalid git URL {redacted(text)!r}")
    url, _, fragment = text.partition("#")
    ref, _, subdirectory = unquote(fragment).partition(":")
    checksum = ""
    if not _SCP.match(text):
        if url.startswith(_SHORTHAND):
            url = f"https://{url}"
        url, _, query = url.partition("?")
        ref, subdirectory, checksum = _queried(query, ref, subdirectory)
    return checked_remote(url, ref, subdirectory, checksum)


def checked_remote(url: str, ref: str, subdirectory: str, checksum: str) -> GitRemote:
    """Return a remote whose parts git can be given, whoever took them apart.

    Raises:
        InvalidArgument: one of them is not fit.
    """
    if len(url) > _LENGTH or _BAD_CHARACTER.search(url):
        raise InvalidArgument(f"invalid git URL {redacted(url)!r}")
    if _SCP.match(url):
        _check_path(url, url.partition(":")[2])
    elif _WEB.match(url) or _OTHER.match(url):
        _check_url(url)
    else:
        raise InvalidArgument(f"invalid git URL {redacted(url)!r}")
    if ref and _BAD_REF.search(ref):
        raise InvalidArgument(f"invalid git reference {ref[:200]!r} in {redacted(url)!r}")
    if not re.fullmatch(r"[0-9a-f]{0,64}", checksum):
        raise InvalidArgument(f"invalid commit {checksum[:64]!r} in {redacted(url)!r}")
    return GitRemote(url, ref, _subdirectory(subdirectory, url), checksum)


def _queried(query: str, ref: str, subdirectory: str) -> tuple[str, str, str]:
    """Return reference, subdirectory and commit with those of the query, which wins nothing.

    See: Docker, "URL queries" of build contexts.
    """
    found: dict[str, str] = {}
    for key, value in parse_qsl(query, keep_blank_values=True):
        name = {"branch": "ref", "tag": "ref", "commit": "checksum"}.get(key, key)
        if name not in ("ref", "subdir", "checksum", "keep-git-dir", "submodules"):
            raise InvalidArgument(f"unexpected query {key[:64]!r} in a git URL")
        if found.setdefault(name, value) != value:
            raise InvalidArgument(f"conflicting queries {key[:64]!r} in a git URL")
    if ref and found.get("ref", ref) != ref:
        raise InvalidArgument("a git URL has a reference in its query and another one behind #")
    return (
        ref or found.get("ref", "") or found.get("checksum", ""),
        subdirectory or found.get("subdir", ""),
        found.get("checksum", ""),
    )


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as err:
        raise InvalidArgument(f"invalid git URL {redacted(url)!r}: {err}") from err
    if not host or (":" not in host and not _HOST.fullmatch(host)):
        raise InvalidArgument(f"invalid git URL {redacted(url)!r}: bad host")
    if (parts.username or "").startswith("-"):
        raise InvalidArgument(f"invalid git URL {redacted(url)!r}: bad user")
    _check_path(url, parts.path.lstrip("/"))


def _check_path(url: str, path: str) -> None:
    # ssh gives it to a shell of the other side, git-upload-pack as an argument.
    if not path or path.startswith("-"):
        raise InvalidArgument(f"invalid git URL {redacted(url)!r}: bad path")


def _subdirectory(text: str, url: str) -> str:
    parts = [part for part in text.split("/") if part not in ("", ".")]
    if ".." in parts or ".git" in (part.lower() for part in parts):
        raise InvalidArgument(
            f"invalid subdirectory {text[:200]!r} in {redacted(url)!r}: it leads out of the "
            "repository"
        )
    return "/".join(parts)


def redacted(url: str) -> str:
    """Return a URL for a message: cut when long, without a password."""
    return re.sub(r"(://[^/@:\s]*):[^/@\s]*@", r"\1:xxxxx@", url[:300])
