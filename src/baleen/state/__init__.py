"""The daemon's durable state: one SQLite database under the data root.

Every object (container, image name, network, volume) is one JSON document under a key in the
table of its kind; the daemon keeps the live view in memory and writes through. What the kernel
has (mounts, namespaces, rules) is derived and never stored here.
"""

from baleen.state.database import Database

__all__ = ["Database"]
