import errno
import os

import pytest

from baleen.linux import Fd
from baleen.runtime import rootfs
from baleen.runtime.failure import LaunchError
from baleen.runtime.mount_options import parse_options
from baleen.runtime.spec import Mount


@pytest.fixture
def root(tmp_path):
    with Fd(os.open(tmp_path, os.O_PATH | os.O_DIRECTORY)) as fd:
        yield fd


def _mount(destination):
    return Mount(destination, "bind", "/source", parse_options(["rbind"]))


def test_a_missing_place_is_made_of_the_kind_that_is_needed(root, tmp_path):
    for name, directory in (("/a/dir", True), ("/b/file", False)):
        target, mode = rootfs._target(root, _mount(name), directory=directory)
        target.close()
        assert mode is None
    assert (tmp_path / "a/dir").is_dir()
    assert (tmp_path / "b/file").is_file()


def test_the_mode_of_an_existing_place_is_told(root, tmp_path):
    (tmp_path / "d").mkdir(mode=0o700)
    target, mode = rootfs._target(root, _mount("/d"), directory=True)
    target.close()
    assert mode & 0o7777 == 0o700


def test_a_place_of_the_other_kind_is_refused(root, tmp_path):
    (tmp_path / "f").touch()
    (tmp_path / "d").mkdir()
    with pytest.raises(NotADirectoryError):
        rootfs._target(root, _mount("/f"), directory=True)
    with pytest.raises(IsADirectoryError):
        rootfs._target(root, _mount("/d"), directory=False)


def test_a_place_on_procfs_is_refused_wherever_it_is_seen():
    with (
        Fd(os.open("/", os.O_PATH)) as root,
        pytest.raises(LaunchError, match="inside /proc"),
    ):
        rootfs._target(root, _mount("/dev/../proc/self"), directory=True)


@pytest.mark.parametrize("top", ["/proc", "/sys", "/dev"])
def test_linked_and_odd_kernel_directories_are_refused(root, tmp_path, top):
    rootfs._check_plain(root, top)
    os.symlink("/tmp", tmp_path / top[1:])
    with pytest.raises(LaunchError, match=f"{top} of the image is a symbolic link"):
        rootfs._check_plain(root, top)
    (tmp_path / top[1:]).unlink()
    (tmp_path / top[1:]).touch()
    with pytest.raises(LaunchError, match="ordinary directory"):
        rootfs._check_plain(root, top)


def test_a_failed_mount_names_both_ends_and_gives_dockers_hint():
    error = OSError(errno.ENOTDIR, "")
    error.add_note("move_mount")
    message = str(rootfs._mount_failure(_mount("/target"), error))
    assert message.startswith('error mounting "/source" to rootfs at "/target": move_mount: not a')
    assert "Are you trying to mount a directory onto a file" in message
