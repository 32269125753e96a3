"""Where a foreign runtime finds its bundle, and keeps its state: a directory of the run's bundle.

    <bundle>/runtime/config.json     what it is told
    <bundle>/runtime/rootfs          the container's root
    <bundle>/runtime/netns           its network namespace
    <bundle>/runtime/state           the runtime's own `--root`

What is mounted there is so in the keeper's mount namespace only: it is gone with the last process
of that, and who removes the directory on the host finds nothing of a container in it.

See: OCI runtime-spec bundle.md; mount_namespaces(7).
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import socket

from baleen.linux import mount as m
from baleen.linux import namespaces as ns
from baleen.linux.fd import Fd
from baleen.linux.overlayfs import attach_overlay, detached_overlay

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from baleen.runtime.prepare import Rootfs

__all__ = ["Place", "new_network_namespace"]

# struct sockaddr_un has 108 bytes for a path with its end.
_LONGEST_SOCKET_PATH = 107


class Place:
    """The directory of one run. Owns a descriptor of it."""

    def __init__(self, bundle: str) -> None:
        """Make it, empty (OSError)."""
        self.directory = f"{bundle}/runtime"
        # What a killed keeper has left; its mounts have died with it.
        with contextlib.suppress(FileNotFoundError):
            _remove_tree(self.directory)
        for name in ("", "/rootfs", "/state"):
            os.mkdir(self.directory + name, 0o700)
        self._fd = Fd(os.open(self.directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC))

    def isolate(self) -> None:
        """Be in a mount namespace of our own, so that what is mounted here is nobody else's."""
        ns.unshare(ns.CLONE_NEWNS)
        _keep_from_host(self.directory)

    def path(self, name: str) -> str:
        """The path of `name` in it."""
        return f"{self.directory}/{name}"

    def mount_root(self, rootfs: Rootfs) -> None:
        """Mount the container's root (OSError)."""
        place = self.path("rootfs")
        if rootfs.path is not None:
            m.mount(rootfs.path, place, None, m.MS_BIND | m.MS_REC)
            return
        overlay = detached_overlay(rootfs.lower, rootfs.upper, rootfs.work)
        if overlay is None:
            attach_overlay(rootfs.lower, rootfs.upper, rootfs.work, place)
            return
        with overlay, Fd(os.open(place, os.O_PATH | os.O_CLOEXEC)) as target:
            m.move_mount(overlay.fileno(), target.fileno())

    def mount_network_namespace(self, netns: Fd) -> str:
        """Give a network namespace a path, and return that (OSError)."""
        place = self.path("netns")
        os.close(os.open(place, os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o400))
        m.mount(f"/proc/self/fd/{netns.fileno()}", place, None, m.MS_BIND)
        return place

    def write_config(self, document: Mapping[str, object], netns: str | None) -> None:
        """Write config.json for the runtime: the engine's, with the places that it has here."""
        root = {**_object(document.get("root")), "path": self.path("rootfs")}
        linux = dict(_object(document.get("linux")))
        namespaces = linux.get("namespaces")
        if netns is not None and isinstance(namespaces, list):
            linux["namespaces"] = [
                {"type": "network", "path": netns} if entry == {"type": "network"} else entry
                for entry in namespaces
            ]
        self.write("config.json", {**document, "root": root, "linux": linux})

    def write(self, name: str, document: Mapping[str, object]) -> str:
        """Write a JSON file and return its path (OSError)."""
        path = self.path(name)
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            json.dump(document, file)
        return path

    def read(self, name: str) -> bytes:
        """The content of a file, empty if it is not there."""
        try:
            with open(self.path(name), "rb") as file:
                return file.read()
        except FileNotFoundError:
            return b""

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path(name))

    def listen(self, name: str) -> tuple[socket.socket, str]:
        """A listening socket, and a path by which another process of this host reaches it."""
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        try:
            self.remove(name)
            listener.bind(f"/proc/self/fd/{self._fd.fileno()}/{name}")
            listener.listen(1)
        except BaseException:
            listener.close()
            raise
        path = self.path(name)
        if len(os.fsencode(path)) > _LONGEST_SOCKET_PATH:
            path = f"/proc/{os.getpid()}/fd/{self._fd.fileno()}/{name}"
        return listener, path


def _object(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _remove_tree(directory: str) -> None:
    """As shutil.rmtree, which is not worth two megabytes of compressors (OSError)."""
    with os.scandir(directory) as entries:
        for entry in list(entries):
            if entry.is_dir(follow_symlinks=False):
                _remove_tree(entry.path)
            else:
                os.unlink(entry.path)
    os.rmdir(directory)


def _keep_from_host(directory: str) -> None:
    """Let no mount at or below `directory` reach the host.

    The one mount that contains it becomes a slave. All others stay as they are, since a volume that
    is shared with the host (`rshared`) is to stay that.
    """
    path = directory
    while True:
        try:
            m.mount(None, path, None, m.MS_SLAVE)
        except OSError as error:
            # EINVAL: it is no mount point, so look further up.
            if error.errno != errno.EINVAL or path == "/":
                raise
            path = os.path.dirname(path)
        else:
            return


def new_network_namespace() -> Fd:
    """A network namespace that nobody is in (OSError)."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        ns.unshare(ns.CLONE_NEWNET)
        try:
            return Fd(os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC))
        finally:
            ns.setns(home, ns.CLONE_NEWNET)
    finally:
        os.close(home)
