import os

import pytest

from baleen.linux import files


@pytest.mark.parametrize(
    ("path", "magic"), [("/proc", files.PROC_SUPER_MAGIC), ("/sys", files.SYSFS_MAGIC)]
)
def test_a_file_system_is_known_by_its_magic_number(path, magic):
    fd = os.open(path, os.O_PATH)
    assert files.filesystem_magic(fd) == magic
    os.close(fd)


def test_a_pipe_is_resized_to_at_least_what_was_asked():
    reader, writer = os.pipe()
    assert files.set_pipe_size(writer, 10000) >= 10000
    os.close(reader)
    os.close(writer)
