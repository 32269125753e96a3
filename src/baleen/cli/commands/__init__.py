"""One module per command; each holds a `Command` named COMMAND. `registry` names them all."""

from __future__ import annotations

__all__: list[str] = []
