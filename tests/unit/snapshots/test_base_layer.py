import os
import stat

from baleen.snapshots.base_layer import make_base


def test_it_is_there_with_its_modes_under_any_umask_and_again(tmp_path):
    before = os.umask(0o077)
    try:
        make_base(tmp_path / "base")
        (tmp_path / "base" / "proc").chmod(0o700)
        make_base(tmp_path / "base")
    finally:
        os.umask(before)
    found = {
        str(path.relative_to(tmp_path)): stat.S_IMODE(path.stat().st_mode)
        for path in tmp_path.rglob("*")
    }
    assert found == {
        "base": 0o755, "base/proc": 0o755, "base/sys": 0o755, "base/dev": 0o755, "base/etc": 0o755,
        "base/.dockerenv": 0o755, "base/etc/hosts": 0o644, "base/etc/hostname": 0o644,
        "base/etc/resolv.conf": 0o644,
    }  # fmt: skip
