import os

import pytest

from baleen.linux import Fd
from baleen.runtime import devices
from baleen.runtime.failure import LaunchError


@pytest.fixture
def root(tmp_path):
    with Fd(os.open(tmp_path, os.O_PATH | os.O_DIRECTORY)) as fd:
        yield fd


def test_a_false_null_device_of_the_image_is_passed_over(root, tmp_path):
    (tmp_path / "dev").mkdir()
    os.symlink("/etc/passwd", tmp_path / "dev/null")
    with devices.null_device(root) as null:
        assert os.fstat(null.fileno()).st_rdev == devices.NULL
    (tmp_path / "dev/null").unlink()
    (tmp_path / "dev/null").touch()
    with devices.null_device(root) as null:
        assert os.fstat(null.fileno()).st_rdev == devices.NULL


def test_a_linked_dev_is_refused(root, tmp_path):
    os.symlink("/tmp", tmp_path / "dev")
    with pytest.raises(LaunchError, match="/dev of the image"):
        devices._device_directory(root)


def test_links_are_made_once_and_a_foreign_ptmx_is_replaced(root, tmp_path):
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/ptmx").touch()
    for _ in range(2):
        with devices._device_directory(root) as dev:
            devices._make_links(root, dev)
    assert os.readlink(tmp_path / "dev/ptmx") == "pts/ptmx"
    assert os.readlink(tmp_path / "dev/fd") == "/proc/self/fd"
    assert not (tmp_path / "dev/core").is_symlink()


def test_a_fifo_is_made_and_another_file_in_its_place_refused(root, tmp_path):
    device = devices.Device("/pipe", "p")
    fd = os.open(tmp_path, os.O_RDONLY)
    devices._make_node(fd, "pipe", device)
    devices._make_node(fd, "pipe", device)
    (tmp_path / "file").touch()
    with pytest.raises(LaunchError, match="another file"):
        devices._make_node(fd, "file", device)
    os.close(fd)


def test_no_terminal_without_a_devpts(root, tmp_path):
    (tmp_path / "dev/pts").mkdir(parents=True)
    with pytest.raises(LaunchError, match="terminal"):
        devices.open_terminal(root.fileno())
