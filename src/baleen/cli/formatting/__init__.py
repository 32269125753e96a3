"""How answers are shown: Docker's tables, humanised numbers and times, Go templates.

A *row* is one object of a list under the field names that `--format` uses (`{{.Names}}`), each
computed only when asked for. A *table* is rows through a template with a header on top.
"""

from __future__ import annotations

__all__: list[str] = []
