"""R05 (runc CVE-2019-19921, CVE-2023-28642): an image whose /proc or /sys leads elsewhere.

Masks and read-only mounts would land there. The start fails and names the link; see also
`tests/integration/runtime/launch/test_mounts.py`.
"""

from __future__ import annotations

import pytest
from attack_lab import Layer, image, run

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("place", ["proc", "sys"])
def test_an_image_that_links_a_kernel_directory_is_not_started(engine, place):
    layer = Layer().directory("srv/elsewhere").symlink(place, "/srv/elsewhere")
    code, text = run(engine, "ls", "/srv/elsewhere", image=image(engine, layer))
    assert code == -1
    assert f"/{place}" in text
    assert "link" in text


@pytest.mark.parametrize("place", ["proc", "sys"])
def test_privilege_does_not_change_that(engine, place):
    layer = Layer().directory("srv/elsewhere").symlink(place, "/srv/elsewhere")
    assert run(engine, "true", image=image(engine, layer), Privileged=True)[0] == -1
