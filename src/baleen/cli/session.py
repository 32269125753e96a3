"""One invocation: which engine, and where output goes."""

from __future__ import annotations

import os

from baleen.cli.terminal import is_terminal, write_err, write_out

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.cli.command import Command
    from baleen.client.client import EngineClient
    from baleen.client.selection import HostFlags

__all__ = ["Session"]


class Session:
    """Holds the engine's client, opened at first use, for one command.

    Attributes:
        host_flags: what the command line says about the engine.
        command_name: for messages, for example "baleen run".
    """

    def __init__(self, host_flags: HostFlags, command_name: str, command: Command) -> None:
        self.host_flags = host_flags
        self.command_name = command_name
        self.command = command
        self._client: EngineClient | None = None

    @property
    def client(self) -> EngineClient:
        """The client of the selected engine."""
        if self._client is None:
            self._client = self.open_client()
        return self._client

    def open_client(self) -> EngineClient:
        """Another client of the same engine, to be closed by the caller."""
        from baleen.client.client import EngineClient
        from baleen.client.selection import select_endpoint

        endpoint = select_endpoint(self.host_flags, os.environ)
        version = os.environ.get("DOCKER_API_VERSION", "")
        return EngineClient(endpoint, api_version=version)

    def close(self) -> None:
        """Close the connection."""
        if self._client is not None:
            self._client.close()

    @property
    def config_directory(self) -> str:
        """The folder of the client's configuration."""
        from baleen.client.selection import config_directory

        return config_directory(self.host_flags, os.environ)

    def setting(self, key: str) -> str:
        """A text of the client's configuration file, for example `psFormat`; empty if not set."""
        directory = self.config_directory
        if not os.path.exists(f"{directory}/config.json"):  # pathlib is slow to load
            return ""
        from baleen.client.contexts import read_config

        value = read_config(directory).get(key, "")
        return value if isinstance(value, str) else ""

    def out(self, text: str) -> None:
        """Print a line on standard output."""
        write_out(text + "\n")

    def warn(self, text: str) -> None:
        """Print a line on standard error."""
        write_err(text + "\n")

    def out_raw(self, text: str) -> None:
        """Write on standard output as it is, for whoever draws there; it is safe by then."""
        write_out(text)

    def warn_raw(self, text: str) -> None:
        """Write on standard error as it is, for whoever draws there; it is safe by then."""
        write_err(text.encode("utf-8", "replace"))

    @property
    def out_is_terminal(self) -> bool:
        """Whether standard output is a terminal."""
        return is_terminal(1)
