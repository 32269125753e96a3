"""What `baleen registry ...` commands share: where a registry's settings come from.

Flags win over REGISTRY_ variables, which win over the configuration file.
"""

from __future__ import annotations

import os

from baleen.cli.flags import Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.cli.flags import Flags
    from baleen.registry.settings import Settings

__all__ = ["DATA", "DRY_RUN", "read_settings"]

DATA = (
    Flag("config", "", "string", "Configuration file of the registry (YAML)"),
    Flag("data", "", "string", 'Directory of the registry\'s data (default "/var/lib/registry")'),
)
DRY_RUN = Flag("dry-run", "", "bool", "Only show what would be removed")


def read_settings(flags: Flags, file: str = "", **variables: str) -> Settings:
    """Return the settings of a command; `variables` are from its flags, empty for not given.

    Raises:
        InvalidArgument: of the configuration.
        OSError: the file cannot be read.
    """
    from pathlib import Path

    from baleen.registry.configuration import read_tree
    from baleen.registry.settings import load_settings

    file = flags.text("config") or file
    given = {"REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY": flags.text("data"), **variables}
    environment = {**os.environ, **{name: value for name, value in given.items() if value}}
    return load_settings(read_tree(Path(file) if file else None, environment))
