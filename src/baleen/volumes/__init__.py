"""Named and anonymous volumes: directories that outlive the containers that use them.

A volume is a name, options and labels in the database, and `<root>/<name>/_data` on disk. A volume
with mount options (`type`, `device`, `o`) is mounted there when its first user starts and taken
down after its last. It cannot be removed while any container, running or not, refers to it.
"""

from baleen.volumes.store import VolumeStore

__all__ = ["VolumeStore"]
