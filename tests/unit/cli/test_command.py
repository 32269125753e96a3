from __future__ import annotations

import pytest

from baleen.cli.command import Command, UsageError


def command(minimum, maximum):
    return Command(lambda *_: 0, "", minimum=minimum, maximum=maximum)


@pytest.mark.parametrize(
    ("minimum", "maximum", "count"), [(0, 0, 0), (1, None, 9), (1, 1, 1), (0, 1, 0), (1, 2, 2)]
)
def test_a_right_number_of_arguments(minimum, maximum, count):
    command(minimum, maximum).check_arguments("baleen x", ["a"] * count)


@pytest.mark.parametrize(
    ("minimum", "maximum", "count", "text"),
    [
        (0, 0, 1, "accepts no arguments"),
        (1, None, 0, "requires at least 1 argument"),
        (2, None, 1, "requires at least 2 arguments"),
        (1, 1, 0, "requires 1 argument"),
        (2, 2, 3, "requires 2 arguments"),
        (0, 1, 2, "requires at most 1 argument"),
        (1, 2, 0, "requires at least 1 argument"),
        (1, 2, 3, "requires at most 2 arguments"),
    ],
)
def test_a_wrong_number_is_refused_in_dockers_words(minimum, maximum, count, text):
    with pytest.raises(UsageError) as caught:
        command(minimum, maximum).check_arguments("baleen x", ["a"] * count)
    assert caught.value.message == f"'baleen x' {text}"
