import errno
import os

import pytest

from baleen.linux import mount as m


def test_an_unknown_file_system_is_an_error_that_names_it():
    with pytest.raises(OSError, match="nosuchfs") as caught:
        m.fsopen("nosuchfs")
    assert caught.value.errno in (errno.ENODEV, errno.EPERM)
    assert caught.value.__notes__ == ["fsopen"]


def test_a_bad_descriptor_is_told_with_the_call():
    fd = os.open(os.devnull, os.O_RDONLY)
    os.close(fd)
    for call in (
        lambda: m.move_mount(fd, fd),
        lambda: m.mount_setattr(fd, set_=m.MOUNT_ATTR_RDONLY),
        lambda: m.open_tree(directory=fd),
        lambda: m.fsconfig_string(fd, "a", "b"),
        lambda: m.fsconfig_flag(fd, "a"),
        lambda: m.fsconfig_create(fd),
        lambda: m.fsmount(fd),
    ):
        with pytest.raises(OSError, match=r".") as caught:
            call()
        assert caught.value.errno in (errno.EBADF, errno.EPERM)


def test_a_path_that_is_no_mount_cannot_be_unmounted(tmp_path):
    for call in (
        lambda: m.umount2(str(tmp_path)),
        lambda: m.mount(None, str(tmp_path), None, m.MS_PRIVATE),
        lambda: m.pivot_root(str(tmp_path), str(tmp_path)),
    ):
        with pytest.raises(OSError, match=r".") as caught:
            call()
        assert caught.value.errno in (errno.EINVAL, errno.EPERM, errno.EBUSY)
        assert caught.value.filename == str(tmp_path)


def test_paths_of_mountinfo():
    assert m.unescape("/plain") == "/plain"
    assert m.unescape(r"/a\040b\011c\012d\134e") == "/a b\tc\nd\\e"
