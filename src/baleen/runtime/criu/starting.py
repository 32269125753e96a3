"""A worker's start from an image: what `launch.create` and `start` are without one.

The daemon has named a checkpoint in start.json; that directory is opened and looked at here, by
descriptor, and nothing but the processes comes from it.
"""

from __future__ import annotations

import os

from baleen.linux import namespaces as ns
from baleen.linux.fd import Fd
from baleen.runtime.criu.images import check_image, open_directory, read_streams
from baleen.runtime.criu.restore import RestorePlan, restore
from baleen.runtime.criu.service import find_criu

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from baleen.linux.cgroup import Cgroup
    from baleen.runtime.criu.restore import Restored
    from baleen.runtime.prepare import Stdio
    from baleen.runtime.request import StartRequest
    from baleen.runtime.spec import Spec

__all__ = ["new_network_namespace", "restore_container"]

_PLACE = "root"


def new_network_namespace() -> Fd:
    """A network namespace with nothing in it but `lo`, which is down. Raises OSError."""
    ready, made = os.pipe2(os.O_CLOEXEC)
    hold, release = os.pipe2(os.O_CLOEXEC)
    pid = os.fork()
    if pid == 0:
        try:
            os.close(release)
            ns.unshare(ns.CLONE_NEWNET)
            os.write(made, b"N")
            os.read(hold, 1)
        finally:
            os._exit(0)
    os.close(made)
    os.close(hold)
    try:
        if os.read(ready, 1) != b"N":
            raise OSError("cannot make a network namespace")
        return Fd(os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC))
    finally:
        os.close(ready)
        os.close(release)
        os.waitpid(pid, 0)


def restore_container(
    request: StartRequest,
    spec: Spec,
    cgroup: Cgroup,
    netns: Fd | None,
    stdio: Stdio | None,
    for_parent: Callable[[int, Fd | None], None],
) -> Restored:
    """Restore the container of `request` from its checkpoint; see `restore`.

    Raises BaleenError or OSError; nothing of the processes is left.
    """
    assert request.checkpoint is not None
    name = os.path.basename(request.checkpoint)
    criu = find_criu()
    place = f"{request.bundle}/{_PLACE}"
    os.mkdir(place, 0o700)
    try:
        with (
            open_directory(request.checkpoint, follow=False) as image,
            open_directory(request.bundle) as work,
        ):
            check_image(image, name, parents=False)
            plan = RestorePlan(
                criu=criu,
                image=image,
                work=work,
                streams=read_streams(image, name),
                spec=spec,
                bundle=request.bundle,
                rootfs=request.rootfs,
                place=place,
                stdio=stdio,
                cgroup=cgroup,
                netns=netns,
                seccomp=request.seccomp_program is not None,
            )
            return restore(plan, for_parent=for_parent)
    finally:
        os.rmdir(place)
