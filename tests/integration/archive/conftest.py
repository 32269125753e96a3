"""Archives made by the standard library, unpacked by ours as root."""

import io
import os
import tarfile

import pytest

from baleen.archive.apply import apply_layer

KINDS = {
    "file": tarfile.REGTYPE,
    "dir": tarfile.DIRTYPE,
    "symlink": tarfile.SYMTYPE,
    "link": tarfile.LNKTYPE,
    "fifo": tarfile.FIFOTYPE,
    "char": tarfile.CHRTYPE,
    "block": tarfile.BLKTYPE,
}


def build(*entries):
    """Return a tar of entries (name, kind, content or link target, {attributes})."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, kind, *rest in entries:
            info = tarfile.TarInfo(name)
            info.type = KINDS[kind]
            info.mode = 0o755 if kind == "dir" else 0o644
            content = rest[0] if rest else b""
            for key, value in (rest[1] if len(rest) > 1 else {}).items():
                setattr(info, key, value)
            if kind in ("symlink", "link"):
                info.linkname = content
            data = content if kind == "file" else b""
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


@pytest.fixture
def make_tar():
    return build


@pytest.fixture
def layers(tmp_path):
    """Unpack layers above each other; gives the directory of the newest."""
    if os.geteuid() != 0:
        pytest.skip("needs root: owners and device nodes are real")
    made = []

    def add(*entries):
        path = tmp_path / "layers" / str(len(made))
        path.mkdir(parents=True)
        directories = [os.open(p, os.O_RDONLY) for p in (path, *reversed(made))]
        try:
            apply_layer(directories[0], directories[1:], [build(*entries)])
        finally:
            for fd in directories:
                os.close(fd)
        made.append(path)
        return path

    add.made = made
    return add


@pytest.fixture(autouse=True)
def no_descriptor_is_left():
    before = len(os.listdir("/proc/self/fd"))
    yield
    assert len(os.listdir("/proc/self/fd")) == before
