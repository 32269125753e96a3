"""Running an iterator in a thread of its own, a few items ahead of who uses it.

Decompression, hashing and writing all release the interpreter's lock, so an unpacking layer uses
two processors with one thread on each side.
"""

from __future__ import annotations

import queue
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

__all__ = ["ahead"]

Item = TypeVar("Item")
_DEPTH = 2


@contextmanager
def ahead(iterator: Iterator[Item]) -> Generator[Iterator[Item], None, None]:
    """Give an iterator over the same items, which are made ahead in another thread.

    An error of `iterator` is raised where its item would have been. Leaving the block ends the
    thread and waits for it: at most one more item is made.
    """
    items: queue.Queue[tuple[Item | None, BaseException | None]] = queue.Queue(_DEPTH)
    stop = threading.Event()

    def produce() -> None:
        failure: BaseException | None = None
        try:
            for item in iterator:
                items.put((item, None))
                if stop.is_set():
                    return
        except BaseException as err:  # carried over to the other thread
            failure = err
        items.put((None, failure))

    def consume() -> Iterator[Item]:
        while True:
            item, failure = items.get()
            if failure is not None:
                raise failure
            if item is None:
                return
            yield item

    thread = threading.Thread(target=produce, name="baleen-prefetch", daemon=True)
    thread.start()
    try:
        yield consume()
    finally:
        stop.set()
        while thread.is_alive():
            try:
                items.get(timeout=0.05)
            except queue.Empty:
                continue
        thread.join()
