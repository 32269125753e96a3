"""Several blocking steps of one operation at once, in threads that end with it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from baleen.distribution.cancellation import Cancelled

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from baleen.distribution.cancellation import Cancellation

__all__ = ["run_all"]


def run_all(
    steps: Sequence[Callable[[Cancellation], None]], workers: int, cancel: Cancellation
) -> None:
    """Run the steps in their order, `workers` (at least one) at a time; return when all ended.

    The first failure cancels the others and is raised.
    """
    waiting = list(reversed(steps))
    failures: list[BaseException] = []
    lock = threading.Lock()
    with cancel.child() as inner:

        def work() -> None:
            while True:
                with lock:
                    if not waiting or failures:
                        return
                    step = waiting.pop()
                try:
                    inner.check()
                    step(inner)
                except BaseException as err:  # raised by the caller below
                    with lock:
                        failures.append(err)
                    inner.cancel()

        threads = [
            threading.Thread(target=work, name="distribution", daemon=True)
            for _ in range(max(1, min(workers, len(steps))))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    if failures:
        # The others only say that they were cancelled for it.
        cause = next((err for err in failures if not isinstance(err, Cancelled)), failures[0])
        cancel.check()
        raise cause
