"""Dockerfile instructions that change an image's config: for `import --change` and `commit`.

See: Dockerfile reference; Engine API, /images/create and /commit, parameter `changes`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from baleen.api.signals import parse_signal
from baleen.api.timestamps import parse_duration
from baleen.errors import InvalidArgument
from baleen.images.change_words import expanded, words
from baleen.oci.image import ExecutionConfig, HealthConfig

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["apply_changes"]

_PORT = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?(?:/(tcp|udp|sctp))?", re.IGNORECASE)
_RETRIES = re.compile(r"[1-9][0-9]{0,8}")
_KEY = re.compile(r"[^\s=\0]+")
_LINE_LIMIT = 64 << 10


def apply_changes(config: ExecutionConfig, changes: Sequence[str]) -> ExecutionConfig:
    """Return `config` after the instructions, in their order.

    Raises:
        InvalidArgument: `FROM is not a valid change command`, or bad arguments.
    """
    for change in changes:
        for line in change.splitlines():
            stripped = line.strip()
            if stripped and not stripped.startswith("#"):
                config = _apply(config, stripped)
    return config


def _apply(config: ExecutionConfig, line: str) -> ExecutionConfig:
    if len(line) > _LINE_LIMIT:
        raise InvalidArgument("change command is too long")
    word, _, rest = line.partition(" ")
    instruction = _INSTRUCTIONS.get(word.upper())
    if instruction is None:
        raise InvalidArgument(f"{word.upper()[:32]} is not a valid change command")
    rest = rest.strip()
    if not rest:
        raise InvalidArgument(f"{word.upper()} requires at least one argument")
    changed: dict[str, Any] = instruction(config, rest)
    return msgspec.structs.replace(config, **changed)


def _variables(config: ExecutionConfig) -> dict[str, str]:
    return {key: value for key, _, value in (item.partition("=") for item in config.env or ())}


def _exec_form(text: str) -> list[str] | None:
    """Return the words of a JSON list of strings, or None for anything else."""
    if not text.startswith("["):
        return None
    try:
        return msgspec.json.decode(text.encode(), type=list[str])
    except (msgspec.DecodeError, RecursionError):
        return None


def _command(config: ExecutionConfig, text: str) -> list[str]:
    form = _exec_form(text)
    return form if form is not None else [*(config.shell or ["/bin/sh", "-c"]), text]


def _pairs(config: ExecutionConfig, text: str, what: str) -> dict[str, str]:
    """Parse `KEY=value KEY2="two words"`, or the old `KEY the rest`."""
    variables = _variables(config)
    first = text.split(maxsplit=1)
    if "=" not in first[0]:
        if what != "ENV" or len(first) != 2:
            raise InvalidArgument(f"syntax error - can't find = in {first[0][:64]!r}")
        return {expanded(first[0], variables): expanded(first[1], variables)}
    pairs: dict[str, str] = {}
    for word in words(text, variables):
        key, equals, value = word.partition("=")
        if not equals or _KEY.fullmatch(key) is None:
            raise InvalidArgument(f"syntax error - can't find = in {word[:64]!r}")
        pairs[key] = value
    return pairs


def _env(config: ExecutionConfig, text: str) -> dict[str, Any]:
    env = list(config.env or ())
    for key, value in _pairs(config, text, "ENV").items():
        places = [i for i, item in enumerate(env) if item.partition("=")[0] == key]
        if places:
            env[places[0]] = f"{key}={value}"
        else:
            env.append(f"{key}={value}")
    return {"env": env}


def _expose(config: ExecutionConfig, text: str) -> dict[str, Any]:
    ports = dict(config.exposed_ports or {})
    for word in words(text, _variables(config)):
        match = _PORT.fullmatch(word)
        first = int(match[1]) if match else 0
        last = int(match[2] or match[1]) if match else 0
        if match is None or not 1 <= first <= last <= 65535:
            raise InvalidArgument(f"invalid containerPort: {word[:64]}")
        protocol = (match[3] or "tcp").lower()
        ports.update({f"{port}/{protocol}": {} for port in range(first, last + 1)})
    return {"exposed_ports": ports}


def _volume(config: ExecutionConfig, text: str) -> dict[str, Any]:
    variables = _variables(config)
    form = _exec_form(text)
    paths = words(text, variables) if form is None else [expanded(item, variables) for item in form]
    if not all(path.strip() for path in paths):
        raise InvalidArgument("VOLUME specified can not be an empty string")
    return {"volumes": {**(config.volumes or {}), **{path: {} for path in paths}}}


def _workdir(config: ExecutionConfig, text: str) -> dict[str, Any]:
    text = expanded(text, _variables(config))
    current = config.working_dir or "/"
    joined = text if text.startswith("/") else f"{current}/{text}"
    parts: list[str] = []
    for part in joined.split("/"):
        if part == "..":
            parts = parts[:-1]
        elif part not in ("", "."):
            parts.append(part)
    return {"working_dir": "/" + "/".join(parts)}


def _user(config: ExecutionConfig, text: str) -> dict[str, Any]:
    return {"user": expanded(text, _variables(config))}


def _stop_signal(config: ExecutionConfig, text: str) -> dict[str, Any]:
    signal = expanded(text, _variables(config))
    parse_signal(signal)
    return {"stop_signal": signal}


def _healthcheck(config: ExecutionConfig, text: str) -> dict[str, Any]:
    options: dict[str, int] = {}
    word, _, rest = text.partition(" ")
    while word.startswith("--"):
        flag, _, value = word[2:].partition("=")
        if flag not in _HEALTH_FLAGS:
            raise InvalidArgument(f"unknown flag: {word[:32]}")
        field, least = _HEALTH_FLAGS[flag]
        options[field] = _retries(value) if field == "retries" else parse_duration(value)
        if options[field] and options[field] < least:
            raise InvalidArgument(f"{flag} of a health check cannot be less than 1ms")
        word, _, rest = rest.strip().partition(" ")
    rest = rest.strip()
    if word.upper() == "NONE" and not rest and not options:
        return {"healthcheck": HealthConfig(test=["NONE"])}
    if word.upper() != "CMD" or not rest:
        raise InvalidArgument("HEALTHCHECK of a change takes NONE, or options, CMD and a command")
    form = _exec_form(rest)
    test = ["CMD", *form] if form is not None else ["CMD-SHELL", rest]
    return {"healthcheck": HealthConfig(test=test, **options)}


def _retries(text: str) -> int:
    if _RETRIES.fullmatch(text) is None:
        raise InvalidArgument(f"--retries must be a number of at least 1 (not {text[:32]!r})")
    return int(text)


# Each flag's field, and the least that it may be but for 0; times are in nanoseconds.
_HEALTH_FLAGS = {
    "interval": ("interval", 1_000_000),
    "timeout": ("timeout", 1_000_000),
    "start-period": ("start_period", 1_000_000),
    "start-interval": ("start_interval", 1_000_000),
    "retries": ("retries", 1),
}

_INSTRUCTIONS: dict[str, Callable[[ExecutionConfig, str], dict[str, Any]]] = {
    "CMD": lambda config, text: {"cmd": _command(config, text)},
    "ENTRYPOINT": lambda config, text: {"entrypoint": _command(config, text)},
    "ENV": _env,
    "EXPOSE": _expose,
    "HEALTHCHECK": _healthcheck,
    "LABEL": lambda config, text: {
        "labels": {**(config.labels or {}), **_pairs(config, text, "LABEL")}
    },
    "ONBUILD": lambda config, text: {"on_build": [*(config.on_build or ()), text]},
    "STOPSIGNAL": _stop_signal,
    "USER": _user,
    "VOLUME": _volume,
    "WORKDIR": _workdir,
}
