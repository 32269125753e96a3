"""R02: nothing of the engine loads code from an image once it is in the container's tree.

runc and others resolve names, import lazily or dlopen after the change of root; then a library
of the image runs as root of the host. `tests/integration/runtime/launch/test_mounts.py` shows
that the runtime opens no file there; here the whole engine goes through a poisoned image.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from typing import TYPE_CHECKING

import pytest
from attack_lab import Layer, image, put

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.integration

NSS = (b"\x7fELF" + b"\0" * 60) * 4


def poison(marker: Path) -> Layer:
    code = f"open({str(marker)!r}, 'w').close()\nimport os\nos.abort()\n".encode()
    layer = Layer()
    roots = {sysconfig.get_path("stdlib"), sysconfig.get_path("purelib"), *sys.path[1:]}
    for root in sorted(root for root in roots if root.startswith("/")):
        for name in (
            "encodings/__init__.py", "encodings/idna.py", "encodings/utf_8.py", "codecs.py",
            "ctypes/__init__.py", "pwd.py", "grp.py", "socket.py", "json/__init__.py",
            "traceback.py", "linecache.py", "sitecustomize.py", "usercustomize.py",
        ):  # fmt: skip
            layer.file(f"{root}/{name}"[1:], code)
    for directory in ("lib", "lib64", "usr/lib", f"usr/lib/{os.uname().machine}-linux-gnu"):
        for name in ("libnss_files.so.2", "libnss_dns.so.2", "libc.so.6", "libgcc_s.so.1"):
            layer.file(f"{directory}/{name}", NSS)
    layer.file("etc/ld.so.preload", b"/lib/libnss_files.so.2\n")
    layer.file("etc/nsswitch.conf", b"passwd: files evil\ngroup: evil\nhosts: evil\n")
    return layer


def test_a_poisoned_image_is_run_entered_copied_and_watched(engine, tmp_path):
    marker = tmp_path / "marker"
    name = image(engine, poison(marker))
    engine.docker(
        "run", "-d", "--name", "box", "-u", "nobody", "-h", "naïve", "--init",
        "--health-cmd", "true", "-e", "PYTHONPATH=/usr/lib/python3.11", "-e",
        "LD_PRELOAD=/lib/libnss_files.so.2", name, "sleep", "1000",
    )  # fmt: skip
    assert engine.out("exec", "-u", "nobody:nobody", "box", "id", "-u") == "65534"
    engine.docker("top", "box")
    assert engine.api("GET", "/containers/box/stats?stream=0&one-shot=1").status == 200
    assert put(engine, "box", "/tmp", bytes(Layer().file("x")), "&copyUIDGID=1").status == 200
    assert engine.api("GET", "/containers/box/archive?path=/tmp").status == 200
    # What fails inside makes the runtime write an error: that is where late imports hide.
    engine.fails("exec", "box", "/nosuch\udcff", code=127)
    engine.fails("run", "--rm", name, "/nosuch", code=127)
    engine.docker("stop", "-t", "0", "box")
    assert not marker.exists()
    assert not os.listdir(tmp_path)
    done = engine.docker("diff", "box")
    assert "marker" not in done.stdout
