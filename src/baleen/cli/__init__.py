"""The `baleen` command: a client of the Docker Engine API with Docker's own command line.

A *command* is one module under `commands`, described by a `Command` value (its flags, arguments,
help) and found through `registry` without importing any other. A *session* is one invocation: the
engine, the standard streams. `formatting` turns an engine's answers into tables and templates,
`parsing` turns the text of flags into what the API takes, `streaming` carries a container's bytes.

Exit codes: 125 when this program or the engine refuses a run or a flag, 126 and 127 when the
container's command cannot be executed or is not found, else the container's own; 1 elsewhere.
Only `client` and `errors` are used from the rest of Baleen.
"""

from __future__ import annotations

__all__: list[str] = []
