"""Contexts out of archives that the standard library makes, and layers read by it."""

import io
import tarfile

import pytest
from tests.stdlib_tars import context_of

from baleen.build.files.archive_tree import read_archive
from baleen.build.files.packing import pack_layer
from baleen.build.files.spooling import spool_file


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
    return context_of


@pytest.fixture
def tree(tmp_path):
    """Return a function: entries to a tree that was never unpacked."""
    made = []

    def make(*entries, **options):
        found = read_archive([context_of(*entries)], spool_file(tmp_path), **options)
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
