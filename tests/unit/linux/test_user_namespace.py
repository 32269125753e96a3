"""What the maps of a user namespace say."""

from __future__ import annotations

import subprocess
import sys

import pytest

from baleen.linux.user_namespace import in_first_user_namespace, is_mapped, parse_id_map

_ASK = (
    "from baleen.linux.user_namespace import *;"
    "from baleen.linux.overlayfs import opaque_attribute;"
    "print(in_first_user_namespace(), has_one_id(), last_group(), is_mapped(0), is_mapped(1),"
    " groups_are_fixed(), opaque_attribute())"
)


def test_lines_are_ranges():
    text = "         0       1000          1\n         1     100000      65536\n"
    assert parse_id_map(text) == ((0, 1000, 1), (1, 100000, 65536))


def test_every_id_exists_in_the_first_namespace():
    if not in_first_user_namespace():
        pytest.skip("the tests run in a user namespace")
    assert is_mapped(0)
    assert is_mapped(2**32 - 2, group=True)


def test_what_a_namespace_with_one_id_has():
    command = ["unshare", "--user", "--map-root-user", sys.executable, "-c", _ASK]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "unshare failed" in done.stderr:
        pytest.skip("no user namespaces here")
    assert done.stdout.split() == [
        "False", "True", "0", "True", "False", "True", "user.overlay.opaque",
    ]  # fmt: skip
