import os

from baleen.linux import Fd
from baleen.runtime import masks


def test_absent_paths_are_passed_over(tmp_path):
    (tmp_path / "file").touch()
    with Fd(os.open(tmp_path, os.O_PATH)) as root, Fd(os.open("/dev/null", os.O_PATH)) as null:
        masks.mask(root, ("/none", "/file/below"), null)
        masks.protect(root, ("/none", "/file/below"))


def test_without_sysctls_nothing_is_opened():
    masks.write_sysctls(())
