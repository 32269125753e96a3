from __future__ import annotations

from baleen.registry.auth.buckets import Buckets


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_a_burst_and_then_one_in_a_while():
    clock = Clock()
    buckets = Buckets(0.5, 3, clock=clock)
    assert [buckets.take("a") for _ in range(4)] == [0, 0, 0, 2]
    assert buckets.take("b") == 0
    clock.now = 1.9
    assert buckets.take("a") == 1
    clock.now = 2.0
    assert [buckets.take("a"), buckets.take("a")] == [0, 2]


def test_tokens_do_not_pile_up_above_the_burst():
    clock = Clock()
    buckets = Buckets(1, 2, clock=clock)
    buckets.take("a")
    clock.now = 1000
    buckets.give_back("a")
    assert [buckets.take("a") for _ in range(3)] == [0, 0, 1]


def test_memory_is_bounded_and_the_longest_unused_goes():
    buckets = Buckets(1e-9, 1, most_keys=2)
    buckets.take("a")
    buckets.take("b")
    buckets.take("a")
    buckets.take("c")
    assert len(buckets) == 2
    assert buckets.take("a") > 0
    assert buckets.take("b") == 0
