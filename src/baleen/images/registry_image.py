"""The image `registry` that comes with Baleen: its own registry server, made when first asked for.

It is what `docker pull registry` gives, without a network: the daemon neither keeps it nor makes it
at its start. The layer comes out of a process of its own (`registry_files`), in which code is
compiled, so that neither that memory nor that time is the daemon's.
"""

from __future__ import annotations

import hashlib
import os
import signal
import sys
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

from isal import isal_zlib

import baleen
from baleen.errors import FailedPrecondition
from baleen.images.embedded import PATH, put_embedded
from baleen.oci.descriptor import Descriptor
from baleen.oci.digest import Digest
from baleen.oci.image import ExecutionConfig
from baleen.oci.media_types import OCI_LAYER_GZIP

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from baleen.content.store import Lease
    from baleen.images.store import ImageStore
    from baleen.oci.platform import Platform
    from baleen.oci.reference import Reference

__all__ = ["build_registry_image", "is_registry_image"]

_MODULE = "baleen.images.registry_files"
_DATA = "/var/lib/registry"
# `registry_files.GROUP_AND_USER`; that module loads what only its own process needs.
_USER = "65532:65532"
_TAGS = ("latest", "2", "3")
_CHUNK = 1 << 20
_GZIP_LEVEL = 3
_MESSAGE_LIMIT = 4096


def is_registry_image(reference: Reference, platform: Platform | None, ours: Platform) -> bool:
    """Say whether `reference` means the image that comes with Baleen.

    That is Docker Hub's `registry` by one of a few tags; not by digest, nor for another platform.
    """
    return (
        (reference.domain, reference.path) == ("docker.io", "library/registry")
        and reference.tag in _TAGS
        and reference.digest is None
        and platform in (None, ours)
    )


def build_registry_image(
    store: ImageStore,
    reference: Reference,
    check: Callable[[], None],
    command: Sequence[str] | None = None,
) -> Descriptor:
    """Make the image out of this installation, name and unpack it; blocks for seconds.

    The same installation always gives the same digest. `check` is called now and then, and gives
    it up by raising.

    Raises:
        FailedPrecondition: a part of this installation is not to be found.
        ResourceExhausted: no space left.
    """
    with store.changing() as lease:
        layer, diff_id = _layer(store, lease, check, command or _command())
        execution = ExecutionConfig(
            user=_USER,
            exposed_ports={"5000/tcp": {}},
            env=[PATH, "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"],
            entrypoint=["registry"],
            cmd=["serve", "/etc/docker/registry/config.yml"],
            volumes={_DATA: {}},
            working_dir="/",
            labels={
                "org.opencontainers.image.title": "registry",
                "org.opencontainers.image.description": "Baleen's registry of images",
                "org.opencontainers.image.version": baleen.__version__,
            },
        )
        target = put_embedded(store, lease, "registry", layer, execution, diff_id)
        store.put(target, [reference])
        store.unpack(store.resolve(str(reference)))
    return target


def _command() -> list[str]:
    # Not -I: it would ignore PYTHONHASHSEED, by which sets in compiled code have one order.
    return [sys.executable, "-sP", "-OO", "-m", _MODULE]


def _layer(
    store: ImageStore, lease: Lease, check: Callable[[], None], command: Sequence[str]
) -> tuple[Descriptor, Digest]:
    """Return the layer and its diff id."""
    environment = {
        "PATH": PATH.partition("=")[2],
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": str(Path(baleen.__file__).parent.parent),
    }
    # Two thirds of it are code: so the image takes 26 MB beside its files instead of 65.
    packer = isal_zlib.compressobj(_GZIP_LEVEL, isal_zlib.DEFLATED, 31)
    hasher = hashlib.sha256()
    with TemporaryFile() as complaints, store.content.ingest(lease) as ingest:
        ours, theirs = os.pipe2(os.O_CLOEXEC)
        # Read in whole pieces: what gzip makes of them depends on where they end.
        with os.fdopen(ours, "rb") as output:
            try:
                pid = os.posix_spawn(
                    command[0],
                    list(command),
                    environment,
                    file_actions=[
                        (os.POSIX_SPAWN_DUP2, theirs, 1),
                        (os.POSIX_SPAWN_DUP2, complaints.fileno(), 2),
                    ],
                    setsigmask=[],
                    setsigdef=[signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE],
                )
            finally:
                os.close(theirs)
            try:
                while chunk := output.read(_CHUNK):
                    check()
                    hasher.update(chunk)
                    ingest.write(packer.compress(chunk))
                ingest.write(packer.flush())
                check()
            except BaseException:
                os.kill(pid, signal.SIGKILL)
                raise
            finally:
                _, status = os.waitpid(pid, 0)
        if status:
            complaints.seek(0)
            said = complaints.read()[-_MESSAGE_LIMIT:].decode(errors="replace").strip()
            raise FailedPrecondition(f"the image registry cannot be made: {said or status}")
        size = ingest.size
        layer = Descriptor(media_type=OCI_LAYER_GZIP, digest=ingest.commit(), size=size)
        return layer, Digest.from_hasher("sha256", hasher)
