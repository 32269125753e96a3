"""A tree without what patterns leave out: `.dockerignore`, `--exclude`.

Directories that lose nothing and files are shared with the whole tree, and so are their digests.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from baleen.build.files.tree import Node

if TYPE_CHECKING:
    from baleen.api.ignore import Ignore
    from baleen.build.files.tree import FileTree

__all__ = ["pruned"]
