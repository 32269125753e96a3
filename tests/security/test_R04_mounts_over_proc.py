"""R04 (runc CVE-2019-16884): no mount of a user may lie over /proc, where labels are written.

`-v` and `--tmpfs` are in `tests/integration/engine/test_run.py`; here it is the image that asks.
"""

from __future__ import annotations

import pytest
from attack_lab import Layer, image, run

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    "place", ["/proc", "/proc/", "/proc/self/attr", "//proc", "/x/../proc", "/./proc/sys"]
)
def test_a_volume_of_the_image_over_proc_is_refused(engine, place):
    name = image(engine, Layer().file("x"), Volumes={place: {}})
    code, text = run(engine, "true", image=name)
    assert (code, "/proc" in text) == (-1, True), text


def test_nothing_gets_over_proc_through_a_link_of_the_image(engine):
    """The link is only known at the start, when the path is walked."""
    name = image(engine, Layer().symlink("alias", "/proc"))
    for place in ("/alias", "/alias/self/attr", "/alias/sys/kernel"):
        code, text = run(engine, "true", image=name, Binds=[f"/tmp:{place}"])
        assert code == -1, (place, text)


def test_the_small_list_of_lxcfs_is_accepted(engine, tmp_path):
    (tmp_path / "meminfo").write_text("MemTotal: 1 kB\n")
    code, text = run(engine, "cat", "/proc/meminfo", Binds=[f"{tmp_path}/meminfo:/proc/meminfo:ro"])
    assert (code, text) == (0, "MemTotal: 1 kB\n")
