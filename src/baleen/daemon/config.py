"""The daemon's configuration: flags and daemon.json, checked and settled into one value.

An option may be given as a flag or in the file, never in both; unknown keys are refused. So a
daemon never runs with a setting that its user believes to be different.

See: dockerd reference, "Daemon configuration file"; `options` for the table.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, cast

import msgspec

from baleen.api.booleans import parse_boolean
from baleen.daemon.builder_settings import builder_gc
from baleen.daemon.cgroup_settings import cgroup_settings
from baleen.daemon.gc_settings import gc_policy
from baleen.daemon.options import OPTIONS, UNSUPPORTED, Option, parse_size
from baleen.daemon.query import parse_integer
from baleen.daemon.registry_settings import (
    DEFAULT_CERTS_DIRS,
    add_mirror,
    flatten_proxies,
    registry_settings,
)
from baleen.daemon.runtimes import FileRuntime, add_runtime, check_default, from_file
from baleen.engine.cdi import DEFAULT_SPEC_DIRS
from baleen.errors import InvalidArgument
from baleen.snapshots import STORAGE_DRIVERS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from baleen.engine.runtimes import RegisteredRuntime

__all__ = ["DEFAULT_CONFIG_FILE", "Config", "Invocation", "load_config", "parse_arguments"]

DEFAULT_CONFIG_FILE = "/etc/baleen/daemon.json"
_MAX_FILE_BYTES = 1 << 20

_BY_FLAG = {option.flag: option for option in OPTIONS}
_BY_SHORT = {option.short: option for option in OPTIONS if option.short}
_BY_KEY = {option.key: option for option in OPTIONS if option.key}
_LEVELS = ("debug", "info", "warn", "error", "fatal")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,14}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Settled and checked values; names are those of the keys in the file.

    Not in the file: `ignored` (options without effect), and what the namespaces of `rootless` have,
    `port_forwarder` and `warnings`.
    """

    hosts: list[str] = field(default_factory=lambda: ["unix:///var/run/baleen.sock"])
    data_root: Path = Path("/var/lib/baleen")
    exec_root: Path = Path("/run/baleen")
    pidfile: Path = Path("/run/baleen.pid")
    group: str = ""
    debug: bool = False
    experimental: bool = False
    log_level: str = "info"
    log_format: str = "text"
    tls: bool = False
    tlsverify: bool = False
    tlscacert: str = "/etc/baleen/ca.pem"
    tlscert: str = "/etc/baleen/cert.pem"
    tlskey: str = "/etc/baleen/key.pem"
    insecure_plain_tcp_without_authentication: bool = False
    bridge: str = "baleen0"
    bip: str = ""
    default_address_pools: list[tuple[str, int]] = field(default_factory=list)
    mtu: int = 1500
    icc: bool = True
    ip_forward: bool = True
    ip_masq: bool = True
    firewall_backend: str = "nftables"
    nft_table: str = "baleen"
    dns: list[str] = field(default_factory=list)
    dns_opts: list[str] = field(default_factory=list)
    dns_search: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    log_driver: str = "json-file"
    log_opts: dict[str, str] = field(default_factory=dict)
    default_ulimits: dict[str, tuple[int, int]] = field(default_factory=dict)
    default_shm_size: int = 64 << 20
    cgroup_parent: str = ""
    exec_opts: list[str] = field(default_factory=list)
    init: bool = False
    seccomp_profile: str = ""
    selinux_enabled: bool = False
    default_runtime: str = "baleen"
    runtimes: dict[str, RegisteredRuntime] = field(default_factory=dict)
    storage_driver: str = ""
    gc_keep_free: str = ""
    gc_unused_for: str = ""
    builder: object = None
    shutdown_timeout: int = 15
    cdi_spec_dirs: list[str] = field(default_factory=lambda: list(DEFAULT_SPEC_DIRS))
    insecure_registries: list[str] = field(default_factory=list)
    registry_mirrors: list[str] = field(default_factory=list)
    registry_mirrors_for: dict[str, list[str]] = field(default_factory=dict)
    registry_certs_dirs: list[str] = field(default_factory=lambda: list(DEFAULT_CERTS_DIRS))
    http_proxy: str = ""
    https_proxy: str = ""
    no_proxy: str = ""
    max_concurrent_downloads: int = 3
    max_concurrent_uploads: int = 5
    max_download_attempts: int = 5
    own_registry: bool = True
    rootless: bool = False
    rootless_network: str = "auto"
    rootless_single_id: bool = False
    port_forwarder: Path = Path()
    warnings: list[str] = field(default_factory=list)
    userns_remap: str = ""
    ignored: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """What a command line says: `action` is run, validate, uninstall, purge, help or version."""

    action: str
    config_file: str
    flags: dict[str, object]


# --- the command line --------------------------------------------------------------------------


def parse_arguments(arguments: Sequence[str]) -> Invocation:
    """Return what the flags say; raises InvalidArgument.

    The grammar is pflag's: `--name value`, `--name=value`, `-x value`, `-xvalue`; a truth value
    takes its value only behind `=`.
    """
    flags: dict[str, object] = {}
    action, config_file = "run", ""
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        if word in ("--help", "-h"):
            return Invocation(action="help", config_file="", flags={})
        if word in ("--version", "-v"):
            return Invocation(action="version", config_file="", flags={})
        if word in ("--validate", "--uninstall", "--purge"):
            action = word[2:]
            continue
        option, value = _flag(word)
        if value is None:
            if option.kind == "flag":
                value = "true"
            elif not rest:
                raise InvalidArgument(f"flag needs an argument: {word}")
            else:
                value = rest.pop(0)
        if option.flag == "config-file":
            config_file = value
        else:
            _add(flags, option, value)
    return Invocation(action=action, config_file=config_file, flags=flags)


def _flag(word: str) -> tuple[Option, str | None]:
    if word.startswith("--") and len(word) > 2:
        name, equals, value = word[2:].partition("=")
        if name in UNSUPPORTED:
            raise InvalidArgument(f"--{name} is not supported by this version of Baleen")
        option = _BY_FLAG.get(name)
        if option is not None:
            return option, value if equals else None
    elif word.startswith("-") and len(word) > 1:
        option = _BY_SHORT.get(word[1])
        if option is not None:
            return option, word[2:].removeprefix("=") or None
    else:
        raise InvalidArgument(f"baleend takes no arguments, only flags: {word[:64]!r}")
    raise InvalidArgument(f"unknown flag: {word.partition('=')[0][:64]}")


def _add(flags: dict[str, object], option: Option, text: str) -> None:
    name, present = option.field, flags.get(option.field)
    where = f"--{option.flag}"
    match option.kind:
        case "flag":
            flags[name] = _truth(text, where)
        case "integer":
            flags[name] = parse_integer(text, where)
        case "size":
            flags[name] = parse_size(text)
        case "list":
            flags[name] = [*cast("list[str]", present or []), text]
        case "pools":
            flags[name] = [*cast("list[tuple[str, int]]", present or []), _pool(text)]
        case "map":
            key, equals, value = text.partition("=")
            if not equals or not key:
                raise InvalidArgument(f"{where}: want key=value, got {text[:64]!r}")
            flags[name] = {**cast("dict[str, str]", present or {}), key: value}
        case "lists":
            flags[name] = add_mirror(cast("dict[str, list[str]]", present or {}), text)
        case "ulimits":
            limit, pair = _ulimit(text)
            flags[name] = {**cast("dict[str, tuple[int, int]]", present or {}), limit: pair}
        case "runtimes":
            flags[name] = add_runtime(cast("dict[str, RegisteredRuntime]", present or {}), text)
        case _:
            flags[name] = text


def _truth(text: str, where: str) -> bool:
    found = parse_boolean(text)
    if found is None:
        raise InvalidArgument(f"invalid value for {where}: {text[:64]!r} is neither true nor false")
    return found


def _pool(text: str) -> tuple[str, int]:
    parts = dict(part.partition("=")[::2] for part in text.split(","))
    if set(parts) != {"base", "size"}:
        raise InvalidArgument(f"invalid address pool {text[:64]!r}: want base=CIDR,size=LENGTH")
    return parts["base"], parse_integer(parts["size"], "size of an address pool")


def _ulimit(text: str) -> tuple[str, tuple[int, int]]:
    name, equals, values = text.partition("=")
    soft, colon, hard = values.partition(":")
    if not name or not equals:
        raise InvalidArgument(f"invalid ulimit {text[:64]!r}: want name=soft[:hard]")
    low = parse_integer(soft, f"ulimit {name}")
    return name, (low, parse_integer(hard, f"ulimit {name}") if colon else low)


# --- the file ----------------------------------------------------------------------------------


def load_config(invocation: Invocation) -> Config:
    """Return the settled configuration; raises InvalidArgument with what to change."""
    rootless = invocation.flags.get("rootless") is True
    path = Path(invocation.config_file or _default_file(rootless=rootless))
    try:
        from_file = _read_file(path) if invocation.config_file or path.exists() else {}
        _refuse_conflicts(invocation.flags, from_file)
        return _settle({**from_file, **invocation.flags})
    except InvalidArgument as err:
        if path.exists() or invocation.config_file:
            raise InvalidArgument(
                f"unable to configure the daemon with file {path}: {err.message}"
            ) from err
        raise


def _default_file(*, rootless: bool) -> str | Path:
    if not rootless:
        return DEFAULT_CONFIG_FILE
    from baleen.daemon.rootless import default_config_file

    return default_config_file()


def _read_file(path: Path) -> dict[str, object]:
    try:
        raw = path.read_bytes()
    except OSError as err:
        raise InvalidArgument(f"cannot read the configuration file: {err.strerror}") from err
    if not raw.strip():
        return {}
    if len(raw) > _MAX_FILE_BYTES:
        raise InvalidArgument("the configuration file is larger than 1 MiB")
    try:
        document = msgspec.json.decode(raw, type=dict[str, object])
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as err:
        raise InvalidArgument(f"invalid JSON: {err}") from err
    document = flatten_proxies(document)
    unknown = [key for key in document if key not in _BY_KEY and key not in UNSUPPORTED]
    if unknown:
        raise InvalidArgument(
            "the following directives don't match any configuration option: " + ", ".join(unknown)
        )
    for key in document:
        if key in UNSUPPORTED and document[key] not in (None, "", False, 0, [], {}):
            raise InvalidArgument(f"{key} is not supported by this version of Baleen")
    return {
        _BY_KEY[key].field: _from_json(_BY_KEY[key], value)
        for key, value in document.items()
        if value is not None and key in _BY_KEY
    }


class _FilePool(msgspec.Struct):
    base: str
    size: int


class _FileUlimit(msgspec.Struct, rename="pascal"):
    hard: int
    soft: int
    name: str = ""


_JSON_TYPES: dict[str, object] = {
    "text": str,
    "list": list[str],
    "flag": bool,
    "integer": int,
    "size": int | str,
    "map": dict[str, str],
    "lists": dict[str, list[str]],
    "pools": list[_FilePool],
    "ulimits": dict[str, _FileUlimit],
    "runtimes": dict[str, FileRuntime],
    "any": object,
}


def _from_json(option: Option, value: object) -> object:
    try:
        typed: object = msgspec.convert(value, cast("type[object]", _JSON_TYPES[option.kind]))
    except msgspec.ValidationError as err:
        raise InvalidArgument(f"{option.key}: {err}") from err
    match option.kind:
        case "size":
            return parse_size(typed) if isinstance(typed, str) else typed
        case "pools":
            return [(pool.base, pool.size) for pool in cast("list[_FilePool]", typed)]
        case "ulimits":
            limits = cast("dict[str, _FileUlimit]", typed)
            return {name: (limit.soft, limit.hard) for name, limit in limits.items()}
        case "runtimes":
            return from_file(cast("dict[str, FileRuntime]", typed))
        case _:
            return typed


def _refuse_conflicts(flags: dict[str, object], from_file: dict[str, object]) -> None:
    both = [
        f"{option.key}: (from flag: {flags[option.field]}, from file: {from_file[option.field]})"
        for option in OPTIONS
        if option.key and option.field in flags and option.field in from_file
    ]
    if both:
        raise InvalidArgument(
            "the following directives are specified both as a flag and in the configuration "
            "file: " + ", ".join(both)
        )


# --- settling ----------------------------------------------------------------------------------


def _settle(values: dict[str, object]) -> Config:
    known = {item.name: item.default for item in fields(Config)}
    ignored = [option.key for option in OPTIONS if option.accepted and option.field in values]
    chosen: dict[str, object] = {"ignored": ignored}
    if values.get("rootless"):
        from baleen.daemon.rootless import rootless_defaults

        chosen |= rootless_defaults()
    for name, value in values.items():
        if name not in known or value in ("", []):
            continue
        chosen[name] = Path(str(value)) if isinstance(known[name], Path) else value
    _choose_cdi(values, chosen)
    config = Config(**chosen)  # type: ignore[arg-type]  # checked against the table above
    _check_paths(config)
    _check_choices(config)
    _check_values(config)
    registry_settings(config, {})
    if config.rootless or config.rootless_network != "auto":
        from baleen.daemon.rootless import check_rootless

        check_rootless(config)
    return config


def _choose_cdi(values: dict[str, object], chosen: dict[str, object]) -> None:
    """Turn CDI off for `"features": {"cdi": false}` and for one empty directory, as dockerd."""
    features = values.get("features")
    is_off = isinstance(features, dict) and features.get("cdi") is False
    if is_off or values.get("cdi_spec_dirs") in ([], [""]):
        chosen["cdi_spec_dirs"] = []


def _check_paths(config: Config) -> None:
    for name in ("data_root", "exec_root", "pidfile"):
        path = cast("Path", getattr(config, name))
        if not path.is_absolute() or path == Path("/") or ".." in path.parts:
            raise InvalidArgument(f"{name.replace('_', '-')}: {str(path)!r} is no absolute path")
    for directory in config.cdi_spec_dirs:
        if not directory.startswith("/"):
            raise InvalidArgument(f"cdi-spec-dirs: {directory[:64]!r} is no absolute path")


def _check_choices(config: Config) -> None:
    for name, value, choices in (
        ("log-level", config.log_level, _LEVELS),
        ("log-format", config.log_format, ("text", "json")),
        ("storage-driver", config.storage_driver, STORAGE_DRIVERS),
        ("firewall-backend", config.firewall_backend, ("nftables",)),
    ):
        if value not in choices:
            raise InvalidArgument(f"{name}: {value[:64]!r} is none of {', '.join(choices)}")
    cgroup_settings(config.exec_opts, config.cgroup_parent)
    check_default(config.default_runtime, config.runtimes)


def _check_values(config: Config) -> None:
    for name, value in (("bridge", config.bridge), ("nft-table", config.nft_table)):
        if not _NAME.fullmatch(value):
            raise InvalidArgument(f"{name}: {value[:64]!r} is no valid name")
    if not 68 <= config.mtu <= 65535:
        raise InvalidArgument(f"mtu: {config.mtu} is out of range")
    if config.default_shm_size <= 0:
        raise InvalidArgument("default-shm-size: must be more than 0")
    if config.shutdown_timeout < 0:
        raise InvalidArgument("shutdown-timeout: must not be negative")
    gc_policy(config.gc_keep_free, config.gc_unused_for)
    builder_gc(config.builder)
    seen: dict[str, str] = {}
    for label in config.labels:
        key, equals, value = label.partition("=")
        if not key or not equals:
            raise InvalidArgument(f"bad attribute format: {label[:64]}")
        if seen.setdefault(key, value) != value:
            raise InvalidArgument(
                f"conflict labels for {key[:64]}={value[:64]} and {seen[key][:64]}"
            )
    for name, (soft, hard) in config.default_ulimits.items():
        if hard != -1 and (soft > hard or soft == -1):
            raise InvalidArgument(
                f"default-ulimits: {name}: soft limit {soft} is above hard limit {hard}"
            )
