"""Blobs and uploads in a bucket of an S3-compatible service, for several registries at once.

    <root>/blobs/<location>          complete, verified
    <root>/uploads/<id>/state        whose upload it is, its parts, and the bytes behind them
    <root>/uploads/<id>/data         the multipart upload, completed only to be copied to its blob

A session is what its `state` says, one object that is replaced as a whole when a request ends; a
request that dies leaves the session as it was before. Small blobs are one PUT. Writers exclude each
other within a process; of two processes that write one session at once, one fails, because a
multipart upload is completed with the very parts that were hashed.

boto3 is imported when such a storage is configured. Its clients may be used by many threads.

See: Amazon S3 API Reference, CreateMultipartUpload, CompleteMultipartUpload, CopyObject.
"""

from __future__ import annotations

import os
import re
import secrets
import ssl
import threading
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from baleen.errors import Conflict, InvalidArgument, Unavailable
from baleen.registry.storage.driver import Ingest, Reader, Session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from baleen.oci.digest import Digest
    from baleen.registry.settings import S3

__all__ = ["S3Storage"]

_SESSION_ID = re.compile(r"[a-f0-9]{32}")
_LOCATION = re.compile(r"(sha256|sha512)/([a-f0-9]{2})/([a-f0-9]{64}|[a-f0-9]{128})\.[a-f0-9]{8}")
# S3 takes no smaller part but the last.
_LEAST_PART = 5 << 20
_PIECE = 1 << 20
_ABSENT = frozenset({"404", "NoSuchKey", "NotFound", "NoSuchUpload"})


class _Part(msgspec.Struct, frozen=True):
    etag: str
    size: int


class _State(msgspec.Struct, frozen=True):
    session: Session
    upload_id: str
    parts: list[_Part]
    tail: bytes


class S3Storage:
    """See the module's text."""

    def __init__(self, settings: S3) -> None:
        self._settings = settings
        self._prefix = f"{settings.rootdirectory.strip('/')}/".lstrip("/")
        self._lock = threading.Lock()
        self._held: set[str] = set()
        # boto3 makes its classes at run time; there is nothing to type them with.
        self.client: Any = None
        self.part_size = max(settings.chunksize, _LEAST_PART)

    @property
    def bucket(self) -> str:
        """The bucket's name."""
        return self._settings.bucket

    def start(self) -> None:
        """Connect; without keys in the settings boto3 looks where AWS's programs do."""
        if not self.bucket:
            raise InvalidArgument("storage.s3.bucket is missing")
        if self.client is None:
            self.client = _connect(self._settings)
        try:
            self.check()
        except Unavailable as err:
            raise InvalidArgument(f"cannot use bucket {self.bucket!r}: {err.message}") from err

    def check(self) -> None:
        """Ask for the bucket."""
        with _translated():
            self.client.head_bucket(Bucket=self.bucket)

    def key(self, name: str) -> str:
        """Return the key of what lies at `name` below the root."""
        return self._prefix + name

    def begin(self, session: Session) -> None:
        """Put the first state."""
        self.save(_State(session, "", [], b""))

    def save(self, state: _State) -> None:
        """Replace the state of a session."""
        with _translated():
            self.client.put_object(
                Bucket=self.bucket,
                Key=self.key(f"uploads/{state.session.id}/state"),
                Body=msgspec.msgpack.encode(state),
            )

    def _load(self, session_id: str) -> _State | None:
        raw = self.get(f"uploads/{session_id}/state")
        return None if raw is None else msgspec.msgpack.decode(raw, type=_State)

    def get(self, name: str) -> bytes | None:
        """Return a small object, or None when it is not there."""
        with _translated():
            answer = _found(lambda: self.client.get_object(Bucket=self.bucket, Key=self.key(name)))
            return None if answer is None else bytes(answer["Body"].read())

    def resume(self, session_id: str) -> Ingest | None:
        """Load the state and hold it within this process."""
        if _SESSION_ID.fullmatch(session_id) is None:
            return None
        with self._lock:
            if session_id in self._held:
                raise Conflict(f"another request is writing the upload {session_id}")
            self._held.add(session_id)
        state = None
        try:
            state = self._load(session_id)
        finally:
            if state is None:
                self.release(session_id)
        return None if state is None else _S3Ingest(self, state)

    def release(self, session_id: str) -> None:
        """Give up the hold."""
        with self._lock:
            self._held.discard(session_id)

    def sessions(self) -> Iterator[Session]:
        """List the states."""
        for key, _ in self._list("uploads/"):
            session_id, _, name = key.partition("/")
            if name == "state" and (state := self._load(session_id)) is not None:
                yield state.session

    def end(self, session_id: str) -> bool:
        """Remove it, with parts of requests that died."""
        try:
            ingest = self.resume(session_id)
        except Conflict:
            return False
        if ingest is not None:
            ingest.discard()
        return True

    def forget(self, session_id: str) -> None:
        """Abort the session's multipart uploads and remove its objects."""
        prefix = self.key(f"uploads/{session_id}/")
        with _translated():
            found = self.client.list_multipart_uploads(Bucket=self.bucket, Prefix=prefix)
            for upload in found.get("Uploads", ()):
                abort = partial(self.client.abort_multipart_upload, Bucket=self.bucket)
                _found(partial(abort, Key=upload["Key"], UploadId=upload["UploadId"]))
        for name in ("data", "state"):
            with _translated():
                self.client.delete_object(Bucket=self.bucket, Key=prefix + name)

    def open(self, location: str) -> Reader | None:
        """Ask for the object's size; its bytes come with the first read."""
        key = self.blob_key(location)
        with _translated():
            answer = _found(lambda: self.client.head_object(Bucket=self.bucket, Key=key))
        return None if answer is None else _S3Reader(self, key, answer["ContentLength"])

    def path(self, location: str) -> str:
        """There is no file."""
        del location
        return ""

    def has(self, location: str) -> bool:
        """Ask for the object."""
        return self.open(location) is not None

    def remove(self, location: str) -> None:
        """Delete the object."""
        with _translated():
            self.client.delete_object(Bucket=self.bucket, Key=self.blob_key(location))

    def locations(self) -> Iterator[tuple[str, float]]:
        """List the blobs."""
        for name, modified in self._list("blobs/"):
            if _LOCATION.fullmatch(name):
                yield name, modified

    def _list(self, directory: str) -> Iterator[tuple[str, float]]:
        prefix = self.key(directory)
        with _translated():
            pages = self.client.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket, Prefix=prefix
            )
            for page in pages:
                for entry in page.get("Contents", ()):
                    name: str = entry["Key"].removeprefix(prefix)
                    yield name, entry["LastModified"].timestamp()

    def blob_key(self, location: str) -> str:
        """Return the key of a blob; InvalidArgument for what is no location."""
        if _LOCATION.fullmatch(location) is None:
            raise InvalidArgument(f"{location!r} is no location of a blob")
        return self.key(f"blobs/{location}")


class _S3Reader:
    """One GET, read in order; another begins where a read does not follow the last."""

    def __init__(self, storage: S3Storage, key: str, size: int) -> None:
        self._storage = storage
        self._key = key
        self._body: Any = None
        self._position = 0
        self.size = size

    def read(self, start: int, length: int) -> bytes:
        if start >= self.size or length <= 0:
            return b""
        with _translated():
            if self._body is None or start != self._position:
                self.close()
                answer = self._storage.client.get_object(
                    Bucket=self._storage.bucket, Key=self._key, Range=f"bytes={start}-"
                )
                self._body = answer["Body"]
            piece = bytes(self._body.read(length))
        self._position = start + len(piece)
        return piece

    def close(self) -> None:
        if self._body is not None:
            self._body.close()
            self._body = None


class _S3Ingest:
    def __init__(self, storage: S3Storage, state: _State) -> None:
        self._storage = storage
        self._before = state
        self.session = state.session
        self._is_held = True
        self._is_complete = False
        self._take(state)

    def _take(self, state: _State) -> None:
        self._upload_id = state.upload_id
        self._parts = list(state.parts)
        self._tail = bytearray(state.tail)
        self.size = sum(part.size for part in state.parts) + len(state.tail)

    @property
    def _key(self) -> str:
        return self._storage.key(f"uploads/{self.session.id}/data")

    def write(self, data: bytes) -> None:
        self._tail += data
        self.size += len(data)
        while len(self._tail) >= self._storage.part_size:
            self._put_part(bytes(self._tail[: self._storage.part_size]))
            del self._tail[: self._storage.part_size]

    def _put_part(self, data: bytes) -> None:
        client, bucket = self._storage.client, self._storage.bucket
        with _translated():
            if not self._upload_id:
                made = client.create_multipart_upload(Bucket=bucket, Key=self._key)
                self._upload_id = made["UploadId"]
            answer = client.upload_part(
                Bucket=bucket,
                Key=self._key,
                UploadId=self._upload_id,
                PartNumber=len(self._parts) + 1,
                Body=data,
            )
        self._parts.append(_Part(answer["ETag"], len(data)))

    def truncate(self, size: int) -> None:
        cut = self.size - size
        if cut > len(self._tail):
            # Only what this request has sent is ever taken back; its parts are overwritten.
            self._take(self._before)
            cut = self.size - size
        assert 0 <= cut <= len(self._tail)
        del self._tail[len(self._tail) - cut :]
        self.size = size

    def pieces(self) -> Iterator[bytes]:
        if not self._upload_id:
            yield bytes(self._tail)
            return
        # Parts can be read only once they are an object.
        self._complete()
        reader = _S3Reader(self._storage, self._key, self.size)
        try:
            start = 0
            while piece := reader.read(start, _PIECE):
                start += len(piece)
                yield piece
        finally:
            reader.close()

    def _complete(self) -> None:
        if self._is_complete:
            return
        if self._tail:
            self._put_part(bytes(self._tail))
            self._tail.clear()
        with _translated():
            self._storage.client.complete_multipart_upload(
                Bucket=self._storage.bucket,
                Key=self._key,
                UploadId=self._upload_id,
                MultipartUpload={
                    "Parts": [
                        {"PartNumber": number, "ETag": part.etag}
                        for number, part in enumerate(self._parts, 1)
                    ]
                },
            )
        self._is_complete = True

    def suspend(self) -> None:
        if not self._is_held:
            return
        try:
            if not self._is_complete:
                state = _State(self.session, self._upload_id, self._parts, bytes(self._tail))
                if state != self._before:
                    self._storage.save(state)
        finally:
            self._release()

    def commit(self, digest: Digest) -> str:
        generation = secrets.token_hex(4)
        location = f"{digest.algorithm}/{digest.encoded[:2]}/{digest.encoded}.{generation}"
        bucket, key = self._storage.bucket, self._storage.blob_key(location)
        with _translated():
            if self._upload_id:
                self._complete()
                # In parts, and on the server's side, when it is large.
                self._storage.client.copy({"Bucket": bucket, "Key": self._key}, bucket, key)
            else:
                self._storage.client.put_object(Bucket=bucket, Key=key, Body=bytes(self._tail))
        self.discard()
        return location

    def discard(self) -> None:
        try:
            self._storage.forget(self.session.id)
        finally:
            self._release()

    def _release(self) -> None:
        if self._is_held:
            self._is_held = False
            self._storage.release(self.session.id)


def _connect(settings: S3) -> Any:  # noqa: ANN401  # see `S3Storage.client`
    import boto3
    from botocore.config import Config

    return boto3.session.Session().client(
        "s3",
        endpoint_url=settings.regionendpoint or None,
        region_name=settings.region,
        aws_access_key_id=settings.accesskey or None,
        aws_secret_access_key=settings.secretkey or None,
        verify=_certificates(),
        config=Config(
            connect_timeout=10,
            read_timeout=60,
            max_pool_connections=32,
            retries={"mode": "standard", "max_attempts": 4},
            s3={"addressing_style": "path" if settings.forcepathstyle else "auto"},
        ),
    )


def _certificates() -> str | None:
    """Return the file of the certificates to trust; boto3's own list (None) where there is none.

    Those of the system, as its administrator has them, unless `AWS_CA_BUNDLE` names others.
    """
    if os.environ.get("AWS_CA_BUNDLE"):
        return None
    return ssl.get_default_verify_paths().cafile


@contextmanager
def _translated() -> Iterator[None]:
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

    try:
        yield
    except (ClientError, BotoCoreError, HTTPClientError, Boto3Error) as err:
        raise Unavailable(f"the S3 service cannot be used now: {err}") from err


def _found(call: Callable[[], Any]) -> Any:  # noqa: ANN401  # what boto3 returns
    """Return the result of `call`, or None when the object is not there."""
    from botocore.exceptions import ClientError

    try:
        return call()
    except ClientError as err:
        if err.response["Error"]["Code"] not in _ABSENT:
            raise
        return None
