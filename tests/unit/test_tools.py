"""The scripts in tools/ say what they lack, and name only what there is."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = {
    "newuidmap": "uidmap",
    "slirp4netns": "slirp4netns",
    "curl": "curl",
    "busybox": "busybox-static",
    "ps": "procps",
}


@pytest.mark.parametrize("missing", PACKAGES)
def test_the_tour_without_root_names_the_package_that_is_missing(tmp_path, missing):
    for name in PACKAGES.keys() - {missing}:
        (tmp_path / name).symlink_to("/bin/true")
    # What it is told with; neither apt-get nor anything of the host's.
    (tmp_path / "dirname").symlink_to("/usr/bin/dirname")
    done = subprocess.run(
        ["/bin/bash", str(ROOT / "tools/demo-rootless")],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    package = PACKAGES[missing]
    assert f"please install {package} with this system's package manager" in done.stderr


def test_what_the_virtual_machine_runs_by_default_exists():
    script = (ROOT / "tools/test-vm").read_text()
    named = re.findall(r"tests/[\w/]+\.py", script)
    named += [f"tests/integration/engine/test_{module}.py" for module in ("apparmor", "selinux")]
    lines = (ROOT / "tools/vm/tests").read_text().splitlines()
    named += [line for line in lines if not line.startswith(("#", "--"))]
    left_out = [line.removeprefix("--deselect=") for line in lines if line.startswith("--deselect")]
    for file, _, function in (name.partition("::") for name in left_out):
        assert f"def {function}(" in (ROOT / file).read_text()
    assert [name for name in named if not (ROOT / name).exists()] == []
    assert len(named) > 20


def test_an_unknown_security_module_is_refused_before_anything_is_made(tmp_path):
    done = subprocess.run(
        [str(ROOT / "tools/test-vm"), "--lsm", "smack"],
        env={**os.environ, "XDG_CACHE_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == "test-vm: --lsm needs apparmor or selinux\n"
    assert list(tmp_path.iterdir()) == []
