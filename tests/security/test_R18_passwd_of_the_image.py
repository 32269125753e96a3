"""R18 (containerd CVE-2026-47262): /etc/passwd or /etc/group that is endless, huge or elsewhere."""

from __future__ import annotations

import pytest
from attack_lab import Layer, image, memory_stays, run, within

pytestmark = pytest.mark.integration

ACCOUNT = b"odd:x:%d:%d::/:/bin/sh\n"
FILES = {
    "endless": lambda layer, path: layer.symlink(path, "/dev/zero"),
    "fifo": lambda layer, path: layer.fifo(path),
    "zero device": lambda layer, path: layer.character(path, 1, 5),
    "the host's": lambda layer, path: layer.symlink(path, "../../../../../../../etc/shadow"),
    "itself": lambda layer, path: layer.symlink(path, "passwd"),
    "a directory": lambda layer, path: layer.directory(path),
    "a process": lambda layer, path: layer.symlink(path, "/proc/self/root/etc/passwd"),
}


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("path", ["etc/passwd", "etc/group"])
def test_the_answer_comes_at_once_and_never_from_the_host(engine, kind, path):
    name = image(engine, FILES[kind](Layer(), path))
    with within(2.0), memory_stays(engine.pid, 32 << 10):
        code, text = run(engine, "true", image=name, config={"User": "nosuch:nosuch"})
        assert code == -1, text
        # Numbers need no file.
        code, text = run(
            engine, "grep", "Uid", "/proc/self/status", image=name, config={"User": "7:7"}
        )
        assert code == -1 or text == "Uid:\t7\t7\t7\t7\n"


def test_a_million_lines(engine):
    data = b"".join(ACCOUNT % (number, number) for number in range(400_000))
    name = image(engine, Layer().file("etc/passwd", data))
    with within(2.0), memory_stays(engine.pid, 32 << 10):
        code, _ = run(engine, "true", image=name, config={"User": "nosuch"})
        assert code == -1


def test_a_sparse_file_of_8_gib(engine):
    engine.docker("create", "--name", "box", "-u", "someone", "busybox", "true")
    found = engine.place.data_root.glob(f"snapshots/*/{engine.inspect('box')['Id']}/upper")
    upper = next(iter(found))
    (upper / "etc").mkdir()
    with (upper / "etc" / "passwd").open("wb") as file:
        file.truncate(8 << 30)
    with within(2.0), memory_stays(engine.pid, 32 << 10):
        answer = engine.api("POST", "/containers/box/start")
        assert answer.status >= 400, answer
