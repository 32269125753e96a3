import errno
import os

import pytest

from baleen.linux import pty


@pytest.fixture
def devpts():
    fd = os.open("/dev/pts", os.O_RDONLY | os.O_DIRECTORY)
    yield fd
    os.close(fd)


def test_what_is_written_to_one_end_comes_out_of_the_other(devpts):
    try:
        master, slave = pty.open_pair(devpts)
    except PermissionError:
        pytest.skip("the host's devpts does not let this user open its ptmx")
    with master, slave:
        os.write(slave.fileno(), b"out\n")
        assert os.read(master.fileno(), 100) == b"out\r\n"
        pty.set_window_size(master.fileno(), 80, 25)
        assert pty.get_window_size(slave.fileno()) == (80, 25)
        assert not os.get_inheritable(slave.fileno())


def test_a_directory_that_is_no_devpts_is_refused(tmp_path):
    (tmp_path / "ptmx").touch()
    fd = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    with pytest.raises(OSError, match="ptmx") as caught:
        pty.open_pair(fd)
    os.close(fd)
    assert caught.value.errno == errno.ENODEV


def test_what_is_no_terminal_has_no_size_and_controls_nothing(tmp_path):
    with open(os.devnull) as null:
        for call in (pty.get_window_size, pty.make_controlling):
            with pytest.raises(OSError, match="ioctl"):
                call(null.fileno())
