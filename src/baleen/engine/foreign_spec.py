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

__all__ = ["adapt_spec", "runtime_request"]


def adapt_spec(spec: dict[str, Any], host: HostConfig, seccomp: SeccompPrograms) -> None:
    """Make the document of our own runtime one for another (InvalidArgument).

    The container's seccomp profile comes in, unless it is privileged.
    """
    # The oldest that has all that is in it: some runtimes refuse one that is newer than they are.
    spec["ociVersion"] = "1.1.0" if "domainname" in spec else "1.0.2"
    # The schema has no recursive kinds, and a private root alone would leave the mounts below it
    # shared: runtimes make the whole tree a slave if nothing is said. That is private enough.
    if spec["linux"].pop("rootfsPropagation") == "rshared":
        spec["linux"]["rootfsPropagation"] = "shared"
    # A kind of namespace that is younger than runtimes in use.
    namespaces = spec["linux"].get("namespaces", ())
    spec["linux"]["namespaces"] = [one for one in namespaces if one["type"] != "time"]
    if host.privileged:
        return
    profile = parse_security_options(host.security_opt).seccomp
    document = seccomp.document(profile, bounding_capabilities(host))
    if document is not None:
        spec["linux"]["seccomp"] = document


def runtime_request(runtime: RegisteredRuntime | None) -> dict[str, object] | None:
    """Return the field `runtime` of start.json."""
    return None if runtime is None else {"path": runtime.path, "args": list(runtime.args)}
