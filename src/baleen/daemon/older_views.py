"""What answers about images and containers look like to clients of earlier API versions.

The engine answers as the newest version says. Fields that have left the API since, and that
clients of their time read without asking, are put back here; fields that came later and change a
meaning are taken out.

See: Engine API CHANGELOG, v1.44 (VirtualSize), v1.45 (Container, ContainerConfig, Aliases), v1.47
(Manifests), v1.48 (Descriptor), v1.50 and v1.52 (Config), v1.51 (Containers).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["container_view", "image_list_view", "image_view"]

_WITHOUT_SHORT_ID_SINCE = (1, 45)
_LIST_IS_NEW_SINCE = (1, 51)
_INSPECT_IS_NEW_SINCE = (1, 52)
_PREDEFINED = frozenset({"bridge", "host", "none"})

# The image's defaults, with the values of an image that sets none of them.
_EMPTY_CONFIG: dict[str, object] = {
    "User": "",
    "Env": None,
    "Cmd": None,
    "Volumes": None,
    "WorkingDir": "",
    "Entrypoint": None,
    "OnBuild": None,
    "Labels": None,
}
# These never were an image's; they were a container's, always at their zero values.
_CONTAINER_ONLY: dict[str, object] = {
    "Hostname": "",
    "Domainname": "",
    "AttachStdin": False,
    "AttachStdout": False,
    "AttachStderr": False,
    "Tty": False,
    "OpenStdin": False,
    "StdinOnce": False,
    "Image": "",
}


def image_view(view: Mapping[str, Any], version: tuple[int, int]) -> dict[str, Any]:
    """Return the answer to /images/{name}/json; `view` is the newest version's."""
    result = dict(view)
    if version >= _INSPECT_IS_NEW_SINCE:
        return result
    for name in ("Parent", "Comment", "DockerVersion", "Author"):
        result.setdefault(name, "")
    config = {**_EMPTY_CONFIG, **(result.get("Config") or {})}
    if version < (1, 50):
        config = {**_CONTAINER_ONLY, **config}
    result["Config"] = config
    if version < (1, 48):
        result.pop("Descriptor", None)
    if version < (1, 45):
        result["Container"] = ""
        result["ContainerConfig"] = {**_CONTAINER_ONLY, **_EMPTY_CONFIG}
    if version < (1, 44):
        result["VirtualSize"] = result["Size"]
    return result


def image_list_view(images: list[dict[str, Any]], version: tuple[int, int]) -> list[dict[str, Any]]:
    """Return the answer to /images/json, made of the newest version's, which is changed."""
    if version >= _LIST_IS_NEW_SINCE:
        return images
    for image in images:
        image["Containers"] = -1
        if version < (1, 48):
            image.pop("Descriptor", None)
        if version < (1, 47):
            image.pop("Manifests", None)
        if version < (1, 44):
            image["VirtualSize"] = image["Size"]
    return images


def container_view(body: bytes, version: tuple[int, int]) -> bytes:
    """Return the answer to /containers/{id}/json; `body` is the newest version's."""
    if version >= _WITHOUT_SHORT_ID_SINCE:
        return body
    container: dict[str, Any] = msgspec.json.decode(body)
    short_id = container["Id"][:12]
    for name, endpoint in container["NetworkSettings"]["Networks"].items():
        aliases = endpoint["Aliases"] or []
        # Compose 1 joins a network anew when its container's id is not among the names there.
        if name not in _PREDEFINED and short_id not in aliases:
            endpoint["Aliases"] = [*aliases, short_id]
    return msgspec.json.encode(container)
