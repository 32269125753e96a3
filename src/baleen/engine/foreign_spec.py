"""The OCI document for a runtime that is not ours: in it is what our own gets beside it.

Our runtime takes compiled filters and its root's layers from start.json. Another one knows
config.json alone; root and network namespace get their paths where they are made
(`runtime.foreign.place`).

See: OCI runtime-spec config-linux.md, Seccomp.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from baleen.engine.oci_spec import bounding_capabilities
from baleen.engine.security_options import parse_security_options

if TYPE_CHECKING:
    from baleen.api import HostConfig
    from baleen.engine.runtimes import RegisteredRuntime
    from baleen.engine.seccomp_programs import SeccompPrograms

__all__ = ["add_seccomp", "runtime_request"]


def add_seccomp(spec: dict[str, Any], host: HostConfig, seccomp: SeccompPrograms) -> None:
    """Write the container's seccomp profile into its document (InvalidArgument).

    A privileged container has none.
    """
    if host.privileged:
        return
    profile = parse_security_options(host.security_opt).seccomp
    document = seccomp.document(profile, bounding_capabilities(host))
    if document is not None:
        spec["linux"]["seccomp"] = document


def runtime_request(runtime: RegisteredRuntime | None) -> dict[str, object] | None:
    """Return the field `runtime` of start.json."""
    return None if runtime is None else {"path": runtime.path, "args": list(runtime.args)}
