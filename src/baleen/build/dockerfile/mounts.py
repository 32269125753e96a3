"""`RUN --mount=type=...,key=value,...`: its keys under one name each, and what goes together.

A value may hold variables, so values are checked twice: at parsing those that hold none, by
`resolve_mount` all, when the variables are known.

See: Dockerfile reference, RUN --mount; BuildKit, `instructions/commands_runmount.go`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from baleen.api.booleans import parse_boolean
from baleen.build.dockerfile.errors import quoted, suggestion
from baleen.build.dockerfile.expansion import expand
from baleen.build.dockerfile.instructions import RunMount
from baleen.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["comma_fields", "parse_mount", "resolve_mount", "truth"]

_TYPES = ("bind", "cache", "secret", "ssh", "tmpfs")
_SHARING = ("locked", "private", "shared")
_NAMES = {
    "type": "type",
    "from": "from",
    "source": "source",
    "src": "source",
    "target": "target",
    "dst": "target",
    "destination": "target",
    "readonly": "readonly",
    "ro": "readonly",
    "readwrite": "readwrite",
    "rw": "readwrite",
    "id": "id",
    "sharing": "sharing",
    "required": "required",
    "size": "size",
    "mode": "mode",
    "uid": "uid",
    "gid": "gid",
    "env": "env",
}
_FLAGS = frozenset({"readonly", "readwrite", "required"})
_ONLY_FOR = {
    "required": ("secret", "ssh"),
    "size": ("tmpfs",),
    "env": ("secret",),
}
_SIZE = re.compile(r"([0-9]{1,15})(?:\.([0-9]{1,9}))?[ ]?([kKmMgGtTpP]?)(?:[iI]?[bB])?")
_VARIABLE = re.compile(r"\$.", re.DOTALL)


def parse_mount(text: str) -> RunMount:
    """Return the mount that the value of `--mount` says; raises InvalidArgument.

    `readonly` becomes `readwrite=false`; values that hold variables are as written. There need be
    no target: then it is the working directory.
    """
    if not text:
        raise InvalidArgument("failed to parse csv mounts: EOF")
    options: dict[str, str] = {}
    for field in comma_fields(text):
        key, equals, value = field.partition("=")
        name = _NAMES.get(key.lower())
        if name is None:
            hint = suggestion(key.lower(), _NAMES)
            raise InvalidArgument(f"unexpected key '{key.lower()}' in '{field}'{hint}")
        if not equals:
            if name not in _FLAGS:
                raise InvalidArgument(f"invalid field '{field}' must be a key=value pair")
            value = "true"
        if name == "from" and _VARIABLE.search(value):
            raise InvalidArgument(
                "'from' doesn't support variable expansion, define alias stage instead"
            )
        if name == "readonly" and "$" not in value:
            name, value = "readwrite", "false" if truth("readonly", value) else "true"
        options[name] = value
    kind = options.pop("type", "bind")
    mount = RunMount(kind, tuple(options.items()))
    if not any("$" in value for value in (kind, *options.values())):
        mount = _checked(mount)
    return mount


def resolve_mount(mount: RunMount, variables: Mapping[str, str], escape: str = "\\") -> RunMount:
    """Return the mount with its variables replaced and all its values checked.

    Raises InvalidArgument.
    """
    options = {name: expand(value, variables, escape) for name, value in mount.options}
    if "readonly" in options:
        options["readwrite"] = "false" if truth("readonly", options.pop("readonly")) else "true"
    return _checked(RunMount(expand(mount.type, variables, escape), tuple(options.items())))


def _checked(mount: RunMount) -> RunMount:
    kind = mount.type.lower()
    if kind not in _TYPES:
        hint = suggestion(mount.type, _TYPES)
        raise InvalidArgument(f"unsupported mount type {quoted(mount.type)}{hint}")
    options = dict(mount.options)
    for name, value in options.items():
        options[name] = _checked_value(kind, name, value)
    _check_combination(kind, options)
    return RunMount(kind, tuple(options.items()))


def _checked_value(kind: str, name: str, value: str) -> str:
    if kind not in _ONLY_FOR.get(name, _TYPES):
        raise InvalidArgument(f"unexpected key '{name}' for mount type '{kind}'")
    if name in _FLAGS:
        return "true" if truth(name, value) else "false"
    if name == "sharing":
        if value.lower() not in _SHARING:
            hint = suggestion(value, _SHARING)
            raise InvalidArgument(f"unsupported sharing value {quoted(value)}{hint}")
        return value.lower()
    if name == "size":
        return str(_bytes(value))
    if name in ("mode", "uid", "gid"):
        digits = "01234567" if name == "mode" else "0123456789"
        is_number = 0 < len(value) <= 11 and not value.strip(digits)
        if not is_number or int(value, 8 if name == "mode" else 10) >= 2**32:
            raise InvalidArgument(f"invalid value {value} for {name}")
    return value


def _check_combination(kind: str, options: Mapping[str, str]) -> None:
    if kind not in ("secret", "ssh", "cache"):
        for name in ("mode", "uid", "gid"):
            if name in options:
                raise InvalidArgument(f"{name} not allowed for {quoted(kind)} type mounts")
    if kind == "secret":
        if options.get("from"):
            raise InvalidArgument("secret mount should not have a from")
        if "sharing" in options:
            raise InvalidArgument("secret mount should not define sharing")
        if not any(options.get(name) for name in ("source", "target", "id", "env")):
            raise InvalidArgument("invalid secret mount. one of source, target required")
        if options.get("source") and options.get("id"):
            raise InvalidArgument("both source and id can't be set")
    if "sharing" in options and kind != "cache":
        raise InvalidArgument(f"invalid cache sharing set for {kind} mount")


def truth(name: str, value: str) -> bool:
    """Return what a value of Go's forms of true and false means; raises InvalidArgument."""
    found = parse_boolean(value)
    if found is None:
        raise InvalidArgument(f"invalid value for {name}: {value}")
    return found


def _bytes(value: str) -> int:
    found = _SIZE.fullmatch(value)
    if found is None:
        raise InvalidArgument(f"invalid value for size: {value}")
    unit = 1 << 10 * (" kmgtp".index(found[3].lower()) if found[3] else 0)
    fraction = int(found[2]) * unit // 10 ** len(found[2]) if found[2] else 0
    return int(found[1]) * unit + fraction


def comma_fields(text: str) -> list[str]:
    """Return the fields of one line of comma-separated values; `"a,b"` is one field."""
    fields: list[str] = []
    position = 0
    while True:
        if text.startswith('"', position):
            field, position = _quoted_field(text, position + 1)
        else:
            end = text.find(",", position)
            end = len(text) if end < 0 else end
            field, position = text[position:end], end
            if '"' in field:
                raise InvalidArgument('failed to parse csv mounts: bare " in non-quoted-field')
        fields.append(field)
        if position == len(text):
            return fields
        position += 1


def _quoted_field(text: str, position: int) -> tuple[str, int]:
    parts: list[str] = []
    while (end := text.find('"', position)) >= 0:
        parts.append(text[position:end])
        position = end + 1
        if text.startswith('"', position):
            parts.append('"')
            position += 1
        elif position == len(text) or text[position] == ",":
            return "".join(parts), position
        else:
            break
    raise InvalidArgument('failed to parse csv mounts: extraneous or missing " in quoted-field')
