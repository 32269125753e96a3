"""One repository for the time of one operation: requests to whichever endpoint serves it.

The first request that succeeds settles the endpoint; before it, mirrors are tried before the
registry, and plain HTTP after HTTPS where the registry is insecure.

See: OCI distribution-spec spec.md.
"""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from baleen.distribution.answers import Unreachable, code_of, refusal, status_of
from baleen.distribution.cancellation import Cancelled
from baleen.distribution.credentials import Credentials
from baleen.distribution.dialing import DialError, lookup
from baleen.distribution.documents import ACCEPT, is_document, read_document
from baleen.distribution.exchange import Exchange, Target, error_of, unreachable
from baleen.distribution.hosts import endpoints
from baleen.distribution.proxies import proxy_for
from baleen.distribution.retrying import Backoff
from baleen.distribution.routes import NetworkError
from baleen.distribution.tokens import Authorizer
from baleen.errors import (
    BaleenError,
    DataLoss,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    ResourceExhausted,
    Unauthorized,
)
from baleen.oci.descriptor import Descriptor
from baleen.oci.digest import Digest
from baleen.oci.manifest import MANIFEST_LIMIT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType
    from typing import Self

    from baleen.distribution.cancellation import Cancellation
    from baleen.distribution.connection import Reply
    from baleen.distribution.documents import Document
    from baleen.distribution.exchange import Body
    from baleen.distribution.hosts import Endpoint
    from baleen.distribution.settings import RegistrySettings
    from baleen.oci.reference import Reference

__all__ = ["Repository", "addresses_of"]

Result = TypeVar("Result")


class Repository:
    """A context manager; usable from many threads.

    Attributes:
        reference: what was asked for; the tag or digest is the caller's business.
        settings: as they were when the operation began.

    Raises:
        Unreachable: no answer.
        BaleenError: see `answers.refusal`.
        Cancelled: the caller gave up.
    """

    def __init__(
        self,
        settings: RegistrySettings,
        reference: Reference,
        credentials: Credentials | None,
        cancel: Cancellation,
        *,
        push: bool = False,
    ) -> None:
        self.settings = settings
        self.reference = reference
        self.source = reference.name, credentials
        self._scopes = [f"repository:{reference.path}:{'pull,push' if push else 'pull'}"]
        self._lock = threading.Lock()
        self._reached = False
        self._exchange = Exchange(settings)
        self._authorizer = Authorizer(self._exchange, credentials or Credentials())
        self._endpoints = endpoints(
            settings, reference.domain, partial(addresses_of, settings, cancel), push=push
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, at: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._exchange.close()

    @property
    def endpoint(self) -> Endpoint:
        """The endpoint in use, or the one to be tried first."""
        with self._lock:
            return self._endpoints[0]

    # -- requests

    def url_path(self, rest: str) -> str:
        """Return the path below the endpoint: `/v2/<name>/<rest>`."""
        return f"/v2/{self.reference.path}/{rest}"

    def send(
        self,
        method: str,
        path: str | Target,
        cancel: Cancellation,
        *,
        headers: dict[str, str] | None = None,
        body: Body = None,
        follow: bool = False,
        scopes: Iterable[str] = (),
        endpoint: Endpoint | None = None,
    ) -> Reply:
        """Send a request with what the endpoint wants for proof; return the reply whatever it says.

        A token that has expired meanwhile is renewed once.
        """
        where = endpoint or self.endpoint
        target = path if isinstance(path, Target) else Target(where, where.prefix + path)
        ours = target.endpoint.origin == where.origin
        wanted = [*self._scopes, *scopes]
        for attempt in range(3):
            proof = self._authorizer.headers(where, wanted, cancel) if ours else {}
            try:
                reply = self._exchange.send(
                    target, method, {**(headers or {}), **proof}, cancel, body=body, follow=follow
                )
            except Unreachable as err:
                # Nobody there at the first contact is an answer; a registry that answered before
                # may come back.
                err.final = err.final or (err.dialing and not self._reached)
                raise
            self._reached = True
            # Where a redirect has led asks for proof of its own, and gets none.
            asks = reply.status == 401 and reply.connection.route.origin == where.origin
            if not asks or attempt == 2:
                return reply
            try:
                again = self._authorizer.challenged(where, reply, proof)
            except Unauthorized as err:
                self._exchange.finish(reply)
                text = f'{method.title()} "{target.shown}": {err.message}'
                raise Unauthorized(text, details=err.details) from err
            if not again:
                return reply
            self._exchange.finish(reply)
        raise AssertionError  # the loop returns

    def error_of(self, reply: Reply) -> BaleenError:
        """Return what an answer of status 400 or more means, and release it."""
        return error_of(self._exchange, reply)

    def finish(self, reply: Reply) -> bytes:
        """Return a short body, and release the reply."""
        return self._exchange.finish(reply)

    def release(self, reply: Reply) -> None:
        """Keep the reply's connection, or close it."""
        self._exchange.release(reply)

    def settle(
        self, action: Callable[[Endpoint], Result], cancel: Cancellation, *, patient: bool = True
    ) -> Result:
        """Return what `action` gives at the first endpoint where it succeeds, which is kept.

        With `patient`, what may be better in a moment is tried again at the same endpoint first.
        """
        while True:
            endpoint = self.endpoint
            try:
                result = self._trying(action, endpoint, cancel) if patient else action(endpoint)
            except BaleenError as err:
                if not self._leave(endpoint, err):
                    raise
                continue
            if not endpoint.mirror:
                with self._lock:
                    self._endpoints = [endpoint]
            return result

    def _leave(self, endpoint: Endpoint, err: BaleenError) -> bool:
        with self._lock:
            if self._endpoints[0] is not endpoint:
                return True
            if len(self._endpoints) == 1 or not _goes_on(endpoint, self._endpoints[1], err):
                return False
            del self._endpoints[0]
            return True

    def leave_mirror(self, endpoint: Endpoint, err: BaleenError) -> bool:
        """Stop using an endpoint that is a mirror, because of `err`; False when it is none."""
        return endpoint.mirror and self._leave(endpoint, err)

    def _trying(
        self, action: Callable[[Endpoint], Result], endpoint: Endpoint, cancel: Cancellation
    ) -> Result:
        backoff = Backoff(self.settings)
        while True:
            try:
                return action(endpoint)
            except BaleenError as err:
                backoff.failed(err, cancel)

    # -- documents

    def resolve(
        self, name: str, cancel: Cancellation, kept: Callable[[Descriptor], bytes | None]
    ) -> Document:
        """Return the manifest or index of a tag or digest; `kept` gives the bytes that are here.

        HEAD comes first: it is not counted where pulls are limited, and says what is known.
        """

        def action(endpoint: Endpoint) -> Document:
            described = self._head(endpoint, name, cancel)
            if described is not None and ":" in name and described.digest != name:
                described = None
            raw = kept(described) if described is not None else None
            if described is not None and raw is not None:
                return read_document(raw, described.media_type, self.reference, expected=described)
            return self._document(endpoint, name, None, cancel)

        return self.settle(action, cancel)

    def _ask_for(self, endpoint: Endpoint, method: str, name: str, cancel: Cancellation) -> Reply:
        return self.send(
            method,
            self.url_path(f"manifests/{name}"),
            cancel,
            headers={"Accept": ACCEPT},
            endpoint=endpoint,
            follow=True,
        )

    def _head(self, endpoint: Endpoint, name: str, cancel: Cancellation) -> Descriptor | None:
        reply = self._ask_for(endpoint, "HEAD", name, cancel)
        status, length = reply.status, reply.header("Content-Length")
        media_type = reply.header("Content-Type").partition(";")[0].strip()
        digest = reply.header("Docker-Content-Digest")
        self._exchange.finish(reply)
        if status != 200 or not length.isdigit() or not is_document(media_type):
            return None
        try:
            return Descriptor(media_type=media_type, digest=Digest(digest), size=int(length))
        except InvalidArgument:
            return None

    def document(
        self, name: str, cancel: Cancellation, *, expected: Descriptor | None = None
    ) -> Document:
        """Return the manifest or index of a tag or digest, verified; see `read_document`."""
        return self.settle(
            lambda endpoint: self._document(endpoint, name, expected, cancel), cancel
        )

    def _document(
        self, endpoint: Endpoint, name: str, expected: Descriptor | None, cancel: Cancellation
    ) -> Document:
        reply = self._ask_for(endpoint, "GET", name, cancel)
        if reply.status != 200:
            raise self.not_ok(reply)
        content_type = reply.header("Content-Type")
        raw = self.body(reply, "GET", MANIFEST_LIMIT)
        digest = Digest(name) if ":" in name else None
        try:
            return read_document(
                raw, content_type, self.reference, digest=digest, expected=expected
            )
        except BaleenError as err:
            raise type(err)(f"{endpoint.authority}: {err.message}", hint=err.hint) from err

    def small_blob(self, descriptor: Descriptor, cancel: Cancellation) -> bytes:
        """Return a blob, verified; DataLoss when it is not what its descriptor says."""
        return self.settle(lambda endpoint: self._small_blob(endpoint, descriptor, cancel), cancel)

    def _small_blob(
        self, endpoint: Endpoint, descriptor: Descriptor, cancel: Cancellation
    ) -> bytes:
        path = self.url_path(f"blobs/{descriptor.digest}")
        reply = self.send("GET", path, cancel, endpoint=endpoint, follow=True)
        if reply.status != 200:
            raise self.not_ok(reply)
        data = self.body(reply, "GET", descriptor.size)
        if len(data) != descriptor.size or not descriptor.digest.matches(data):
            raise DataLoss(f"{endpoint.authority}: blob {descriptor.digest} has other content")
        return data

    def body(self, reply: Reply, method: str, limit: int) -> bytes:
        """Return the whole body, and release the reply."""
        try:
            return reply.read(limit)
        except NetworkError as err:
            where = Target(self.endpoint, self.url_path("..."))
            raise unreachable(where, method, err) from err
        finally:
            self.release(reply)

    def expect_stored(self, reply: Reply, wanted: set[int], digest: Digest) -> None:
        """Take the answer to an upload, and release it.

        Raises:
            BaleenError: its status is none of those `wanted`.
            DataLoss: the registry has stored something else than `digest`.
        """
        if reply.status not in wanted:
            raise self.not_ok(reply)
        stored = reply.header("Docker-Content-Digest")
        self.finish(reply)
        if stored and stored != digest:
            raise DataLoss(f"{self.endpoint.authority} stored {digest} as {stored[:200]}")

    def not_ok(self, reply: Reply) -> BaleenError:
        """Return the error of an answer that is not the one that was needed, and release it."""
        if reply.status >= 400:
            return self.error_of(reply)
        status, reason = reply.status, reply.reason
        self.finish(reply)
        return refusal(max(status, 500), f"({status} {reason})", [], b"")

    def explain(self, err: BaleenError) -> BaleenError:
        """Return the error of a pull as dockerd words it for this reference.

        See: moby's daemon/internal/distribution/errors.go.
        """
        code, name = code_of(err), self.reference.familiar_name
        if code == "DENIED":
            return NotFound(
                f"pull access denied for {name}, repository does not exist or may require "
                f"'docker login': {err.message}",
                details=err.details,
            )
        if code == "MANIFEST_UNKNOWN" or (not code and status_of(err) == 404):
            return NotFound(
                f"manifest for {self.reference.familiar} not found: {err.message}",
                details=err.details,
            )
        if code == "NAME_UNKNOWN":
            return NotFound(f"repository {name} not found: {err.message}", details=err.details)
        return err


def addresses_of(settings: RegistrySettings, cancel: Cancellation, host: str) -> list[str]:
    """Return the addresses of a name, as far as they can be had."""
    # Behind a proxy names of the outside may not resolve here, and need not.
    if proxy_for(settings, "https", host, 443) is not None:
        return []
    try:
        found = lookup(host, 0, settings.connect_timeout_s, cancel)
    except DialError:
        return []
    return [str(address[0]) for _, address in found]


def _goes_on(endpoint: Endpoint, following: Endpoint, err: BaleenError) -> bool:
    """Say whether the next endpoint may do better after this error."""
    if isinstance(err, Cancelled | ResourceExhausted):
        return False
    if endpoint.mirror:
        return True
    if following.scheme == "http" and endpoint.scheme == "https":
        return isinstance(err, Unreachable) and err.speaks_http
    return not isinstance(err, PermissionDenied | Unauthorized)
