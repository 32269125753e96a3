"""CDI: devices that a vendor describes in files, for `--device vendor.com/class=name`.

A *spec file* lies in one of the CDI directories (/etc/cdi and /var/run/cdi unless configured). It
has a *kind*, "vendor/class", and *devices* of that kind; a device's *qualified name* is
"vendor/class=name". Each device, and the file as a whole, has *container edits*: what is added to
the config.json of a container that asks for it (device nodes with their cgroup rules, environment,
mounts, hooks, groups). Of two files with one device the one in the later directory counts; in the
same directory they conflict, and the device cannot be had.

The files are the host administrator's: nothing of an image, a container or a request decides
what is in them or where they are looked for. They are read when a container that asks for a CDI
device starts, and for `docker info`.

See: CDI specification 1.1.0 (tags.cncf.io/container-device-interface, SPEC.md).
"""

from baleen.engine.cdi.edits import apply_edits
from baleen.engine.cdi.registry import DEFAULT_SPEC_DIRS, Found, resolve, scan
from baleen.engine.cdi.spec_file import Edits

__all__ = ["DEFAULT_SPEC_DIRS", "Edits", "Found", "apply_edits", "resolve", "scan"]
