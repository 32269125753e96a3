"""The container runtime: from an OCI bundle to a running, isolated process, and what keeps it.

Terms: the *bundle* is a directory with config.json (OCI runtime-spec); the *supervisor* is the
process on the host that owns one container; the container's *init* is its PID 1. `launch` makes
containers and runs more processes in them; `supervisor` pumps their output, reaps them and records
their exit. All of it is single-threaded, imports the standard library and `linux` only, and forks.

`program`, `main` and `oci` are the same runtime as a program of its own, with runc's command line.

It does not pull images, choose addresses, or keep records of containers: that is the engine.
"""

from __future__ import annotations

__all__: list[str] = []
