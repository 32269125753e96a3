"""Archives made by the standard library, unpacked by ours as root."""

import os

import pytest
from tests.stdlib_tars import tar_of

from baleen.archive.apply import apply_layer


@pytest.fixture
def make_tar():
    return tar_of


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
            apply_layer(directories[0], directories[1:], [tar_of(*entries)])
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
