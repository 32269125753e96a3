"""What tests need and what takes long to make: made once, and kept under ~/.cache/baleen-tests."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def made_once(kind: str, recipe: object, make: Callable[[Path], None]) -> Path:
    """Return the directory that `make` has filled for this recipe.

    There is one of a kind: what another recipe made is removed. Test runs at the same time wait for
    each other; one that fails leaves nothing that is taken for finished.
    """
    key = hashlib.sha256(repr(recipe).encode()).hexdigest()[:12]
    top = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "baleen-tests"
    top.mkdir(parents=True, exist_ok=True)
    place, work = top / f"{kind}-{key}", top / f"work-{kind}"
    with (top / f"lock-{kind}").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.exists():
            shutil.rmtree(work, ignore_errors=True)
            work.mkdir()
            make(work)
            for old in top.glob(f"{kind}-*"):
                shutil.rmtree(old)
            work.rename(place)
    return place
