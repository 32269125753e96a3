"""Platforms on the command line: `os[/arch[/variant]]`.

`create`, `pull` and `import` pass the text on; the calls about one variant of an image take JSON.
See: Engine API, the parameter `platform` of ImageInspect, ImageHistory, ImageGet and ImagePush.
"""

from __future__ import annotations

import os

from baleen.errors import InvalidArgument

__all__ = ["platform_document"]

_SYSTEMS = frozenset(("linux", "windows", "darwin", "freebsd"))
_MACHINES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}
_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-")


def platform_document(text: str) -> str | None:
    """The JSON for the API; None for an empty text.

    Raises:
        InvalidArgument: not a platform.
    """
    if not text:
        return None
    parts = text.lower().split("/")
    if len(parts) > 3 or not all(part and _LETTERS.issuperset(part) for part in parts):
        raise InvalidArgument(
            f'invalid platform: "{text}": must be of the form "os[/arch[/variant]]"'
        )
    if len(parts) == 1:
        if parts[0] in _SYSTEMS:
            machine = os.uname().machine
            parts.append(_MACHINES.get(machine, machine))
        else:
            parts.insert(0, "linux")
    import json

    names = ("os", "architecture", "variant")
    return json.dumps(dict(zip(names, parts, strict=False)), separators=(",", ":"))
