"""`features`: what this runtime can do, as JSON.

See: OCI runtime-spec features.md and features-linux.md.
"""

from __future__ import annotations

import json

import baleen
from baleen.linux import capabilities
from baleen.runtime.hooks import KINDS as HOOKS
from baleen.runtime.mount_options import known_options
from baleen.runtime.oci.output import print_text
from baleen.runtime.oci.state import OCI_VERSION
from baleen.runtime.seccomp import ARCHITECTURES, FLAGS
from baleen.runtime.seccomp_profile import ACTIONS, OPERATORS
from baleen.runtime.spec import NAMESPACES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.runtime.oci.commands import Invocation

__all__ = ["document", "execute"]


def document() -> dict[str, object]:
    """The document."""
    return {
        "ociVersionMin": "1.0.0",
        "ociVersionMax": OCI_VERSION,
        "hooks": list(HOOKS),
        "mountOptions": known_options(),
        "linux": {
            "namespaces": sorted(NAMESPACES),
            "capabilities": list(capabilities.CAPABILITIES),
            "cgroup": {
                "v1": True,
                "v2": True,
                "systemd": False,
                "systemdUser": False,
                "rdma": True,
            },
            "seccomp": {
                "enabled": True,
                "actions": sorted(ACTIONS),
                "operators": sorted(f"SCMP_CMP_{name}" for name in OPERATORS),
                "archs": sorted(ARCHITECTURES),
                "knownFlags": sorted(FLAGS),
                "supportedFlags": sorted(FLAGS),
            },
            "apparmor": {"enabled": True},
            "selinux": {"enabled": True},
            "intelRdt": {"enabled": False},
            "mountExtensions": {"idmap": {"enabled": True}},
            "netDevices": {"enabled": True},
        },
        "annotations": {"io.baleen.version": baleen.__version__},
        "potentiallyUnsafeConfigAnnotations": [],
    }


def execute(_: Invocation) -> int:
    """Returns 0 when it was printed."""
    print_text(json.dumps(document(), indent=4) + "\n")
    return 0
