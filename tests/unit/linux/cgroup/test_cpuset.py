import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baleen.linux.cgroup.cpuset import MAX_CPU, format_cpuset, parse_cpuset


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("", set()),
        ("0", {0}),
        ("0-3,7", {0, 1, 2, 3, 7}),
        ("7,0-1", {0, 1, 7}),
        ("0,0-2,1", {0, 1, 2}),
        ("5-5", {5}),
    ],
)
def test_lists_are_read(text, numbers):
    assert parse_cpuset(text) == numbers


@pytest.mark.parametrize(
    "text",
    [
        "0-1e9",
        "1-4294967295",
        "3-1",
        "a",
        "1,",
        ",1",
        "1--2",
        "-1",
        "1_0",
        " 1",
        "1\n",
        "٣",
        "0-",
        "0x1",
        "99999999999999999999",
        "0-7:1/2",
        "N",
        "all",
        "1," * 50_000 + "1",
    ],
)
def test_other_texts_are_refused_at_once(text):
    took = []
    for _ in range(5):  # one that nobody interrupts will do
        begin = time.perf_counter()
        with pytest.raises(ValueError, match=r"list of numbers|above the highest|backwards"):
            parse_cpuset(text)
        took.append(time.perf_counter() - begin)
    assert min(took) < 0.005


def test_the_highest_number_of_the_host_is_a_limit():
    assert parse_cpuset("0-1", highest=1) == {0, 1}
    with pytest.raises(ValueError, match="2 is above the highest possible number, 1"):
        parse_cpuset("0-2", highest=1)


def test_many_wide_ranges_do_not_multiply_the_work():
    begin = time.perf_counter()
    assert len(parse_cpuset(",".join([f"0-{MAX_CPU}"] * 4000))) == MAX_CPU + 1
    assert time.perf_counter() - begin < 2


@given(st.frozensets(st.integers(0, MAX_CPU), max_size=200))
def test_formatting_and_parsing_are_inverse(numbers):
    assert parse_cpuset(format_cpuset(numbers)) == numbers
