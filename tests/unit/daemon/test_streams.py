from __future__ import annotations

import json

import pytest

from baleen.daemon.streams import primed, progress
from baleen.errors import NotFound


async def items(*values, error=None):
    for value in values:
        yield value
    if error is not None:
        raise error


async def test_priming_keeps_all_items_and_raises_what_comes_first():
    assert [item async for item in await primed(items(1, 2))] == [1, 2]
    assert [item async for item in await primed(items())] == []
    with pytest.raises(NotFound):
        await primed(items(error=NotFound("x")))


async def test_a_late_error_is_the_last_line_of_a_progress_stream():
    answer = await progress(items({"stream": "a"}, error=NotFound("no x")))
    lines = [json.loads(line) async for line in answer.chunks]
    assert lines == [{"stream": "a"}, {"errorDetail": {"message": "no x"}, "error": "no x"}]
