"""The issuer as an ASGI application: by itself, or in front of a registry in the same process.

    GET, POST /token      POST /token/revoke      GET /token/keys (JWKS: for registries elsewhere)

What is none of these goes to the application behind, or is 404 without one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from baleen.errors import BaleenError
from baleen.registry.auth.issuer import Answer, Issuer
from baleen.registry.errors import ApiError, Code, body_of, from_error
from baleen.registry.messages import ClientGone, Request

if TYPE_CHECKING:
    from baleen.registry.messages import Asgi, Receive, Scope, Send

__all__ = ["TokenApp"]

_FORM_LIMIT = 64 * 1024
_FORM = "application/x-www-form-urlencoded"
_PATHS = {"/token": ("GET", "POST"), "/token/revoke": ("POST",), "/token/keys": ("GET",)}


class TokenApp:
    """Answers requests for tokens.

    Args:
        issuer: decides.
        jwks: public keys, as `/token/keys` gives them.
        behind: answers everything else.
    """

    def __init__(self, issuer: Issuer, jwks: bytes, behind: Asgi | None = None) -> None:
        self._issuer = issuer
        self._jwks = jwks
        self._behind = behind

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection scope."""
        if scope["type"] == "http" and scope["path"] in _PATHS:
            try:
                answer = await self._answer(Request(scope, receive))
            except BaleenError as err:
                refusal = from_error(err)
                headers = {"Content-Type": "application/json", **refusal.headers}
                answer = Answer(refusal.status, headers, body_of(refusal))
            except ClientGone:
                return
            await _send(answer, send)
        elif self._behind is not None:
            await self._behind(scope, receive, send)
        elif scope["type"] == "lifespan":
            await _lifespan(receive, send)
        else:
            await _send(Answer(404, {"Content-Type": "text/plain"}, b"not found\n"), send)

    async def _answer(self, request: Request) -> Answer:
        methods = _PATHS[request.path]
        if request.method not in methods:
            raise ApiError(Code.UNSUPPORTED, headers={"allow": ", ".join(methods)})
        if request.path == "/token/keys":
            return Answer(200, {"Content-Type": "application/jwk-set+json"}, self._jwks)
        if request.method == "GET":
            query = request.scope.get("query_string", b"").decode("latin-1")
            return await self._issuer.get(
                query, request.headers.get("authorization"), request.client
            )
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
            raise ApiError(Code.UNSUPPORTED, f"the body must be {_FORM}", status=415)
        form = (await request.read(_FORM_LIMIT)).decode("latin-1")
        if request.path == "/token/revoke":
            return await self._issuer.revoke(form)
        return await self._issuer.post(form, request.client)


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


async def _send(answer: Answer, send: Send) -> None:
    headers = [(name.lower().encode(), value.encode()) for name, value in answer.headers.items()]
    headers.append((b"content-length", str(len(answer.body)).encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
