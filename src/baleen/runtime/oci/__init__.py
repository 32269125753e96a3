"""The OCI command line of `baleen-runtime`: what podman, containerd and people call.

Terms: a *command* is one process that ends when its work is done; what must outlast it is in the
container's *state directory* below `--root` (`state`) and in the kernel. `create` leaves PID 1
*parked* (`parking`), ready in all but execve; `start`, another process, lets it go. Nothing of ours
runs beside a container that was created or detached: who reaps PID 1 is the caller's business.

Each command is a module with `execute`; `commands` is the table of them, with their options, from
which the parser, the help and the documentation are made. A command's modules are imported when it
is called, because start-up is most of its time.

See: OCI runtime-spec runtime.md; runc(8), whose options, outputs and exit codes these are.
"""

from __future__ import annotations

__all__: list[str] = []
