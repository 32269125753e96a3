"""The names of volumes: the grammar of all names of Docker, and a length that a directory may have.

See: Engine API v1.55 /volumes/create.
"""

from __future__ import annotations

from baleen.api.names import NAME_CHARACTERS, is_name
from baleen.errors import InvalidArgument

__all__ = ["check_volume_name"]

_MAX_FILE_NAME = 255


def check_volume_name(unsafe_name: str) -> str:
    """Return the name, which is fit to be that of a directory.

    Raises:
        InvalidArgument: with Docker's text.
    """
    if len(unsafe_name) == 1:
        raise InvalidArgument(
            "volume name is too short, names should be at least two alphanumeric characters"
        )
    if not is_name(unsafe_name) or len(unsafe_name) > _MAX_FILE_NAME:
        shown = unsafe_name[:256]
        raise InvalidArgument(
            f'"{shown}" includes invalid characters for a local volume name, only '
            f'"{NAME_CHARACTERS}" are allowed. If you intended to pass a host directory, use '
            "absolute path"
        )
    return unsafe_name
