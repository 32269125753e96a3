"""R15: a lax reading of `-u` makes root of another user.

The grammar and the files are in `tests/unit/engine/test_users.py`; here each text goes through
the API into a container, by run and by exec.
"""

from __future__ import annotations

import pytest
from attack_lab import run

pytestmark = pytest.mark.integration

# ruff: noqa: RUF001  # digits of other scripts are what is tested
ODD = [
    ":", "1000:",
    ":1000", "-1", "+0", "0x0", "1_000", " 0", "0 ", "٠", "1e3", "4294967296", "root\n",
    "root:x:y", "0:+0", "1000:-1", "1000:0x0", "4294967295", "nosuch", "root:nosuch", "0.0",
    "00x", "0\x00", "\x000", "99999999999999999999", "𝟎", "--", "/root",
]  # fmt: skip
MEANT = {
    "": "0:0", "0": "0:0", "root": "0:0", "1000": "1000:0", "1000:1000": "1000:1000",
    "nobody": "65534:65534", "0:1": "0:1",
}  # fmt: skip


@pytest.mark.parametrize("user", ODD)
def test_an_odd_user_is_an_error(engine, user):
    code, text = run(engine, "id", config={"User": user})
    assert code == -1, text
    assert "uid=0" not in text


def test_what_docker_documents_is_meant_exactly(engine):
    for user, expected in MEANT.items():
        code, text = run(engine, "sh", "-c", "echo $(id -u):$(id -g)", config={"User": user})
        assert (code, text) == (0, f"{expected}\n"), user


def test_exec_reads_them_alike(engine):
    engine.docker("run", "-d", "--name", "box", "-u", "1000", "busybox", "sleep", "1000")
    for user in ODD:
        made = engine.api("POST", "/containers/box/exec", {"Cmd": ["true"], "User": user})
        if made.status == 201:
            made = engine.api("POST", f"/exec/{made.json()['Id']}/start", {"Detach": True})
        assert 400 <= made.status < 500, (user, made)
    assert engine.out("exec", "box", "id", "-u") == "1000"
    assert engine.out("exec", "-u", "0", "box", "id", "-u") == "0"
