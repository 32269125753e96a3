from __future__ import annotations

import pytest

PATH = "/baleen/v1/images/check"


def test_another_engine_cannot(baleen, fake, refusal):
    fake.on("POST", PATH, refusal("page not found"))
    outcome = baleen("image", "check")
    assert outcome.code == 1
    assert "this engine cannot do that" in outcome.err


@pytest.mark.parametrize("answer", [[], 1])
def test_a_form_that_nobody_knows_is_refused(baleen, fake, fakes, answer):
    fake.on("POST", PATH, fakes.Reply(answer))
    outcome = baleen("image", "check")
    assert (outcome.code, "does not know" in outcome.err) == (1, True)
