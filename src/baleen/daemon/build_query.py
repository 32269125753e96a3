"""The query and headers of `POST /build`, checked before anything is made.

See: Engine API v1.55, /build; moby `daemon/server/router/build/build_routes.go`, whose words these
are where a client may know them.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, TypeVar

import msgspec

from baleen import api, errors
from baleen.api.builds import BuildOutput, BuildPrelude, decode_auth_configs
from baleen.api.timestamps import parse_timestamp
from baleen.api.wire import decode
from baleen.build.entitlements import ENTITLEMENTS
from baleen.build.exporters import parse_outputs
from baleen.build.options import BuildOptions, CacheReference
from baleen.build.session import Limits, Secret
from baleen.daemon.query import parse_integer
from baleen.engine.build_request import BuildRequest, CachePrune
from baleen.errors import InvalidArgument
from baleen.oci.platform import host_platform, parse_platform
from baleen.oci.reference import parse_reference

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from baleen.daemon.query import Query
    from baleen.daemon.routing import Call
    from baleen.oci.platform import Platform
    from baleen.oci.reference import Reference

__all__ = ["NO_SESSION", "parse_build", "parse_prune"]

T = TypeVar("T")

NO_SESSION = (
    "this daemon does not speak BuildKit's session protocol yet: "
    "set DOCKER_BUILDKIT=0 for this client, or use `baleen build`"
)
_CACHE_FROM = frozenset({"registry", "local", "inline"})
_CACHE_TO = frozenset({"registry", "local", "inline"})
_CALLS = frozenset({"", "build", "check", "outline", "targets"})
_ID = re.compile(r"[A-Za-z0-9_.:-]{1,128}")
_EPOCH = re.compile(r"[0-9]{1,12}")


def parse_build(call: Call, prelude: BuildPrelude | None = None) -> BuildRequest:
    """Return what the request asks for.

    Raises:
        InvalidArgument: a parameter that is malformed or contradicts another.
        NotImplemented: BuildKit's protocol.
    """
    query = call.query
    more = prelude if prelude is not None else BuildPrelude()
    _check_version(query)
    arguments = _decoded(query, "buildargs", dict[str, str | None], "error reading build args")
    entries = [
        (entry.type, entry.attrs)
        for entry in (
            *_decoded(query, "outputs", list[BuildOutput], "error reading outputs"),
            *more.outputs,
        )
    ]
    epoch = arguments.get("SOURCE_DATE_EPOCH") or ""
    if epoch and not _EPOCH.fullmatch(epoch):
        raise InvalidArgument(f"invalid SOURCE_DATE_EPOCH: {epoch[:64]}")
    if more.call not in _CALLS:
        raise InvalidArgument(f'unknown call "{more.call}"')
    return BuildRequest(
        options=_options(query, more, arguments),
        limits=_limits(query),
        remote=query.text("remote"),
        tags=_tags(query.texts("t")),
        quiet=query.flag("q"),
        remove=query.flag("rm", default=True) or query.flag("forcerm"),
        dockerfile=more.dockerfile,
        secrets=_secrets(more),
        ssh=tuple(_identifier(name, "ssh agent") for name in more.ssh),
        auth=decode_auth_configs(call.request.headers.get("x-registry-config", "")),
        entitlements=_entitlements(more.allow),
        outputs=parse_outputs(entries),
        attests=more.attests,
        build_id=query.text("buildid"),
        call="" if more.call == "build" else more.call,
        events=more.events,
        why=more.why,
        keep_failed=more.keep_failed,
        epoch_ns=int(epoch) * 1_000_000_000 if epoch else None,
    )


def _check_version(query: Query) -> None:
    version = query.text("version")
    if version not in ("", "1", "2"):
        raise InvalidArgument(f"invalid version: {version}")
    if version == "2" or query.text("remote") == "client-session" or query.text("session"):
        raise errors.NotImplemented(NO_SESSION)
    if query.text("isolation") not in ("", "default"):
        raise InvalidArgument(f'unsupported isolation: "{query.text("isolation")}"')
    if any(query.texts("securityopt")):
        raise InvalidArgument(
            "The daemon on this platform does not support setting security options on build"
        )


def _options(query: Query, more: BuildPrelude, arguments: Mapping[str, str | None]) -> BuildOptions:
    platforms = more.platforms or [text for text in query.text("platform").split(",") if text]
    caches = _decoded(query, "cachefrom", list[str], "error reading cache-from")
    return BuildOptions(
        dockerfile=query.text("dockerfile", "Dockerfile"),
        target=query.text("target"),
        build_args=arguments,
        labels=_decoded(query, "labels", dict[str, str], "error reading labels"),
        platforms=tuple(_platform(text) for text in platforms),
        no_cache=query.flag("nocache"),
        no_cache_stages=frozenset(name.lower() for name in more.no_cache_filter),
        pull=query.flag("pull"),
        cache_from=(
            *(CacheReference("registry", {"ref": _familiar(name)}) for name in caches if name),
            *(_cache(c.type, c.attrs, _CACHE_FROM, "cache-from") for c in more.cache_from),
        ),
        cache_to=tuple(_cache(c.type, c.attrs, _CACHE_TO, "cache-to") for c in more.cache_to),
        squash=query.flag("squash"),
        network=query.text("networkmode"),
        extra_hosts=_extra_hosts(query.texts("extrahosts")),
        contexts={
            name.lower(): f"local:{name.lower()}" if value == "local" else value
            for name, value in more.contexts.items()
        },
    )


def _platform(text: str) -> Platform:
    host = host_platform()
    return host if text.lower() == "local" else parse_platform(text, default=host)


def _familiar(name: str) -> str:
    return str(parse_reference(name).with_default_tag())


def _cache(
    kind: str, attributes: Mapping[str, str], known: frozenset[str], flag: str
) -> CacheReference:
    if kind not in known:
        raise InvalidArgument(
            f'{flag}: unsupported cache type "{kind}": it is one of {", ".join(sorted(known))}'
        )
    if kind == "registry" and not attributes.get("ref"):
        raise InvalidArgument(f"{flag}: type=registry needs ref=NAME")
    return CacheReference(kind, dict(attributes))


def _limits(query: Query) -> Limits:
    ulimits = _decoded(query, "ulimits", list[api.Ulimit], "error reading ulimit settings")
    limits = Limits(
        memory_bytes=_count(query, "memory"),
        memory_swap_bytes=_count(query, "memswap", minimum=-1),
        cpu_shares=_count(query, "cpushares"),
        cpu_period_us=_count(query, "cpuperiod"),
        cpu_quota_us=_count(query, "cpuquota", minimum=-1),
        cpuset_cpus=query.text("cpusetcpus"),
        cpuset_mems=query.text("cpusetmems"),
        ulimits=tuple((limit.name, limit.soft, limit.hard) for limit in ulimits),
        shm_size_bytes=_count(query, "shmsize"),
        cgroup_parent=query.text("cgroupparent"),
    )
    _check_limits(limits)
    return limits


def _check_limits(limits: Limits) -> None:
    from baleen.engine.build_limits import resource_fields
    from baleen.engine.resource_checks import check_resources, host_resources

    # The same checks, and words, as for a container's.
    check_resources(api.Resources(**resource_fields(limits)), host_resources())


def _count(query: Query, name: str, *, minimum: int = 0) -> int:
    text = query.text(name)
    value = parse_integer(text, name) if text else 0
    if value < minimum:
        raise InvalidArgument(f"invalid value for {name}: {value} is less than {minimum}")
    return value


def _tags(texts: Sequence[str]) -> tuple[Reference, ...]:
    found: dict[str, Reference] = {}
    for text in texts:
        if not text:
            continue
        reference = parse_reference(text)
        if reference.digest is not None:
            raise InvalidArgument("build tag cannot contain a digest")
        tagged = reference.with_default_tag()
        found.setdefault(str(tagged), tagged)
    return tuple(found.values())


def _extra_hosts(texts: Sequence[str]) -> tuple[str, ...]:
    hosts = []
    for text in texts:
        if not text:
            continue
        name, separator, address = text.partition("=" if "=" in text else ":")
        if not (name and separator and address) or any(c.isspace() for c in text):
            raise InvalidArgument(f'bad format for add-host: "{text}"')
        hosts.append(f"{name}:{address.removeprefix('[').removesuffix(']')}")
    return tuple(hosts)


def _secrets(more: BuildPrelude) -> dict[str, Secret]:
    return {_identifier(secret.id, "secret"): Secret(secret.value()) for secret in more.secrets}


def _identifier(text: str, what: str) -> str:
    if not _ID.fullmatch(text):
        raise InvalidArgument(f'invalid id of a {what}: "{text[:64]}"')
    return text


def _entitlements(names: Sequence[str]) -> frozenset[str]:
    for name in names:
        if name not in ENTITLEMENTS:
            known = ", ".join(ENTITLEMENTS)
            raise InvalidArgument(f'unknown entitlement "{name}": it is one of {known}')
    return frozenset(names)


def _decoded(query: Query, name: str, kind: type[T], what: str) -> T:
    """Return a parameter that is JSON; the type's empty value where there is none."""
    text = query.text(name)
    if not text or text == "null":
        return kind()
    try:
        return decode(kind, text.encode("utf-8", "surrogateescape"))
    except (InvalidArgument, msgspec.MsgspecError) as err:
        raise InvalidArgument(f"{what}: {err}") from err


_PRUNE_FILTERS = frozenset(
    {"until", "unused-for", "id", "parent", "type", "description", "inuse", "shared", "private"}
)


def parse_prune(call: Call) -> CachePrune:
    """Return what `POST /build/prune` asks for; raises InvalidArgument."""
    query = call.query
    filters = dict(call.filters(_PRUNE_FILTERS))
    if "parent" in filters:  # the API's word, and BuildKit's
        filters["parents"] = filters.pop("parent")
    moments = [*filters.pop("until", ()), *filters.pop("unused-for", ())]
    if len(moments) > 1:
        raise InvalidArgument("only one `until` filter can be given")
    return CachePrune(
        everything=query.flag("all"),
        # The name until API 1.47 stands for the newer one.
        keep_bytes=_count(query, "reserved-space") or _count(query, "keep-storage"),
        max_used_bytes=_count(query, "max-used-space"),
        min_free_bytes=_count(query, "min-free-space"),
        filters=filters,
        until_ns=parse_timestamp(moments[0], time.time_ns()) if moments else None,
    )
