"""What networks cost: an interface, a published port, an endpoint, a resolver; in milliseconds.

    sudo .venv/bin/python bench/network.py [rounds]

All in namespaces of its own. Beside ours the same work by the usual programs, where installed:
`ip -batch` for the interface, `nft` for the port. Prints medians.
"""

from __future__ import annotations

import asyncio
import gc
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from baleen.linux.fd import Fd
from baleen.linux.namespaces import CLONE_NEWNET, setns, unshare
from baleen.linux.rtnetlink import RouteSocket, set_link
from baleen.network import NetworkConfig, NetworkManager, NetworkSpec, PortRequest
from baleen.runtime.interfaces import attach_interface, bring_up_loopback
from baleen.runtime.resolver import Resolver
from baleen.state import Database


class Stopwatch:
    """Collects durations by name."""

    def __init__(self):
        self.times = {}

    def measure(self, name, work, *arguments):
        start = time.perf_counter()
        result = work(*arguments)
        self.times.setdefault(name, []).append(time.perf_counter() - start)
        return result

    async def measure_async(self, name, awaitable):
        start = time.perf_counter()
        result = await awaitable
        self.times.setdefault(name, []).append(time.perf_counter() - start)
        return result

    def report(self):
        for name, times in self.times.items():
            print(f"{name:58} {statistics.median(times) * 1e3:8.3f}")


def new_netns(home):
    unshare(CLONE_NEWNET)
    made = Fd(os.open("/proc/thread-self/ns/net", os.O_RDONLY))
    setns(home, CLONE_NEWNET)
    return made


def program(*command, text=""):
    subprocess.run(command, input=text, text=True, check=True)


async def ours(watch, home, folder, rounds):
    manager = NetworkManager(NetworkConfig(exec_root=folder), Database(folder / "state.db"))
    await watch.measure_async("daemon: start with an empty database", manager.start())
    await manager.adopt([])
    network = await watch.measure_async("network: create", manager.create(NetworkSpec(name="shop")))
    with RouteSocket() as route:
        for number in range(rounds):
            endpoint = await watch.measure_async(
                "endpoint: allocate, with names file",
                manager.allocate_endpoint(network, f"{number:064x}", container_name=f"c{number}"),
            )
            document = manager.interface(endpoint, 0, gateway=True)
            netns = watch.measure("network namespace (unshare, open, back)", new_netns, home)
            watch.measure("loopback up", bring_up_loopback, netns)
            watch.measure(
                "interface: veth, bridge port, address, route",
                attach_interface,
                route,
                netns,
                document,
            )
            dns = manager.dns(endpoint.container_id, [endpoint])
            resolver = watch.measure(
                "resolver: sockets and redirect",
                lambda dns=dns, netns=netns: Resolver(
                    netns, names_path=dns["names"], upstream=(), forward=True
                ),
            )
            request = PortRequest(protocol="tcp", container_port=80, host_port_first=20000 + number)
            published = await watch.measure_async(
                "publish one port, host port reserved", manager.publish(endpoint, [request])
            )
            await watch.measure_async("unpublish", manager.unpublish(endpoint, published.ports))
            await watch.measure_async("endpoint: release", manager.release_endpoint(endpoint))
            for held in published.sockets:
                held.close()
            resolver.close()
            netns.close()
    await watch.measure_async("network: remove (in a thread)", manager.remove("shop"))
    manager.close()


def usual_programs(watch, rounds):
    """The same interface and port by `ip` and `nft`, each one process."""
    if shutil.which("ip"):
        program("ip", "link", "add", "br0", "type", "bridge")
        for number in range(rounds):
            name = f"bench{number}"
            program("ip", "netns", "add", name)
            try:
                lines = (
                    f"link add v{number} type veth peer name eth0 netns {name}\n"
                    f"link set v{number} master br0 up\n"
                )
                inside = (
                    "link set eth0 up\naddr add 10.99.0.2/16 dev eth0\n"
                    "route add default via 10.99.0.1\n"
                )

                def run(lines=lines, inside=inside, name=name):
                    program("ip", "-batch", "-", text=lines)
                    program("ip", "-n", name, "-batch", "-", text=inside)

                watch.measure("interface by `ip -batch`, two processes", run)
            finally:
                program("ip", "netns", "del", name)
    if shutil.which("nft"):
        program(
            "nft",
            "-f",
            "-",
            text="table ip t {\n map m {\n type inet_proto . inet_service :"
            " ipv4_addr . inet_service\n }\n}\n",
        )
        for number in range(rounds):
            element = f"{{ tcp . {20000 + number} : 10.99.0.2 . 80 }}"
            watch.measure(
                "port by `nft add element`",
                program,
                "nft",
                "add",
                "element",
                "ip",
                "t",
                "m",
                element,
            )


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    unshare(CLONE_NEWNET)
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    with RouteSocket() as route:
        route.run(set_link("lo", up=True))
    gc.disable()
    watch = Stopwatch()
    folder = tempfile.mkdtemp(prefix="bl-bench-")
    try:
        asyncio.run(ours(watch, home, Path(folder), rounds))
        usual_programs(watch, min(rounds, 10))
    finally:
        shutil.rmtree(folder)
    watch.report()


if __name__ == "__main__":
    main()
