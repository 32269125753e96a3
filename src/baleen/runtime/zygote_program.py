"""Starts the zygote from a read-only view of its interpreter.

`python -m baleen.runtime.zygote_program FD`, see `zygote`.

A container may be told to execute /proc/self/exe, which then is the host's Python, with libraries
of the image; through that file it could write to the interpreter later. All that the zygote forks
is executed from where nobody can write (CVE-2019-5736).
"""

from __future__ import annotations

import os

from baleen.runtime.program import go_read_only

__all__ = ["start"]


def start() -> None:
    """Be the zygote, before anything else is loaded. Without root there is nothing to write to."""
    if os.geteuid() == 0:
        go_read_only()
    from baleen.runtime.zygote import main

    main()


if __name__ == "__main__":
    start()
