"""Archives of multi-platform images, built from bytes: OCI layouts for `docker load`.

Children of an index may be left out of the archive (a platform that was never fetched), and
attestations of BuildKit's form are made for those that are there.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from typing import Any

_OCI = "application/vnd.oci.image"
_DOCKER = {
    f"{_OCI}.index.v1+json": "application/vnd.docker.distribution.manifest.list.v2+json",
    f"{_OCI}.manifest.v1+json": "application/vnd.docker.distribution.manifest.v2+json",
    f"{_OCI}.config.v1+json": "application/vnd.docker.container.image.v1+json",
    f"{_OCI}.layer.v1.tar+gzip": "application/vnd.docker.image.rootfs.diff.tar.gzip",
}


def digest_of(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def layer(files: dict[str, bytes], *, whiteouts: tuple[str, ...] = ()) -> bytes:
    """Return an uncompressed layer with those files; an executable one begins with b"\\x7fELF"."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(data), 0o755
            archive.addfile(info, io.BytesIO(data))
        for name in whiteouts:
            directory, _, base = name.rpartition("/")
            archive.addfile(tarfile.TarInfo(f"{directory}/.wh.{base}".lstrip("/")))
    return buffer.getvalue()


class Layout:
    """Collects blobs; `archive()` gives the tar. With `docker` the media types are Docker's."""

    def __init__(self, *, docker: bool = False) -> None:
        self.docker = docker
        self.blobs: dict[str, bytes] = {}
        self.tops: list[dict[str, Any]] = []

    def put(self, document: object, media_type: str, **more: object) -> dict[str, Any]:
        """Add a blob, JSON unless it is bytes; returns its descriptor."""
        if self.docker:
            media_type = _DOCKER[media_type]
            if isinstance(document, dict) and "schemaVersion" in document:
                document = {**document, "mediaType": media_type}
        raw = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.blobs[digest_of(raw)] = raw
        return {"mediaType": media_type, "digest": digest_of(raw), "size": len(raw), **more}

    def image(
        self,
        layers: list[bytes],
        architecture: str = "amd64",
        *,
        compression: str = "gzip",
        **changes: Any,
    ) -> dict[str, Any]:
        """Add an image of one platform; returns the manifest's descriptor."""
        compress, suffix = {
            "gzip": (lambda data: gzip.compress(data, mtime=0), ".tar+gzip"),
            "zstd": (_zstd, ".tar+zstd"),
            "none": (bytes, ".tar"),
        }[compression]
        config = {
            "architecture": architecture,
            "os": "linux",
            "created": "2024-01-02T03:04:05Z",
            "config": {"Cmd": ["sh"], "Env": ["PATH=/bin"]},
            "rootfs": {"type": "layers", "diff_ids": [digest_of(data) for data in layers]},
            "history": [{"created_by": f"step {number}"} for number, _ in enumerate(layers)],
            **changes,
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": f"{_OCI}.manifest.v1+json",
            "config": self.put(config, f"{_OCI}.config.v1+json"),
            "layers": [self.put(compress(data), f"{_OCI}.layer.v1{suffix}") for data in layers],
        }
        platform = {"architecture": architecture, "os": "linux"}
        return self.put(manifest, f"{_OCI}.manifest.v1+json", platform=platform)

    def attestation(self, about: dict[str, Any]) -> dict[str, Any]:
        """Add what BuildKit says about an image; returns the manifest's descriptor."""
        statement = {"_type": "https://in-toto.io/Statement/v0.1", "predicate": {"of": "tests"}}
        config = {
            "architecture": "unknown",
            "os": "unknown",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": [digest_of(json.dumps(statement).encode())]},
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": f"{_OCI}.manifest.v1+json",
            "config": self.put(config, f"{_OCI}.config.v1+json"),
            "layers": [
                self.put(
                    statement,
                    "application/vnd.in-toto+json",
                    annotations={"in-toto.io/predicate-type": "https://tests/predicate"},
                )
            ],
        }
        return self.put(
            manifest,
            f"{_OCI}.manifest.v1+json",
            platform={"architecture": "unknown", "os": "unknown"},
            annotations={
                "vnd.docker.reference.type": "attestation-manifest",
                "vnd.docker.reference.digest": about["digest"],
            },
        )

    def index(self, children: list[dict[str, Any]]) -> dict[str, Any]:
        """Add an index of those manifests; returns its descriptor."""
        document = {
            "schemaVersion": 2,
            "mediaType": f"{_OCI}.index.v1+json",
            "manifests": children,
        }
        return self.put(document, f"{_OCI}.index.v1+json")

    def leave_out(self, descriptor: dict[str, Any]) -> None:
        """Have a blob missing from the archive."""
        del self.blobs[descriptor["digest"]]

    def archive(self, target: dict[str, Any], name: str) -> bytes:
        """Return the tar of everything, with `target` under a full reference."""
        notes = {"io.containerd.image.name": name}
        top = {"schemaVersion": 2, "manifests": [{**target, "annotations": notes}]}
        files = {
            "oci-layout": b'{"imageLayoutVersion":"1.0.0"}',
            "index.json": json.dumps(top).encode(),
            **{f"blobs/{digest.replace(':', '/')}": raw for digest, raw in self.blobs.items()},
        }
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            for path, data in files.items():
                info = tarfile.TarInfo(path)
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
        return buffer.getvalue()


def _zstd(data: bytes) -> bytes:
    import zstandard

    return zstandard.ZstdCompressor().compress(data)
