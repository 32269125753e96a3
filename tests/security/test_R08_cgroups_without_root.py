"""R08: without root, no control group but the own delegated one can be changed (CVE-2023-25809).

With the host's control group namespace, runc once showed a rootless container all of
/sys/fs/cgroup, writable where the user was.
"""

from __future__ import annotations

import os

import pytest

# Every way into the tree that a container has; what it could make or change is printed.
_ATTACK = """
for top in /sys/fs/cgroup /host; do
    find $top 2>/dev/null | while read path; do
        if [ -d "$path" ]; then
            mkdir "$path/$1" 2>/dev/null && echo "made $path"
        elif (echo 0 > "$path") 2>/dev/null; then
            echo "wrote $path"
        fi
    done
done
mount -o remount,rw /sys/fs/cgroup 2>/dev/null && echo remounted
echo tried
"""


def made(name):
    """The directories of that name in all hierarchies of the host."""
    return [path for path, _, _ in os.walk("/sys/fs/cgroup") if os.path.basename(path) == name]


@pytest.mark.parametrize("mode", ["", "host", "private"])
def test_no_control_group_is_changed(rootless, mode):
    flags = [f"--cgroupns={mode}"] if mode else []
    name = f"evil-{rootless.user}"
    out = rootless.out(
        "run", "--rm", *flags, "-v", "/sys/fs/cgroup:/host:ro", "busybox",
        "sh", "-c", _ATTACK, "sh", name,
    )  # fmt: skip
    assert out == "tried"
    assert made(name) == []


@pytest.mark.parametrize("mode", ["host", "private"])
def test_not_even_through_a_writable_bind_of_what_is_not_delegated(rootless, mode):
    own = str(rootless.note()["group"])
    name = f"evil-{rootless.user}"
    out = rootless.out(
        "run", "--rm", "--privileged", f"--cgroupns={mode}", "-v", "/sys/fs/cgroup:/host",
        "busybox", "sh", "-c", _ATTACK, "sh", name,
    )  # fmt: skip
    if not own:
        assert [line for line in out.splitlines() if line != "remounted"] == ["tried"]
    try:
        assert [path for path in made(name) if not (own and path.startswith(own))] == []
    finally:
        for path in made(name):
            os.rmdir(path)
