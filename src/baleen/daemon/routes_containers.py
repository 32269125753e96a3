"""Operations on containers and their execs.

See: Engine API v1.55, /containers/* and /exec/*.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from baleen import api, errors
from baleen.api.wire import encode
from baleen.daemon import routes_checkpoints
from baleen.daemon.http_messages import HIJACKED, Response, StreamResponse
from baleen.daemon.older_views import container_view
from baleen.daemon.query import parse_integer
from baleen.daemon.routing import Call, Operation, json_response, no_content
from baleen.daemon.streams import TAR, UpgradeOnce, primed, stream_type
from baleen.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Mapping

    from baleen.daemon.facade import Exit

__all__ = ["OPERATIONS"]

_LIST_FILTERS = frozenset(
    {
        "ancestor", "before", "exited", "expose", "health", "id", "isolation", "is-task", "label",
        "name", "network", "publish", "since", "status", "volume",
    }
)  # fmt: skip
_PRUNE_FILTERS = frozenset({"label", "label!", "until"})
_MAX_START_BODY = 7
_UINT32 = 2**32


def _list(call: Call) -> Response | Awaitable[Response]:
    query = call.query
    found = call.engine.container_list(
        all=query.flag("all"),
        limit=query.integer("limit") or 0,
        size=query.flag("size"),
        filters=call.filters(_LIST_FILTERS),
    )
    # What is in memory is answered on the spot, without a task of its own.
    return json_response(found) if isinstance(found, bytes) else _later(found)


async def _later(found: Awaitable[bytes]) -> Response:
    return json_response(await found)


async def _create(call: Call) -> Response:
    body = await call.json(api.ContainerCreateBody)
    if body.config == api.ContainerConfig():
        raise InvalidArgument("config cannot be empty in order to create a container")
    created = await call.engine.container_create(
        call.query.text("name") or None, body, call.query.text("platform")
    )
    return json_response(created, 201)


def _inspect(call: Call) -> Response | Awaitable[Response]:
    found = call.engine.container_inspect(call.ref, size=call.query.flag("size"))
    if isinstance(found, bytes):
        return json_response(container_view(found, call.version))
    return _inspect_later(found, call.version)


async def _inspect_later(found: Awaitable[bytes], version: tuple[int, int]) -> Response:
    return json_response(container_view(await found, version))


async def _top(call: Call) -> Response:
    return json_response(
        await call.engine.container_top(call.ref, call.query.text("ps_args", "-ef"))
    )


async def _logs(call: Call) -> StreamResponse:
    query = call.query
    stdout, stderr = query.flag("stdout"), query.flag("stderr")
    if not stdout and not stderr:
        raise InvalidArgument("Bad parameters: you must choose at least one stream")
    follow = query.flag("follow")
    tty, chunks = await call.engine.container_logs(
        call.ref,
        stdout=stdout,
        stderr=stderr,
        follow=follow,
        since=query.text("since"),
        until=query.text("until"),
        timestamps=query.flag("timestamps"),
        tail=query.text("tail", "all"),
        details=query.flag("details"),
    )
    return StreamResponse(chunks, content_type=stream_type(call, tty=tty), live=follow)


async def _changes(call: Call) -> Response:
    changes = await call.engine.container_changes(call.ref)
    return json_response(list(changes) or None)


async def _export(call: Call) -> StreamResponse:
    chunks = await primed(await call.engine.container_export(call.ref))
    return StreamResponse(chunks, content_type="application/octet-stream", live=False)


def _stats(call: Call) -> StreamResponse:
    stream = call.query.flag("stream", default=True)
    one_shot = call.query.flag("one-shot")
    if stream and one_shot:
        raise InvalidArgument("cannot have stream=true and one-shot=true")
    chunks = call.engine.container_stats(call.ref, stream=stream, one_shot=one_shot)
    return StreamResponse(chunks, content_type="application/json", live=True)


def _size(call: Call) -> tuple[int, int]:
    sizes = []
    for name, meaning in (("w", "width"), ("h", "height")):
        text = call.query.text(name)
        try:
            value = parse_integer(text, name)
        except InvalidArgument as err:
            raise InvalidArgument(f'invalid resize {meaning} "{text[:32]}"') from err
        if not 0 <= value < _UINT32:
            raise InvalidArgument(f'invalid resize {meaning} "{value}": value out of range')
        sizes.append(value)
    return sizes[0], sizes[1]


async def _resize(call: Call) -> Response:
    width, height = _size(call)
    await call.engine.container_resize(call.ref, width=width, height=height)
    return Response(200, content_type="")


async def _start(call: Call) -> Response:
    length = call.request.head.body_length
    if length > _MAX_START_BODY or length < 0:
        raise InvalidArgument(
            "starting container with non-empty request body was deprecated since API v1.22 "
            "and removed in v1.24"
        )
    await routes_checkpoints.start(call)
    return no_content()


async def _stop(call: Call) -> Response:
    await call.engine.container_stop(
        call.ref, timeout=call.query.integer("t"), signal=call.query.text("signal") or None
    )
    return no_content()


async def _restart(call: Call) -> Response:
    await call.engine.container_restart(
        call.ref, timeout=call.query.integer("t"), signal=call.query.text("signal") or None
    )
    return no_content()


async def _kill(call: Call) -> Response:
    await call.engine.container_kill(call.ref, signal=call.query.text("signal") or None)
    return no_content()


async def _update(call: Call) -> Response:
    warnings = await call.engine.container_update(
        call.ref, await call.json(api.ContainerUpdateBody)
    )
    return json_response(api.ContainerUpdateResponse(warnings=warnings))


async def _rename(call: Call) -> Response:
    await call.engine.container_rename(call.ref, call.query.text("name"))
    return no_content()


async def _pause(call: Call) -> Response:
    await call.engine.container_pause(call.ref)
    return no_content()


async def _unpause(call: Call) -> Response:
    await call.engine.container_unpause(call.ref)
    return no_content()


async def _attach(call: Call) -> Response:
    query = call.query
    upgrade = UpgradeOnce(call)
    await call.request.body.read(0)
    await call.engine.container_attach(
        call.ref,
        logs=query.flag("logs"),
        stream=query.flag("stream"),
        stdin=query.flag("stdin"),
        stdout=query.flag("stdout"),
        stderr=query.flag("stderr"),
        detach_keys=query.text("detachKeys") or None,
        upgrade=upgrade,
    )
    return HIJACKED if upgrade.done else Response(200, content_type="")


def _attach_websocket(call: Call) -> Response:
    raise errors.NotImplemented(
        "attaching over a WebSocket is not available in this version of Baleen: "
        "use POST /containers/{id}/attach"
    )


def _wait(call: Call) -> StreamResponse:
    waiting = call.engine.container_wait(call.ref, call.query.text("condition"))
    return StreamResponse(_exit(waiting), content_type="application/json", live=True)


async def _exit(waiting: Awaitable[Exit]) -> AsyncIterator[bytes]:
    end = await waiting
    error = api.ContainerWaitExitError(message=end.error) if end.error else None
    yield api.encode(api.ContainerWaitResponse(status_code=end.exit_code, error=error)) + b"\n"


async def _delete(call: Call) -> Response:
    await call.engine.container_remove(
        call.ref,
        force=call.query.flag("force"),
        volumes=call.query.flag("v"),
        link=call.query.flag("link"),
    )
    return no_content()


def _archive_path(call: Call) -> str:
    path = call.query.text("path")
    if not path:
        raise InvalidArgument("bad parameter: path cannot be empty")
    return path


def _path_header(stat: Mapping[str, object]) -> str:
    text = base64.b64encode(encode(stat)).decode()
    return f"X-Docker-Container-Path-Stat: {text}\r\n"


async def _archive_info(call: Call) -> Response:
    stat = await call.engine.archive_stat(call.ref, _archive_path(call))
    return Response(200, content_type="", headers=_path_header(stat))


async def _archive(call: Call) -> StreamResponse:
    stat, chunks = await call.engine.archive_get(call.ref, _archive_path(call))
    return StreamResponse(
        await primed(chunks), content_type=TAR, live=False, headers=_path_header(stat)
    )


async def _put_archive(call: Call) -> Response:
    await call.engine.archive_put(
        call.ref,
        _archive_path(call),
        call.request.body.stream(),
        no_overwrite_dir_non_dir=call.query.flag("noOverwriteDirNonDir"),
        copy_uid_gid=call.query.flag("copyUIDGID"),
    )
    return Response(200, content_type="")


async def _prune(call: Call) -> Response:
    return json_response(await call.engine.containers_prune(call.filters(_PRUNE_FILTERS)))


async def _exec_create(call: Call) -> Response:
    body = await call.json(api.ExecCreateBody)
    if not body.cmd:
        raise InvalidArgument("No exec command specified")
    return json_response(api.IDResponse(id=await call.engine.exec_create(call.ref, body)), 201)


async def _exec_start(call: Call) -> Response:
    body = await call.json(api.ExecStartBody)
    upgrade = UpgradeOnce(call)
    await call.engine.exec_start(call.ref, body, upgrade)
    return HIJACKED if upgrade.done else Response(200, content_type="")


async def _exec_resize(call: Call) -> Response:
    width, height = _size(call)
    await call.engine.exec_resize(call.ref, width=width, height=height)
    return Response(200, content_type="")


def _exec_inspect(call: Call) -> Response:
    return json_response(call.engine.exec_inspect(call.ref))


OPERATIONS = (
    Operation("GET", "/containers/json", "ContainerList", _list),
    Operation("POST", "/containers/create", "ContainerCreate", _create),
    Operation("GET", "/containers/{id}/json", "ContainerInspect", _inspect),
    Operation("GET", "/containers/{id}/top", "ContainerTop", _top),
    Operation("GET", "/containers/{id}/logs", "ContainerLogs", _logs),
    Operation("GET", "/containers/{id}/changes", "ContainerChanges", _changes),
    Operation("GET", "/containers/{id}/export", "ContainerExport", _export),
    Operation("GET", "/containers/{id}/stats", "ContainerStats", _stats),
    Operation("POST", "/containers/{id}/resize", "ContainerResize", _resize),
    Operation("POST", "/containers/{id}/start", "ContainerStart", _start),
    Operation("POST", "/containers/{id}/stop", "ContainerStop", _stop),
    Operation("POST", "/containers/{id}/restart", "ContainerRestart", _restart),
    Operation("POST", "/containers/{id}/kill", "ContainerKill", _kill),
    Operation("POST", "/containers/{id}/update", "ContainerUpdate", _update),
    Operation("POST", "/containers/{id}/rename", "ContainerRename", _rename),
    Operation("POST", "/containers/{id}/pause", "ContainerPause", _pause),
    Operation("POST", "/containers/{id}/unpause", "ContainerUnpause", _unpause),
    Operation("POST", "/containers/{id}/attach", "ContainerAttach", _attach),
    Operation("GET", "/containers/{id}/attach/ws", "ContainerAttachWebsocket", _attach_websocket),
    Operation("POST", "/containers/{id}/wait", "ContainerWait", _wait),
    Operation("DELETE", "/containers/{id}", "ContainerDelete", _delete),
    Operation("HEAD", "/containers/{id}/archive", "ContainerArchiveInfo", _archive_info),
    Operation("GET", "/containers/{id}/archive", "ContainerArchive", _archive),
    Operation("PUT", "/containers/{id}/archive", "PutContainerArchive", _put_archive),
    Operation("POST", "/containers/prune", "ContainerPrune", _prune),
    Operation("POST", "/containers/{id}/exec", "ContainerExec", _exec_create),
    Operation("POST", "/exec/{id}/start", "ExecStart", _exec_start),
    Operation("POST", "/exec/{id}/resize", "ExecResize", _exec_resize),
    Operation("GET", "/exec/{id}/json", "ExecInspect", _exec_inspect),
)
