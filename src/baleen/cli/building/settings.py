"""The flags of a build as query, headers and prelude of its request.

See: `docker buildx build`; `api.builds.BuildPrelude`.
"""

from __future__ import annotations

import base64
import json
import os

from baleen.cli.building.context import is_url
from baleen.cli.parsing.csv import split_fields
from baleen.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from baleen.cli.flags import Flags
    from baleen.client.models import JsonObject, QueryValue

__all__ = [
    "build_query",
    "local_contexts",
    "parse_outputs",
    "parse_pairs",
    "prelude",
    "read_secrets",
    "registry_config",
    "ssh_agents",
]

_SECRET_LIMIT = 500 << 10  # BuildKit's


def parse_pairs(text: str, flag: str) -> dict[str, str]:
    """The pairs of `type=local,dest=out`; a word alone is a key with the value "true"."""
    found: dict[str, str] = {}
    for field in split_fields(text):
        key, equals, value = field.partition("=")
        if not key.strip():
            raise InvalidArgument(f"invalid value {text!r} for --{flag}")
        found[key.strip().lower()] = value if equals else "true"
    return found


def build_query(flags: Flags, dockerfile: str, remote: str) -> dict[str, QueryValue]:
    """The parameters of `POST /build` that other engines know as well."""
    arguments = _arguments(flags.texts("build-arg"))
    labels: dict[str, str] = {}
    for text in flags.texts("label"):
        key, _, value = text.partition("=")
        labels[key] = value
    ulimits = flags.value("ulimit")
    return {
        "dockerfile": dockerfile or None,
        "t": flags.texts("tag"),
        "remote": remote or None,
        "q": flags.on("quiet") or None,
        "nocache": flags.on("no-cache") or None,
        "pull": flags.on("pull") or None,
        "rm": flags.on("rm"),
        "forcerm": flags.on("force-rm") or None,
        "squash": flags.on("squash") or None,
        "target": flags.text("target") or None,
        "networkmode": flags.text("network") or None,
        "extrahosts": flags.texts("add-host"),
        "buildargs": _json(arguments),
        "labels": _json(labels),
        "cachefrom": None,
        "platform": None,
        "memory": _number(flags, "memory"),
        "memswap": _number(flags, "memory-swap"),
        "cpushares": _number(flags, "cpu-shares"),
        "cpuperiod": _number(flags, "cpu-period"),
        "cpuquota": _number(flags, "cpu-quota"),
        "cpusetcpus": flags.text("cpuset-cpus") or None,
        "cpusetmems": flags.text("cpuset-mems") or None,
        "shmsize": _number(flags, "shm-size"),
        "cgroupparent": flags.text("cgroup-parent") or None,
        "ulimits": _json(ulimits) if ulimits else None,
        "isolation": flags.text("isolation") or None,
    }


def _number(flags: Flags, name: str) -> int | None:
    value = flags.value(name)
    return value if isinstance(value, int) and value else None


def _json(value: object) -> str | None:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False) if value else None


def _arguments(texts: list[str]) -> dict[str, str | None]:
    """Build arguments; one without a value has that of the environment, or none."""
    found: dict[str, str | None] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not key:
            raise InvalidArgument(f"invalid build argument: {text!r}")
        found[key] = value if equals else os.environ.get(key)
    if "SOURCE_DATE_EPOCH" not in found and "SOURCE_DATE_EPOCH" in os.environ:
        found["SOURCE_DATE_EPOCH"] = os.environ["SOURCE_DATE_EPOCH"]
    return found


def prelude(flags: Flags, dockerfile: str | None, outputs: list[JsonObject]) -> JsonObject:
    """What is asked beside the query, of our own engine."""
    contexts = {name: value for name, value, _ in _contexts(flags)}
    document: JsonObject = {
        "Dockerfile": dockerfile,
        "Secrets": read_secrets(flags.texts("secret")),
        "SSH": list(ssh_agents(flags.texts("ssh"))),
        "Contexts": contexts,
        "NoCacheFilter": flags.texts("no-cache-filter"),
        "CacheFrom": [_cache(text, "cache-from") for text in flags.texts("cache-from")],
        "CacheTo": [_cache(text, "cache-to") for text in flags.texts("cache-to")],
        "Outputs": [{"Type": o["type"], "Attrs": o["attrs"]} for o in outputs],
        "Allow": flags.texts("allow"),
        "Attests": _attests(flags),
        "Platforms": flags.texts("platform"),
        "Call": "check" if flags.on("check") else flags.text("call"),
        "Events": not flags.on("quiet"),
        "Why": flags.on("why") or bool(flags.text("graph")),
        "KeepFailed": bool(flags.text("on-error")),
    }
    return {key: value for key, value in document.items() if value not in (None, "", [], {}, False)}


def _attests(flags: Flags) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in flags.texts("attest"):
        pairs = parse_pairs(text, "attest")
        kind = pairs.pop("type", "")
        if kind not in ("provenance", "sbom"):
            raise InvalidArgument(f"unknown attestation in {text!r}: it is provenance or sbom")
        found[kind] = ",".join(f"{key}={value}" for key, value in pairs.items()) or "true"
    for kind in ("provenance", "sbom"):
        if flags.text(kind):
            found[kind] = flags.text(kind)
    return found


def _cache(text: str, flag: str) -> JsonObject:
    if "=" not in text:
        return {"Type": "registry", "Attrs": {"ref": text}}
    pairs = parse_pairs(text, flag)
    kind = pairs.pop("type", "")
    if not kind:
        raise InvalidArgument(f"type required in --{flag} {text!r}")
    return {"Type": kind, "Attrs": pairs}


def parse_outputs(texts: list[str]) -> list[JsonObject]:
    """`--output`: each with `type`, `attrs` and `dest`; a bare path is a directory, `-` a tar."""
    found: list[JsonObject] = []
    for text in texts:
        if "=" not in text and "," not in text:
            kind = "tar" if text == "-" else "local"
            pairs: dict[str, str] = {"dest": text}
        else:
            pairs = parse_pairs(text, "output")
            kind = pairs.pop("type", "")
            if not kind:
                raise InvalidArgument(f"type is required for --output {text!r}")
        destination = pairs.pop("dest", "")
        if kind == "local" and not destination:
            raise InvalidArgument("dest is required for --output type=local")
        if kind == "docker" and not destination:
            kind = "image"  # into the store, as buildx loads it
        if kind in ("tar", "oci") and not destination:
            destination = "-"
        if kind in ("image", "registry", "cacheonly") and destination:
            raise InvalidArgument(f"dest is not for --output type={kind}")
        found.append({"type": kind, "attrs": pairs, "dest": destination})
    return found


def read_secrets(texts: list[str]) -> list[JsonObject]:
    """`--secret`: the contents, as base64.

    Raises:
        InvalidArgument: malformed, or there is no such file or variable.
    """
    return [_secret(text) for text in texts]


def _secret(text: str) -> JsonObject:
    pairs = parse_pairs(text, "secret")
    known = {"id", "src", "source", "env", "type"}
    for key in pairs:
        if key not in known:
            raise InvalidArgument(f"unexpected key '{key}' in '{text}'")
    source = pairs.get("src") or pairs.get("source") or ""
    name = pairs.get("id", "")
    variable = pairs.get("env", "")
    kind = pairs.get("type", "")
    if kind not in ("", "file", "env"):
        raise InvalidArgument(f'unsupported secret type "{kind}"')
    if not name:
        raise InvalidArgument(f"secret missing id in '{text}'")
    if kind == "env" and source and not variable:
        variable, source = source, ""
    if not source and not variable:
        # As BuildKit: a variable of that name, else a file.
        variable = name if name in os.environ else ""
        source = "" if variable else name
    if variable:
        value = os.environb.get(os.fsencode(variable))
        data = value if value is not None else b""
    else:
        with open(os.path.expanduser(source), "rb") as file:
            data = file.read(_SECRET_LIMIT + 1)
    if len(data) > _SECRET_LIMIT:
        raise InvalidArgument(f"invalid secret size: {name} is larger than 500 KiB")
    return {"ID": name, "Data": base64.b64encode(data).decode()}


def ssh_agents(texts: list[str]) -> dict[str, str]:
    """`--ssh`: the sockets of agents by id.

    Raises:
        InvalidArgument: no agent is known.
    """
    found: dict[str, str] = {}
    for text in texts:
        name, _, path = text.partition("=")
        path = path or os.environ.get("SSH_AUTH_SOCK", "")
        if not path:
            raise InvalidArgument("invalid empty ssh agent socket: make sure SSH_AUTH_SOCK is set")
        found[name or "default"] = path
    return found


def _contexts(flags: Flags) -> Iterator[tuple[str, str, str]]:
    """`--build-context`: (name, what the engine is told, the local folder or "")."""
    for text in flags.texts("build-context"):
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            raise InvalidArgument(f"invalid context value: {text}, expected key=value")
        if is_url(value) or value.startswith(("docker-image://", "target:")):
            yield name, value, ""
        elif os.path.isdir(value):
            yield name, "local", value
        else:
            raise InvalidArgument(f"failed to find the directory of build context {text!r}")


def local_contexts(flags: Flags) -> list[str]:
    """The folders of `--build-context`, in the order in which the prelude names them."""
    return [folder for _, _, folder in _contexts(flags) if folder]


def registry_config(directory: str) -> str:
    """The header X-Registry-Config: all credentials that the configuration knows; "" for none."""
    from baleen.client.contexts import read_config
    from baleen.client.credentials import CredentialStore

    config = read_config(directory)
    servers: dict[str, None] = {}
    for key in ("auths", "credHelpers"):
        entries = config.get(key)
        if isinstance(entries, dict):
            servers.update(dict.fromkeys(entries))
    store = CredentialStore(directory)
    found = {}
    for server in servers:
        auth = store.get(server)
        if auth:
            found[server] = auth.document()
    if not found:
        return ""
    return base64.urlsafe_b64encode(json.dumps(found).encode()).decode()
