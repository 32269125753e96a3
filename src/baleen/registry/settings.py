"""What the core of the registry can be told, with its defaults.

Names are those of Docker's registry where it has them; `garbage`, `retention` and `database` are
ours. Sections of the access side (`auth`, `proxy`, `notifications`, `http.tls`, ...) are typed by
their owners, from the same `Tree`.

See: docs/registry.md, which lists every key.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from baleen import errors
from baleen.errors import InvalidArgument
from baleen.registry.configuration import Tree, seconds

__all__ = [
    "S3",
    "Database",
    "Garbage",
    "Http",
    "RetentionRule",
    "Settings",
    "Storage",
    "load_settings",
]

DEFAULT_ROOT = "/var/lib/registry"
# Drivers of Docker's registry: to ignore them would store to the wrong place.
_ABSENT_DRIVERS = ("azure", "gcs", "swift", "oss", "inmemory")


class Http(msgspec.Struct, frozen=True, kw_only=True):
    """Section `http`.

    Attributes:
        addr: `HOST:PORT`, `:PORT`, or a path of a unix socket with `net: unix`.
        host: URL that `Location` headers begin with; without it they are relative.
        prefix: path below which the API is served, `/` by default.
        drain: seconds that requests have to end after SIGTERM.
        headers: more headers of every answer.
    """

    addr: str = ":5000"
    net: str = "tcp"
    host: str = ""
    prefix: str = "/"
    draintimeout: str = "10s"
    headers: dict[str, list[str]] = {}


class _Filesystem(msgspec.Struct, frozen=True, kw_only=True):
    rootdirectory: str = DEFAULT_ROOT


class S3(msgspec.Struct, frozen=True, kw_only=True):
    """Section `storage.s3`; the names are those of distribution's driver."""

    accesskey: str = ""
    secretkey: str = ""
    region: str = "us-east-1"
    regionendpoint: str = ""
    bucket: str = ""
    rootdirectory: str = ""
    forcepathstyle: bool = True
    chunksize: int = 10 << 20


class _Delete(msgspec.Struct, frozen=True, kw_only=True):
    enabled: bool = False


class _Purging(msgspec.Struct, frozen=True, kw_only=True):
    enabled: bool = True
    age: str = "168h"
    interval: str = "24h"


class _Maintenance(msgspec.Struct, frozen=True, kw_only=True):
    uploadpurging: _Purging = _Purging()


class _StorageSection(msgspec.Struct, frozen=True, kw_only=True):
    filesystem: _Filesystem = _Filesystem()
    s3: S3 | None = None
    delete: _Delete = _Delete()
    maintenance: _Maintenance = _Maintenance()


@dataclass(frozen=True, slots=True)
class Storage:
    """Where bytes lie.

    Attributes:
        root: directory of the blobs, and of the database unless that has an address.
        s3: where blobs lie instead, or None.
        upload_age_s: age at which an unfinished upload is removed; None for never.
        purge_interval_s: between two looks for such uploads.
    """

    root: str = DEFAULT_ROOT
    s3: S3 | None = None
    upload_age_s: float | None = 168 * 3600
    purge_interval_s: float = 24 * 3600


class _DatabaseSection(msgspec.Struct, frozen=True, kw_only=True):
    url: str = ""


@dataclass(frozen=True, slots=True)
class Database:
    """Where metadata lies: a `postgresql://` URL, or empty for SQLite below the storage's root."""

    url: str = ""


class _GarbageSection(msgspec.Struct, frozen=True, kw_only=True):
    enabled: bool = True
    interval: str = "1h"
    grace: str = "24h"


@dataclass(frozen=True, slots=True)
class Garbage:
    """Online collection.

    Attributes:
        interval_s: between two collections; None when they are only made by command.
        grace_s: how long a blob that no manifest names stays usable for the push that uploaded,
            mounted or looked for it.
    """

    interval_s: float | None = 3600
    grace_s: float = 24 * 3600


class RetentionRule(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of `retention.rules`: which tags of which repositories may go.

    Attributes:
        repositories: pattern (fnmatch) of names.
        tags: pattern of the tags that the rule speaks of.
        keep: this many newest ones of them always stay.
        age: older ones may go; without it age does not matter.
        untagged: whether manifests that no tag, index or subject keeps go, after `age`.
    """

    repositories: str = "*"
    tags: str = "*"
    keep: int | None = None
    age: str = ""
    untagged: bool = False


class _RetentionSection(msgspec.Struct, frozen=True, kw_only=True):
    interval: str = "24h"
    rules: list[RetentionRule] = []


class _LogSection(msgspec.Struct, frozen=True, kw_only=True):
    level: str = "info"


@dataclass(frozen=True, slots=True)
class Settings:
    """All of the core; `tree` has the sections of others."""

    http: Http = field(default_factory=Http)
    storage: Storage = field(default_factory=Storage)
    database: Database = field(default_factory=Database)
    garbage: Garbage = field(default_factory=Garbage)
    retention: tuple[RetentionRule, ...] = ()
    retention_interval_s: float = 24 * 3600
    delete_enabled: bool = False
    log_level: str = "info"
    tree: Tree = field(default_factory=lambda: Tree({}))


def load_settings(tree: Tree) -> Settings:
    """Type the core's sections of `tree`.

    Raises:
        InvalidArgument: names the section or key that is wrong.
        NotImplemented: a storage driver that we do not have.
    """
    for driver in _ABSENT_DRIVERS:
        if tree.has(f"storage.{driver}"):
            raise errors.NotImplemented(
                f"storage.{driver}: this registry keeps blobs in a directory or in S3",
                hint="use storage.filesystem or storage.s3",
            )
    storage = tree.section("storage", _StorageSection)
    purging = storage.maintenance.uploadpurging
    garbage = tree.section("garbage", _GarbageSection)
    retention = tree.section("retention", _RetentionSection)
    for rule in retention.rules:
        _check_rule(rule)
    return Settings(
        http=tree.section("http", Http),
        storage=Storage(
            root=storage.filesystem.rootdirectory,
            s3=storage.s3,
            upload_age_s=seconds(purging.age, "storage.maintenance.uploadpurging.age")
            if purging.enabled
            else None,
            purge_interval_s=seconds(
                purging.interval, "storage.maintenance.uploadpurging.interval"
            ),
        ),
        database=Database(url=tree.section("database", _DatabaseSection).url),
        garbage=Garbage(
            interval_s=seconds(garbage.interval, "garbage.interval") if garbage.enabled else None,
            grace_s=seconds(garbage.grace, "garbage.grace"),
        ),
        retention=tuple(retention.rules),
        retention_interval_s=seconds(retention.interval, "retention.interval"),
        delete_enabled=storage.delete.enabled,
        log_level=tree.section("log", _LogSection).level,
        tree=tree,
    )


def _check_rule(rule: RetentionRule) -> None:
    if rule.age:
        seconds(rule.age, "retention.rules.age")
    if rule.keep is not None and rule.keep < 0:
        raise InvalidArgument("retention.rules.keep must not be negative")
    if rule.keep is None and not rule.age and not rule.untagged:
        raise InvalidArgument(
            f"the retention rule for {rule.repositories}:{rule.tags} has neither keep, age nor "
            "untagged: it would remove everything"
        )
