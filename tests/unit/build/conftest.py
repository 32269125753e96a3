"""Contexts out of archives that the standard library makes, and layers read by it."""

import io
import tarfile

import pytest

from baleen.build.files.archive_tree import read_archive
from baleen.build.files.packing import pack_layer
from baleen.build.files.spooling import spool_file

KINDS = {
    "file": tarfile.REGTYPE,
    "dir": tarfile.DIRTYPE,
    "symlink": tarfile.SYMTYPE,
    "link": tarfile.LNKTYPE,
    "fifo": tarfile.FIFOTYPE,
    "char": tarfile.CHRTYPE,
}


def tar_of(*entries):
    """Return a tar of entries (name, kind, content or link target, {attributes})."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, kind, *rest in entries:
            info = tarfile.TarInfo(name)
            info.type = KINDS[kind]
            info.mode = 0o755 if kind == "dir" else 0o644
            info.mtime = 1_700_000_000
            content = rest[0] if rest else b""
            for key, value in (rest[1] if len(rest) > 1 else {}).items():
                setattr(info, key, value)
            if kind in ("symlink", "link"):
                info.linkname = content
            data = content if kind == "file" else b""
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def listed(data):
    """Return what an archive holds: text of files, targets of links, "dir", by name."""
    found = {}
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for info in archive:
            if info.isfile():
                found[info.name] = archive.extractfile(info).read().decode("latin-1")
            elif info.issym():
                found[info.name] = f"-> {info.linkname}"
            elif info.islnk():
                found[info.name] = f"= {info.linkname}"
            else:
                found[info.name] = "dir" if info.isdir() else info.type
    return found


@pytest.fixture
def make_tar():
    return tar_of


@pytest.fixture
def tree(tmp_path):
    """Return a function: entries to a tree that was never unpacked."""
    made = []

    def make(*entries, **options):
        found = read_archive([tar_of(*entries)], spool_file(tmp_path), **options)
        made.append(found)
        return found

    yield make
    for found in made:
        found.close()


@pytest.fixture
def packed():
    """Return a function: a layer to what its archive holds."""
    return lambda layer: listed(b"".join(pack_layer(layer)))


@pytest.fixture
def infos():
    """Return a function: a layer to the headers of its archive by name."""

    def headers(layer):
        with tarfile.open(fileobj=io.BytesIO(b"".join(pack_layer(layer)))) as archive:
            return {info.name: info for info in archive}

    return headers
