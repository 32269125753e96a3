"""A17: layers that break off in the middle, beside good ones, hold nothing and leave nothing."""

from __future__ import annotations

import os
import threading

import pytest
from attack_lab import Layer, busybox_layers, image_archive, load, run

pytestmark = pytest.mark.integration


def broken(number: int) -> bytes:
    whole = Layer().file("good", b"x" * 5000).file(f"n{number}", os.urandom(200_000))
    return bytes(whole)[:150_000]


def test_good_images_go_on_beside_twenty_broken_ones(engine):
    base = busybox_layers(engine)
    answers = []

    def attack(start: int) -> None:
        for number in range(start, start + 10):
            archive = image_archive("bad:1", [*base, broken(number)], {})
            answers.append(load(engine, archive))

    threads = [threading.Thread(target=attack, args=(start,)) for start in (0, 10)]
    for thread in threads:
        thread.start()
    for number in range(5):
        layer = Layer().file("number", b"%d" % number)
        answer = load(engine, image_archive(f"fine:{number}", [*base, bytes(layer)], {}))
        assert answer.status == 200, answer
        assert run(engine, "cat", "/number", image=f"fine:{number}") == (0, str(number))
    for thread in threads:
        thread.join()
    assert len(answers) == 20
    assert all(answer.status >= 400 or b'"error"' in answer.body for answer in answers)
    drafts = engine.place.data_root / "snapshots" / "drafts"
    assert list(drafts.iterdir()) == []
    assert not [name for name in engine.out("images", "--format", "{{.Repository}}").split()
                if name == "bad"]  # fmt: skip
