"""Docker contexts: named endpoints that the `docker context` command keeps on disk.

    <config dir>/config.json                           {"currentContext": NAME}
    <config dir>/contexts/meta/<sha256 of NAME>/meta.json   {"Name", "Endpoints": {"docker": ...}}
    <config dir>/contexts/tls/<sha256 of NAME>/docker/      ca.pem, cert.pem, key.pem

Read only. The name "default" means "no context". See: context.md.
"""

from __future__ import annotations

import json
import os

from baleen.client.endpoint import Endpoint, TlsOptions, parse_host
from baleen.errors import InvalidArgument, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.client.models import JsonObject

__all__ = ["context_endpoint", "current_context", "read_config"]


def read_config(config_dir: str) -> JsonObject:
    """The client's configuration file as an object; empty when there is none.

    Raises:
        InvalidArgument: the file is not a JSON object.
    """
    path = os.path.join(config_dir, "config.json")  # pathlib costs 4 ms of start
    return _read_object(path) or {}


def current_context(config_dir: str) -> str:
    """The name that `docker context use` chose, or an empty string."""
    name = read_config(config_dir).get("currentContext", "")
    return name if isinstance(name, str) else ""


def context_endpoint(config_dir: str, name: str) -> Endpoint:
    """The engine that the context `name` points at, with its TLS material.

    Raises:
        NotFound: no such context.
        InvalidArgument: its metadata is unusable.
    """
    import hashlib

    key = hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()
    root = f"{config_dir}/contexts"
    meta = _read_object(f"{root}/meta/{key}/meta.json")
    if meta is None:
        raise NotFound(f'context "{name}": context not found')
    endpoints = meta.get("Endpoints")
    docker = endpoints.get("docker") if isinstance(endpoints, dict) else None
    host = docker.get("Host") if isinstance(docker, dict) else None
    if not isinstance(docker, dict) or not isinstance(host, str):
        raise InvalidArgument(f'context "{name}" has no docker endpoint')
    directory = f"{root}/tls/{key}/docker"
    files = {
        name: path
        for name in ("ca", "cert", "key")
        if os.path.exists(path := f"{directory}/{name}.pem")
    }
    tls = None
    if files:
        tls = TlsOptions(
            ca=files.get("ca"),
            cert=files.get("cert"),
            key=files.get("key"),
            verify=docker.get("SkipTLSVerify") is not True,
        )
    return parse_host(host, tls=tls)


def _read_object(path: str) -> JsonObject | None:
    try:
        with open(path, "rb") as file:
            document = json.loads(file.read())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, RecursionError) as err:
        raise InvalidArgument(f"{path}: not valid JSON: {err}") from err
    if not isinstance(document, dict):
        raise InvalidArgument(f"{path}: expected a JSON object")
    return document
