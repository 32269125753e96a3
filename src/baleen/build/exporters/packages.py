"""A list of the packages in a tree, from the databases of dpkg and apk, as an SPDX document.

The databases are the image's, so anything may be in them: they are read up to a bound, and by the
tree's own root (no link leads out of it).

See: SPDX 2.3; deb-control(5); Alpine's apk-package(5); the package URL specification.
"""

from __future__ import annotations

import hashlib
import os
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from baleen.linux.path import RESOLVE_IN_ROOT, openat2

if TYPE_CHECKING:
    from collections.abc import Iterator

    from baleen.build.tree_store import TreeStore
    from baleen.build.trees import Tree

__all__ = ["Package", "spdx_document"]

_LIMIT = 64 << 20
_PACKAGES = 100_000
_FIELD = re.compile(r"([A-Za-z-]+):[ \t]*(.*)")


class Package(NamedTuple):
    """One installed package."""

    kind: str
    name: str
    version: str
    architecture: str
    license: str = ""


def spdx_document(trees: TreeStore, tree: Tree, created: str) -> dict[str, Any]:
    """Return an SPDX 2.3 document of the packages in a tree; `created` is RFC 3339. Blocks."""
    with trees.open_tree(tree) as root:
        packages = sorted(_packages(root.fileno()))
        distribution = _distribution(root.fileno())
    name = hashlib.sha256(repr(tree.diff_ids).encode()).hexdigest()[:32]
    return {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": "sbom",
        "documentNamespace": f"https://baleen.invalid/sbom/{name}",
        "creationInfo": {"created": created[:19] + "Z", "creators": ["Tool: baleen"]},
        "packages": [_view(package, distribution) for package in packages],
        "relationships": [
            {
                "spdxElementId": "SPDXRef-DOCUMENT",
                "relatedSpdxElement": _identifier(package),
                "relationshipType": "DESCRIBES",
            }
            for package in packages
        ],
    }


def _identifier(package: Package) -> str:
    text = f"{package.kind}-{package.name}-{package.architecture}-{package.version}"
    return "SPDXRef-Package-" + re.sub(r"[^A-Za-z0-9.-]", "-", text)


def _view(package: Package, distribution: str) -> dict[str, Any]:
    owner = distribution or {"deb": "debian", "apk": "alpine"}[package.kind]
    url = (
        f"pkg:{package.kind}/{owner}/{quote(package.name)}@{quote(package.version)}"
        f"?arch={quote(package.architecture)}"
    )
    return {
        "SPDXID": _identifier(package),
        "name": package.name,
        "versionInfo": package.version,
        "downloadLocation": "NOASSERTION",
        "licenseDeclared": "NOASSERTION",
        "licenseComments": package.license,
        "externalRefs": [
            {
                "referenceCategory": "PACKAGE-MANAGER",
                "referenceType": "purl",
                "referenceLocator": url,
            }
        ],
    }


def _packages(root: int) -> Iterator[Package]:
    count = 0
    for kind, text in _databases(root):
        for fields in _paragraphs(text, kind):
            package = _deb(fields) if kind == "deb" else _apk(fields)
            if package is None:
                continue
            count += 1
            if count > _PACKAGES:
                return
            yield package


def _databases(root: int) -> Iterator[tuple[str, str]]:
    for kind, path in (("deb", "var/lib/dpkg/status"), ("apk", "lib/apk/db/installed")):
        yield kind, _text(root, path)
    # Images without a package manager (distroless) have a file for each package.
    with suppress(OSError):
        directory = openat2(
            root, "var/lib/dpkg/status.d", os.O_RDONLY | os.O_DIRECTORY, resolve=RESOLVE_IN_ROOT
        )
        try:
            names = sorted(os.listdir(directory))  # noqa: PTH208  # by descriptor
        finally:
            os.close(directory)
        for name in names[:_PACKAGES]:
            yield "deb", _text(root, f"var/lib/dpkg/status.d/{name}")


def _text(root: int, path: str) -> str:
    try:
        # O_NONBLOCK: a FIFO in its place must not stop us.
        file = openat2(root, path, os.O_RDONLY | os.O_NONBLOCK, resolve=RESOLVE_IN_ROOT)
    except OSError:
        return ""
    with os.fdopen(file, "rb") as opened, suppress(OSError):
        return opened.read(_LIMIT).decode("utf-8", "replace")
    return ""


def _paragraphs(text: str, kind: str) -> Iterator[dict[str, str]]:
    fields: dict[str, str] = {}
    for line in text.split("\n"):
        if not line.strip():
            if fields:
                yield fields
            fields = {}
        elif kind == "apk" and line[1:2] == ":":
            fields.setdefault(line[0], line[2:])
        elif kind == "deb" and (match := _FIELD.fullmatch(line)):
            fields.setdefault(match[1].lower(), match[2])
    if fields:
        yield fields


def _deb(fields: dict[str, str]) -> Package | None:
    name, version = fields.get("package", ""), fields.get("version", "")
    installed = fields.get("status", "install ok installed").endswith(" installed")
    if not (name and version and installed):
        return None
    return Package("deb", name, version, fields.get("architecture", ""))


def _apk(fields: dict[str, str]) -> Package | None:
    if not (fields.get("P") and fields.get("V")):
        return None
    return Package("apk", fields["P"], fields["V"], fields.get("A", ""), fields.get("L", ""))


def _distribution(root: int) -> str:
    for line in _text(root, "etc/os-release").splitlines():
        name, _, value = line.partition("=")
        if name == "ID":
            return re.sub(r"[^a-z0-9._-]", "", value.strip().strip('"').lower())
    return ""
