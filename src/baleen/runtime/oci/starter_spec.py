"""`spec`: a config.json to begin with, which gives what `docker run` without options does."""

from __future__ import annotations

import json
import os

from baleen.errors import AlreadyExists, InvalidArgument
from baleen.errors import NotImplemented as Unsupported
from baleen.runtime.default_spec import default_spec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.runtime.oci.commands import Invocation

__all__ = ["execute"]


def execute(invocation: Invocation) -> int:
    """Returns 0 when the file was written; an existing one is never touched."""
    if invocation.options.flag("rootless"):
        raise Unsupported("--rootless: rootless containers are not available in this version")
    path = os.path.join(invocation.options.text("bundle", "."), "config.json")
    document = json.dumps(default_spec(terminal=True), indent="\t") + "\n"
    try:
        with open(path, "x", encoding="utf-8") as file:
            file.write(document)
    except FileExistsError as error:
        raise AlreadyExists(f"{path} exists already; remove it first") from error
    except OSError as error:
        raise InvalidArgument(f"cannot write {path}: {error.strerror}") from error
    return 0
