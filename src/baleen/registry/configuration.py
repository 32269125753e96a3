"""The configuration tree: `config.yml` and over it environment variables, as Docker's registry.

    storage:                                REGISTRY_STORAGE_DELETE_ENABLED=true
      delete:                               REGISTRY_HTTP_ADDR=:5000
        enabled: true                       REGISTRY_NOTIFICATIONS_ENDPOINTS_0_URL=http://...

A variable's name is the path of its key with `_` between; a number is a place in a list. A plain
word where a mapping belongs chooses one key of it: `REGISTRY_AUTH=htpasswd` is `auth: {htpasswd:
{}}`. A value may be a list, a mapping or a quoted word of YAML:
`REGISTRY_STORAGE_MAINTENANCE_READONLY={"enabled": true}`. Values are text until a section gives
them a type. The tree knows nothing of what sections mean: whoever owns one asks for it by
`Tree.section`.

See: distribution's configuration.md, "Override specific configuration options".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeVar

import msgspec

from baleen.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["Tree", "read_tree", "seconds"]

PREFIX = "REGISTRY_"
_FILE_LIMIT = 1 << 20
_LIST_LIMIT = 1000
# Variables of others that happen to have our prefix: Docker's image sets the first; the rest tell
# of a service or a linked container with the name "registry" (Kubernetes, `docker run --link`).
_NOT_OURS = re.compile(
    r"REGISTRY_(CONFIGURATION_PATH|NAME|PORT(_[0-9]+_\w+)?|SERVICE_(HOST|PORT(_\w+)?)|ENV_\w+)"
)

Section = TypeVar("Section")
Node = dict[str, object]

_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ns|us|µs|ms|s|m|h|d)")
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600, "d": 86400}


class Tree:
    """The merged configuration; keys are lower case."""

    def __init__(self, root: Node) -> None:
        self._root = root

    def has(self, path: str) -> bool:
        """Say whether the section `path` (`auth.token`) is there, be it empty."""
        return self._find(path) is not None

    def section(self, path: str, kind: type[Section]) -> Section:
        """Return the section at `path` as `kind`, a msgspec Struct with defaults for all.

        Raises:
            InvalidArgument: a value of the wrong type; names the key.
        """
        node = self._find(path)
        if node is None or node == "":
            node = {}
        if isinstance(node, str):
            node = {node.lower(): {}}
        try:
            return msgspec.convert(node, kind, strict=False)
        except msgspec.ValidationError as err:
            raise InvalidArgument(f"configuration, section {path}: {err}") from err

    def _find(self, path: str) -> object | None:
        node: object = self._root
        for key in path.split("."):
            if isinstance(node, str) and node.lower() == key:
                node = {}
            elif isinstance(node, dict) and key in node:
                node = node[key] if node[key] is not None else {}
            else:
                return None
        return node


def read_tree(file: Path | None, environment: Mapping[str, str]) -> Tree:
    """Read `file`, if any, and lay the REGISTRY_ variables of `environment` over it.

    Raises:
        InvalidArgument: not YAML, not a mapping, too large.
        OSError: the file cannot be read.
    """
    root: Node = _read_file(file) if file is not None else {}
    for name in sorted(environment):
        if name.startswith(PREFIX) and _NOT_OURS.fullmatch(name) is None:
            path = name.removeprefix(PREFIX).lower().split("_")
            if all(path):
                _set(root, path, _value(environment[name], name), name)
    return Tree(root)


def _value(text: str, name: str) -> object:
    """What a variable says: text, unless it begins as a list, mapping or quoted word does."""
    if not text.lstrip().startswith(("[", "{", '"', "'")):
        return text
    value = _load_yaml(text, name)
    return _lower_keys(value) if isinstance(value, dict) else value


def _load_yaml(raw: bytes | str, source: str) -> object:
    import yaml  # a registry that is configured by plain variables never needs it

    try:
        # Scalars stay text, so that a password of digits is one.
        return yaml.load(raw, Loader=yaml.BaseLoader)  # noqa: S506  # a safe one
    except (yaml.YAMLError, RecursionError) as err:
        raise InvalidArgument(f"{source} is not YAML: {err}") from err


def _read_file(file: Path) -> Node:
    with file.open("rb") as stream:
        raw = stream.read(_FILE_LIMIT + 1)
    if len(raw) > _FILE_LIMIT:
        raise InvalidArgument(f"{file} is larger than {_FILE_LIMIT} bytes")
    document = _load_yaml(raw, str(file))
    if document is None or document == "":
        return {}
    if not isinstance(document, dict):
        raise InvalidArgument(f"{file} holds no mapping")
    return _lower_keys(document)


def _lower_keys(node: Node) -> Node:
    return {
        str(key).lower(): _lower_keys(value) if isinstance(value, dict) else value
        for key, value in node.items()
    }


def _set(node: Node | list[object], path: list[str], value: object, name: str) -> None:
    key, rest = path[0], path[1:]
    if isinstance(node, list):
        if not (key.isascii() and key.isdigit() and int(key) < _LIST_LIMIT):
            raise InvalidArgument(f"{name}: {key!r} is no place in a list")
        index = int(key)
        node.extend({} for _ in range(index + 1 - len(node)))
        if rest:
            node[index] = _mapping(node[index])
            _set(_mapping(node[index]), rest, value, name)
        else:
            node[index] = value
        return
    if not rest:
        node[key] = value
        return
    found = node.get(key)
    child: Node | list[object]
    if isinstance(found, dict | list):
        child = found
    else:
        is_list = rest[0].isascii() and rest[0].isdigit()
        child = [] if is_list else _mapping(found)
        node[key] = child
    _set(child, rest, value, name)


def _mapping(value: object) -> Node:
    if isinstance(value, dict):
        return value
    # `REGISTRY_AUTH=htpasswd` beside `REGISTRY_AUTH_HTPASSWD_REALM=...`
    return {value.lower(): {}} if isinstance(value, str) and value else {}


def seconds(text: str, key: str) -> float:
    """Return a duration such as `1h30m`, `168h` or `2d` in seconds; a plain number is seconds.

    Raises:
        InvalidArgument: it is none; `key` names it.
    """
    if re.fullmatch(r"[0-9]+(?:\.[0-9]+)?", text):
        return float(text)
    parts = list(_DURATION.finditer(text))
    if not parts or "".join(part.group() for part in parts) != text:
        raise InvalidArgument(f"{key}: {text!r} is no duration such as 1h30m")
    return float(sum(float(part[1]) * _UNITS[part[2]] for part in parts))
