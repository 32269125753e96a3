"""Strict parsers of flag values: text in, what the Engine API takes out.

Each refuses what the Docker CLI refuses, with its words: `int` and friends of Python take spaces,
underscores and Arabic digits and are never used before the grammar was checked (Y01).
"""

from __future__ import annotations

__all__: list[str] = []
