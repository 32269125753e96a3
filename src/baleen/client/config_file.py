"""Writing `config.json` of the client's configuration: other programs' keys stay as they are.

The file holds passwords: it is 0600, replaced in one step, and a symbolic link to it (people keep
such files elsewhere) stays a link.

See: docker/cli `cli/config/configfile/file.go`.
"""

from __future__ import annotations

import contextlib
import json
import os

from baleen.client.contexts import read_config

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from baleen.client.models import JsonObject

__all__ = ["config_path", "update_config"]

_LINKS = 40  # as the kernel: MAXSYMLINKS


def config_path(directory: str) -> str:
    """The path of the file in a configuration directory."""
    return os.path.join(directory, "config.json")


def update_config(directory: str, change: Callable[[JsonObject], None]) -> None:
    """Read the file, let `change` alter the object, and put it back.

    Nothing is written when nothing changed. Two programs that do this at one time: the last wins,
    and neither sees half a file.

    Raises:
        InvalidArgument: the file is not a JSON object.
        OSError: it cannot be written; the old one is untouched.
    """
    document = read_config(directory)
    before = json.dumps(document)
    change(document)
    text = json.dumps(document, indent="\t", ensure_ascii=False)
    if json.dumps(document) == before:
        return
    os.makedirs(directory, mode=0o700, exist_ok=True)
    path = _resolved(config_path(directory))
    temporary = f"{path}.{os.getpid()}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(temporary, flags, 0o600)
    try:
        with open(descriptor, "wb") as file:
            file.write(text.encode("utf-8", "surrogateescape"))
            file.flush()
            os.fsync(file.fileno())
        _keep_owner(path, temporary)
        os.rename(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _resolved(path: str) -> str:
    for _ in range(_LINKS):
        try:
            target = os.readlink(path)
        except OSError:
            break
        path = os.path.join(os.path.dirname(path), target)
    return path


def _keep_owner(path: str, temporary: str) -> None:
    # Somebody who runs this through sudo keeps a file that is theirs.
    try:
        info = os.stat(path)
    except FileNotFoundError:
        return
    if (info.st_uid, info.st_gid) != (os.geteuid(), os.getegid()):
        # Not root: it becomes ours, as any file that is written anew.
        with contextlib.suppress(PermissionError):
            os.chown(temporary, info.st_uid, info.st_gid)
