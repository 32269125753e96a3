"""A bundle: config.json and what it names, read and checked before anything is made.

See: OCI runtime-spec bundle.md.
"""

from __future__ import annotations

import json
import os

from baleen.errors import InvalidArgument
from baleen.linux.record import record
from baleen.runtime.spec import parse_spec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from baleen.runtime.spec import Spec

__all__ = ["Bundle", "decode", "read_bundle", "read_file", "seccomp_program"]

_MAX_DOCUMENT: Final = 64 << 20


@record(frozen=True, slots=True)
class Bundle:
    """What was read.

    Attributes:
        directory, rootfs: absolute.
        document: the bytes of config.json.
        spec: the same, parsed.
    """

    directory: str
    rootfs: str
    document: bytes
    spec: Spec


def read_file(path: str) -> bytes:
    """A whole file of a user's, of up to 64 MiB. Raises InvalidArgument."""
    try:
        with open(path, "rb", buffering=0) as file:
            data = file.read(_MAX_DOCUMENT + 1)
    except OSError as error:
        raise InvalidArgument(f"cannot read {path}: {_reason(error)}") from error
    if data is None or len(data) > _MAX_DOCUMENT:
        raise InvalidArgument(f"{path} is larger than {_MAX_DOCUMENT} bytes")
    return data


def decode(data: bytes, path: str) -> object:
    """The JSON in `data`, which came from `path`. Raises InvalidArgument."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InvalidArgument(f"{path} is not JSON: {error}") from error


def _reason(error: OSError) -> str:
    text = error.strerror or str(error)
    return text[:1].lower() + text[1:]


def read_bundle(directory: str) -> Bundle:
    """The bundle in `directory`. Raises InvalidArgument or LaunchError naming what is wrong."""
    directory = os.path.abspath(directory)
    path = os.path.join(directory, "config.json")
    document = read_file(path)
    spec = parse_spec(decode(document, path))
    if not spec.root_path:
        raise InvalidArgument("root.path must not be empty")
    rootfs = os.path.normpath(os.path.join(directory, spec.root_path))
    if not os.path.isdir(rootfs):
        raise InvalidArgument(f"invalid rootfs: {rootfs} is not a directory")
    return Bundle(directory, rootfs, document, spec)


def seccomp_program(spec: Spec) -> bytes | None:
    """The compiled filter of the document. Raises InvalidArgument or NotImplemented."""
    if spec.seccomp is None:
        return None
    from baleen.linux import capabilities
    from baleen.runtime.seccomp import compile_profile

    wanted = spec.process.capabilities if spec.process else None
    host = os.uname()
    major, minor = host.release.split(".")[:2]
    minor = minor[: len(minor) - len(minor.lstrip("0123456789"))]
    return compile_profile(
        spec.seccomp,
        capabilities=capabilities.names_of(wanted.bounding) if wanted else [],
        arch=host.machine,
        kernel=(int(major), int(minor)),
        listener=True,
    )
