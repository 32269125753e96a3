"""`--ulimit`, `--restart`, `--security-opt`, `--network`, `--detach-keys`."""

from __future__ import annotations

import json

from baleen.cli.flags import parse_integer
from baleen.cli.parsing.addresses import is_ip, parse_mac
from baleen.cli.parsing.csv import split_fields
from baleen.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.client.models import JsonObject

__all__ = [
    "parse_detach_keys",
    "parse_network",
    "parse_restart_policy",
    "parse_stream",
    "parse_ulimit",
    "read_security_option",
]

_ULIMITS = frozenset(
    [
        "core",
        "cpu",
        "data",
        "fsize",
        "locks",
        "memlock",
        "msgqueue",
        "nice",
        "nofile",
        "nproc",
        "rss",
        "rtprio",
        "rttime",
        "sigpending",
        "stack",
    ]
)


def parse_ulimit(text: str) -> JsonObject:
    """`NAME=SOFT[:HARD]`; -1 is unlimited.

    Raises:
        InvalidArgument: an unknown name, not numbers, soft above hard.
    """
    name, equals, limits = text.partition("=")
    if not equals or not limits:
        raise InvalidArgument(f"invalid ulimit argument: {text}")
    if name not in _ULIMITS:
        raise InvalidArgument(f"invalid ulimit type: {name}")
    parts = limits.split(":")
    if len(parts) > 2:
        raise InvalidArgument(f"too many limit value arguments - {limits}, can only have up to two")
    soft = parse_integer(parts[0])
    hard = parse_integer(parts[1]) if len(parts) == 2 else soft
    if hard != -1 and (soft == -1 or soft > hard):
        raise InvalidArgument(
            f"ulimit soft limit must be less than or equal to hard limit: {soft} > {hard}"
        )
    return {"Name": name, "Soft": soft, "Hard": hard}


def parse_stream(text: str) -> str:
    """The stream that `--attach` names, in lower case."""
    if text.lower() not in {"stdin", "stdout", "stderr"}:
        raise InvalidArgument("valid streams are STDIN, STDOUT and STDERR")
    return text.lower()


def parse_restart_policy(text: str) -> JsonObject:
    """`no`, `always`, `unless-stopped`, `on-failure[:COUNT]`.

    Raises:
        InvalidArgument: a count that is none; unknown names are the engine's to refuse.
    """
    name, colon, count = text.partition(":")
    if colon and not name:
        raise InvalidArgument("invalid restart policy format: no policy provided before colon")
    if not colon:
        return {"Name": name, "MaximumRetryCount": 0}
    if not (count.isascii() and count.isdigit() and len(count) < 10):
        raise InvalidArgument(
            "invalid restart policy format: maximum retry count must be an integer"
        )
    return {"Name": name, "MaximumRetryCount": int(count)}


def read_security_option(text: str) -> str:
    """A `--security-opt` as the API takes it: a seccomp profile file is read and sent along.

    Raises:
        InvalidArgument: an option without value, or an unusable profile.
    """
    if text in {"no-new-privileges", "writable-cgroups"}:
        return text
    key, equals, value = text.partition("=")
    if not equals:
        key, colon, value = text.partition(":")
        if not colon:
            raise InvalidArgument(f'Invalid --security-opt: "{text}"')
    if key != "seccomp" or value in {"unconfined", "builtin"}:
        return f"{key}={value}"
    try:
        with open(value, "rb") as file:  # pathlib is slow to load
            profile = json.loads(file.read())
    except OSError as err:
        raise InvalidArgument(
            f"opening seccomp profile ({value}) failed: open {value}: "
            f"{(err.strerror or str(err)).lower()}"
        ) from err
    except (ValueError, RecursionError) as err:
        raise InvalidArgument(
            f"compacting json for seccomp profile ({value}) failed: {err}"
        ) from err
    return f"seccomp={json.dumps(profile, separators=(',', ':'))}"


def parse_network(text: str) -> tuple[str, JsonObject]:
    """A network's name and the endpoint's settings: `NAME` or `name=N,alias=A,ip=I,...`.

    Raises:
        InvalidArgument: an unknown key or a bad value.
    """
    if "=" not in text:
        return text, {}
    name = ""
    settings: JsonObject = {}
    for field in split_fields(text):
        key, equals, value = field.partition("=")
        key, value = key.strip().lower(), value.strip()
        if not equals:
            raise InvalidArgument(f'invalid field "{field}"')
        if key == "name":
            name = value
        else:
            _set_endpoint(settings, key, value)
    if not name:
        raise InvalidArgument("network name/id must be specified")
    return name, settings


def _set_endpoint(settings: JsonObject, key: str, value: str) -> None:
    if key == "alias":
        settings.setdefault("Aliases", []).append(value)
    elif key in {"ip", "ip6"}:
        if not is_ip(value):
            raise InvalidArgument(f"invalid {key} address: {value}")
        which = "IPv4Address" if key == "ip" else "IPv6Address"
        settings.setdefault("IPAMConfig", {})[which] = value
    elif key == "mac-address":
        settings["MacAddress"] = parse_mac(value)
    elif key == "link-local-ip":
        settings.setdefault("IPAMConfig", {}).setdefault("LinkLocalIPs", []).append(value)
    elif key == "driver-opt":
        option, _, setting = value.partition("=")
        settings.setdefault("DriverOpts", {})[option] = setting
    elif key == "gw-priority":
        settings["GwPriority"] = parse_integer(value)
    else:
        raise InvalidArgument(f"invalid field key {key}")


_CONTROL = {"@": 0, "[": 27, "\\": 28, "]": 29, "^": 30, "_": 31}


def parse_detach_keys(text: str) -> bytes:
    """The bytes of a key sequence like `ctrl-p,ctrl-q` or `a,b`.

    Raises:
        InvalidArgument: a key that is neither one character nor `ctrl-` and one.
    """
    result = bytearray()
    for key in text.split(","):
        if key.startswith("ctrl-") and len(key) == 6:
            letter = key[5].lower()
            if "a" <= letter <= "z":
                result.append(ord(letter) - 96)
                continue
            if letter in _CONTROL:
                result.append(_CONTROL[letter])
                continue
        elif len(key) == 1 and key.isascii():
            result.append(ord(key))
            continue
        raise InvalidArgument(f"Unknown character: '{key}'")
    return bytes(result)
