"""Archives made by the standard library: an oracle that shares no code with ours."""

from __future__ import annotations

import io
import tarfile

KINDS = {
    "file": tarfile.REGTYPE,
    "dir": tarfile.DIRTYPE,
    "symlink": tarfile.SYMTYPE,
    "link": tarfile.LNKTYPE,
    "fifo": tarfile.FIFOTYPE,
    "char": tarfile.CHRTYPE,
    "block": tarfile.BLKTYPE,
}
BUILD_MTIME_S = 1_700_000_000


def tar_of(*entries, form=tarfile.PAX_FORMAT, mtime_s=0):
    """Return a tar of entries (name, kind, content or link target, {attributes})."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        for name, kind, *rest in entries:
            info = tarfile.TarInfo(name)
            info.type = KINDS[kind]
            info.mode = 0o755 if kind == "dir" else 0o644
            info.mtime = mtime_s
            content = rest[0] if rest else b""
            for key, value in (rest[1] if len(rest) > 1 else {}).items():
                setattr(info, key, value)
            if kind in ("symlink", "link"):
                info.linkname = content
            data = content if kind == "file" else b""
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def context_of(*entries):
    """Return a tar as a build's context: its files have a time."""
    return tar_of(*entries, mtime_s=BUILD_MTIME_S)
