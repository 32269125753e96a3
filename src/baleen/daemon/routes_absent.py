"""Operations of the API that this version does not offer, each with an answer that says so.

Swarm's answer as dockerd does on a node outside a swarm, so that clients which ask (compose, the
`docker` CLI) go on without.

See: Engine API v1.55; moby `daemon/cluster/errors.go`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from baleen import errors
from baleen.daemon.routing import Call, Operation
from baleen.errors import Unavailable

if TYPE_CHECKING:
    from baleen.daemon.http_messages import Response
    from baleen.daemon.routing import Handler

__all__ = ["OPERATIONS"]

_NO_MANAGER = (
    'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect '
    "this node to swarm and try again."
)


def _not_a_manager(call: Call) -> Response:
    raise Unavailable(_NO_MANAGER)


def _not_in_swarm(call: Call) -> Response:
    raise Unavailable("This node is not part of a swarm")


def _no_such_plugin(call: Call) -> Response:
    # Not 501: `docker inspect NAME` asks every kind of object, and goes by 404.
    raise errors.NotFound(f'plugin "{call.ref}" not found')


def _absent(what: str) -> Handler:
    message = f"{what} is not available in this version of Baleen"

    def handler(call: Call) -> Response:
        raise errors.NotImplemented(message)

    return handler


_SWARM = (
    ("GET", "/swarm", "SwarmInspect"),
    ("POST", "/swarm/update", "SwarmUpdate"),
    ("GET", "/swarm/unlockkey", "SwarmUnlockkey"),
    ("POST", "/swarm/unlock", "SwarmUnlock"),
    ("GET", "/nodes", "NodeList"),
    ("GET", "/nodes/{id}", "NodeInspect"),
    ("DELETE", "/nodes/{id}", "NodeDelete"),
    ("POST", "/nodes/{id}/update", "NodeUpdate"),
    ("GET", "/services", "ServiceList"),
    ("POST", "/services/create", "ServiceCreate"),
    ("GET", "/services/{id}", "ServiceInspect"),
    ("DELETE", "/services/{id}", "ServiceDelete"),
    ("POST", "/services/{id}/update", "ServiceUpdate"),
    ("GET", "/services/{id}/logs", "ServiceLogs"),
    ("GET", "/tasks", "TaskList"),
    ("GET", "/tasks/{id}", "TaskInspect"),
    ("GET", "/tasks/{id}/logs", "TaskLogs"),
    ("GET", "/secrets", "SecretList"),
    ("POST", "/secrets/create", "SecretCreate"),
    ("GET", "/secrets/{id}", "SecretInspect"),
    ("DELETE", "/secrets/{id}", "SecretDelete"),
    ("POST", "/secrets/{id}/update", "SecretUpdate"),
    ("GET", "/configs", "ConfigList"),
    ("POST", "/configs/create", "ConfigCreate"),
    ("GET", "/configs/{id}", "ConfigInspect"),
    ("DELETE", "/configs/{id}", "ConfigDelete"),
    ("POST", "/configs/{id}/update", "ConfigUpdate"),
)

_plugin = _absent("plugin management")
_swarm = _absent("swarm")

OPERATIONS = (
    *(Operation(method, pattern, name, _not_a_manager) for method, pattern, name in _SWARM),
    Operation("POST", "/swarm/leave", "SwarmLeave", _not_in_swarm),
    Operation("POST", "/swarm/init", "SwarmInit", _swarm),
    Operation("POST", "/swarm/join", "SwarmJoin", _swarm),
    Operation("GET", "/plugins/privileges", "GetPluginPrivileges", _plugin),
    Operation("POST", "/plugins/pull", "PluginPull", _plugin),
    Operation("GET", "/plugins/{name}/json", "PluginInspect", _no_such_plugin),
    Operation("DELETE", "/plugins/{name}", "PluginDelete", _no_such_plugin),
    Operation("POST", "/plugins/{name}/enable", "PluginEnable", _no_such_plugin),
    Operation("POST", "/plugins/{name}/disable", "PluginDisable", _no_such_plugin),
    Operation("POST", "/plugins/{name}/upgrade", "PluginUpgrade", _no_such_plugin),
    Operation("POST", "/plugins/create", "PluginCreate", _plugin),
    Operation("POST", "/plugins/{name}/push", "PluginPush", _no_such_plugin),
    Operation("POST", "/plugins/{name}/set", "PluginSet", _no_such_plugin),
)
