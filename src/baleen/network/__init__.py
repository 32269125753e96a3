"""Networks of containers: who may talk to whom, under which address and name.

Terms: a *network* is a named layer-2 segment with an address *pool*; its *driver* makes it real
(`bridge`: a Linux bridge on this host; `host` and `null`: no interface of its own). An *endpoint*
is one container's place on one network: address, MAC, names; it lives from the container's start
to its stop. *Publishing* maps a host port to an endpoint's port by a firewall element.

The `NetworkManager` decides and owns what the daemon makes on the host (bridges, the one nftables
table, reserved ports, names files). The interfaces inside a container are made by its supervisor
(`runtime.interfaces`) from documents that the manager writes; names are answered there as well
(`runtime.resolver`). Networks are stored in the database; all else is derived and rebuilt at start.
"""

from baleen.network.config import NetworkConfig
from baleen.network.manager import NetworkManager
from baleen.network.network import (
    Endpoint,
    Network,
    NetworkSpec,
    PoolSpec,
    PortRequest,
    Published,
    PublishedPort,
)

__all__ = [
    "Endpoint",
    "Network",
    "NetworkConfig",
    "NetworkManager",
    "NetworkSpec",
    "PoolSpec",
    "PortRequest",
    "Published",
    "PublishedPort",
]
