"""Prefetching changes who does the work, not what comes out."""

import threading

import pytest

from baleen.archive.prefetch import ahead


def names():
    return [thread.name for thread in threading.enumerate()]


def test_items_come_in_order_and_the_thread_ends():
    with ahead(iter(range(1000))) as items:
        assert list(items) == list(range(1000))
    assert "baleen-prefetch" not in names()


def test_an_error_comes_where_its_item_would_be():
    def broken():
        yield 1
        raise KeyError("x")

    with ahead(broken()) as items:
        assert next(items) == 1
        with pytest.raises(KeyError):
            next(items)
    assert "baleen-prefetch" not in names()


def test_giving_up_ends_an_endless_source():
    def endless():
        while True:
            yield b"x"

    with ahead(endless()) as items:
        next(items)
    assert "baleen-prefetch" not in names()
