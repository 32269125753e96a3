"""The NetworkManager: life of networks and endpoints, repair after a crash, removal."""

import asyncio
import json
import socket
import threading
from pathlib import Path

import pytest
from lab import HOST

from baleen.errors import (
    AlreadyExists,
    Conflict,
    Internal,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    ResourceExhausted,
)
from baleen.linux.nftables import NftSocket, Table
from baleen.linux.rtnetlink import del_link, del_neighbour, new_address, new_bridge, set_link
from baleen.network import NetworkSpec, PoolSpec, PortRequest, bridge

pytestmark = pytest.mark.integration


def bridges(lab):
    return sorted(link.name for link in lab.route.links() if link.kind == "bridge")


def read_json(path):
    return json.loads(Path(path).read_bytes())


def names_of(world, network):
    return read_json(world.config.exec_root / "networks" / network.id / "names.json")["names"]


async def test_a_new_daemon_has_the_three_networks_and_one_bridge(lab, world):
    assert [network.name for network in world.manager.networks()] == ["bridge", "host", "none"]
    assert bridges(lab) == ["baleen0"]
    assert world.manager.host_gateway() == "172.17.0.1"


async def test_networks_survive_a_restart_unchanged(lab, world):
    await world.manager.create(NetworkSpec(name="shop", labels={"a": "b"}))
    before = world.manager.networks()
    indexes = {link.name: link.ifindex for link in lab.route.links()}
    await world.restart()
    assert world.manager.networks() == before
    assert {link.name: link.ifindex for link in lab.route.links()} == indexes


async def test_a_host_network_in_a_default_pool_is_avoided(lab, make_world):
    lab.neighbour()
    index = socket.if_nametoindex("out0")
    lab.route.run(new_address(index, "172.17.5.1/24"))
    world = make_world()
    await world.start()
    assert world.manager.resolve("bridge").pools[0].subnet == "172.18.0.0/16"


async def test_a_network_is_created_with_its_bridge_and_removed_without_trace(lab, world):
    network = await world.manager.create(NetworkSpec(name="shop"))
    assert network.bridge in bridges(lab)
    endpoint, _ = await world.container("shop")
    with pytest.raises(PermissionDenied, match=r"has active endpoints \(name:\"web\""):
        await world.manager.remove("shop")
    await world.manager.release_endpoint(endpoint)
    assert await world.manager.remove(network.id[:12]) == network
    assert bridges(lab) == ["baleen0"]
    assert world.database.get("networks", network.id) is None
    assert not (world.config.exec_root / "networks" / network.id).exists()
    with pytest.raises(NotFound):
        await world.manager.remove("shop")


async def test_predefined_networks_cannot_be_removed(world):
    for name in ("bridge", "host", "none"):
        with pytest.raises(PermissionDenied, match="is a pre-defined network"):
            await world.manager.remove(name)


async def test_names_are_unique(world):
    await world.manager.create(NetworkSpec(name="shop"))
    with pytest.raises(AlreadyExists):
        await world.manager.create(NetworkSpec(name="shop"))


async def test_an_interface_that_is_no_bridge_is_not_taken_over(lab, world):
    lab.neighbour()
    before = world.manager.networks()
    spec = NetworkSpec(name="shop", options={"com.docker.network.bridge.name": "out0"})
    with pytest.raises(Conflict, match="it is no bridge"):
        await world.manager.create(spec)
    assert world.manager.networks() == before
    assert [key for key, _ in world.database.all("networks")] == sorted(
        network.id for network in before
    )


async def test_a_bridge_that_was_there_is_used_and_left(lab, world):
    lab.route.run(new_bridge("mine", mac="02:00:00:00:00:01", mtu=1500), set_link("mine", up=True))
    spec = NetworkSpec(name="shop", options={"com.docker.network.bridge.name": "mine"})
    await world.manager.create(spec)
    await world.manager.remove("shop")
    assert "mine" in bridges(lab)


async def test_an_endpoint_has_address_mac_gateway_and_names(world):
    network = await world.manager.create(NetworkSpec(name="shop"))
    endpoint = await world.manager.allocate_endpoint(
        network, "c" * 64, container_name="/web", aliases=["www"], hostname="box"
    )
    assert (endpoint.ipv4, endpoint.prefix_len, endpoint.gateway) == (
        "172.18.0.2",
        16,
        "172.18.0.1",
    )
    assert endpoint.mac == "02:42:ac:12:00:02"
    assert endpoint.names == ("web", "www", "c" * 12, "box")
    assert names_of(world, network)["www"] == ["172.18.0.2"]
    assert world.manager.endpoints(network.id) == [endpoint]
    assert world.manager.address_counts(network.id) == (4, 65532)


async def test_the_default_bridge_has_no_names(world):
    endpoint, _ = await world.container("bridge")
    assert world.manager.dns(endpoint.container_id, [endpoint]) is None


async def test_a_static_address_belongs_to_one_endpoint(world):
    network = await world.manager.create(
        NetworkSpec(name="shop", pools=(PoolSpec(subnet="10.9.0.0/29"),))
    )
    allocate = world.manager.allocate_endpoint
    await allocate(network, "c" * 64, container_name="a", ipv4="10.9.0.4")
    with pytest.raises(PermissionDenied, match="Address already in use"):
        await allocate(network, "d" * 64, container_name="b", ipv4="10.9.0.4")
    with pytest.raises(InvalidArgument, match="no configured subnet contains"):
        await allocate(network, "d" * 64, container_name="b", ipv4="10.8.0.4")
    with pytest.raises(InvalidArgument, match="invalid MAC address"):
        await allocate(network, "d" * 64, container_name="b", mac="x")
    for _ in range(4):
        await allocate(network, "d" * 64, container_name="b")
    with pytest.raises(ResourceExhausted, match="no available IPv4 addresses"):
        await allocate(network, "d" * 64, container_name="b")


async def test_a_released_endpoint_leaves_no_name_address_or_neighbour(lab, world):
    network = await world.manager.create(NetworkSpec(name="shop"))
    endpoint, _ = await world.container("shop")
    world.manager.dns(endpoint.container_id, [endpoint])
    counts = world.manager.address_counts(network.id)
    await world.manager.release_endpoint(endpoint)
    await world.manager.release_endpoint(endpoint)
    assert names_of(world, network) == {}
    assert world.manager.address_counts(network.id) == (counts[0] - 1, counts[1] + 1)
    assert list((world.config.exec_root / "networks" / "views").iterdir()) == []
    ifindex = socket.if_nametoindex(network.bridge)
    with pytest.raises(FileNotFoundError):
        lab.route.run(del_neighbour(ifindex, endpoint.ipv4))


async def test_a_renamed_container_is_found_by_its_new_name(world):
    network = await world.manager.create(NetworkSpec(name="shop"))
    endpoint, _ = await world.container("shop", aliases=["www"])
    [renamed] = await world.manager.rename(endpoint.container_id, "/shop-front")
    assert renamed.names == ("shop-front", "www", endpoint.container_id[:12])
    assert "web" not in names_of(world, network)
    assert names_of(world, network)["shop-front"] == [endpoint.ipv4]


async def test_an_alias_that_equals_the_old_name_stays(world):
    await world.manager.create(NetworkSpec(name="shop"))
    endpoint, _ = await world.container("shop", aliases=["web"])
    [renamed] = await world.manager.rename(endpoint.container_id, "new")
    assert renamed.names == ("new", "web", endpoint.container_id[:12])


async def test_a_refusal_of_the_kernel_is_an_error_of_ours_and_leaves_nothing(lab, world):
    spec = NetworkSpec(name="shop", options={"com.docker.network.driver.mtu": "65535"})
    networks, links = world.manager.networks(), lab.route.links()
    world.manager._firewall._socket.close()
    with pytest.raises(Internal, match="cannot create network shop: Bad file descriptor"):
        await world.manager.create(spec)
    assert world.manager.networks() == networks
    assert [link.name for link in lab.route.links()] == [link.name for link in links]


async def test_a_container_sees_the_names_of_all_its_networks(world):
    await world.manager.create(NetworkSpec(name="front"))
    await world.manager.create(NetworkSpec(name="back", internal=True))
    first, _ = await world.container("front")
    second = await world.manager.allocate_endpoint(
        world.manager.resolve("back"), first.container_id, container_name="web"
    )
    document = world.manager.dns(first.container_id, [first, second], servers=["192.0.2.1"])
    assert (document["upstream"], document["forward"]) == (["192.0.2.1"], True)
    files = read_json(document["names"])["files"]
    assert len(files) == 2
    assert [read_json(path)["network"] for path in files] == ["front", "back"]
    assert not world.manager.dns(first.container_id, [second])["forward"]
    assert "nameserver 127.0.0.11\n" in world.manager.resolv_conf([first])


async def test_running_containers_are_taken_over_after_a_crash(lab, world):
    network = await world.manager.create(NetworkSpec(name="shop"))
    endpoint, web = await world.container("shop")
    gone, _ = await world.container("shop", "gone")
    server = lab.listen(web, 80)
    ports = await world.publish(
        endpoint, PortRequest(protocol="tcp", container_port=80, host_port_first=8080)
    )
    await world.restart((endpoint, ports))
    assert lab.reach(lab.host, "127.0.0.1", 8080, server) == endpoint.gateway
    assert names_of(world, network)["web"] == [endpoint.ipv4]
    assert "gone" not in names_of(world, network)
    assert lab.route.link(gone.host_name) is None
    fresh = await world.manager.allocate_endpoint(network, "d" * 64, container_name="new")
    assert fresh.ipv4 != endpoint.ipv4


async def test_a_lost_bridge_is_made_again_and_its_containers_join_it(lab, world):
    network = await world.manager.create(NetworkSpec(name="shop"))
    endpoint, web = await world.container("shop")
    server = lab.listen(web, 80)
    lab.route.run(del_link(network.bridge))
    await world.restart((endpoint, ()))
    assert lab.reach(lab.host, endpoint.ipv4, 80, server) == endpoint.gateway


async def test_after_a_reboot_everything_is_there_again(lab, world):
    network = await world.manager.create(NetworkSpec(name="shop"))
    for name in bridges(lab):
        lab.route.run(del_link(name))
    with NftSocket() as nft:
        nft.commit(Table("baleen").add(), Table("baleen").delete())
    await world.restart()
    assert sorted(bridges(lab)) == sorted(["baleen0", network.bridge])
    _, client = await world.container("shop")
    neighbour = lab.neighbour()
    assert lab.reach(client, "203.0.113.2", 80, lab.listen(neighbour, 80)) == HOST


async def test_uninstall_leaves_nothing_of_ours(lab, world):
    await world.manager.create(NetworkSpec(name="shop"))
    endpoint, _ = await world.container("shop")
    await world.publish(
        endpoint, PortRequest(protocol="tcp", container_port=80, host_port_first=8080)
    )
    await world.manager.uninstall()
    assert [link.name for link in lab.route.links()] == ["lo"]
    with NftSocket() as nft, pytest.raises(FileNotFoundError):
        nft.commit(Table("baleen").delete())
    assert lab.sysctl(lab.host, "net/ipv4/ip_forward") == "0"


async def test_a_failed_bridge_undoes_the_network(lab, world):
    before = world.manager.networks()
    spec = NetworkSpec(name="shop", options={"com.docker.network.bridge.name": "x:y"})
    with pytest.raises(InvalidArgument):
        await world.manager.create(spec)
    assert world.manager.networks() == before
    assert bridges(lab) == ["baleen0"]


async def test_f38_a_bridge_that_the_kernel_does_not_let_go_holds_up_no_other_network(
    world, monkeypatch
):
    network = await world.manager.create(NetworkSpec(name="stuck"))
    stuck, entered = threading.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    delete_bridge = bridge.delete_bridge

    def slow_delete(name):
        loop.call_soon_threadsafe(entered.set)
        stuck.wait(30)
        delete_bridge(name)

    monkeypatch.setattr(bridge, "delete_bridge", slow_delete)
    async with asyncio.TaskGroup() as group:
        removal = group.create_task(world.manager.remove("stuck"))
        try:
            await entered.wait()
            other = await world.manager.create(NetworkSpec(name="other"))
            endpoint = await world.manager.allocate_endpoint(other, "c" * 64, container_name="web")
            assert endpoint.ipv4
            assert network not in world.manager.networks()
            assert not removal.done()
        finally:
            stuck.set()
    assert removal.result() == network


async def test_how_the_firewall_treats_a_network_can_be_asked(world):
    plain = world.manager.rules(world.manager.resolve("bridge"))
    assert (plain.bridge, plain.subnet) == ("baleen0", "172.17.0.0/16")
    assert (plain.icc, plain.internal, plain.masquerade) == (True, False, True)
    options = {bridge.OPTION_ICC: "false", bridge.OPTION_MASQUERADE: "false"}
    quiet = await world.manager.create(NetworkSpec(name="quiet", internal=True, options=options))
    rules = world.manager.rules(quiet)
    assert (rules.icc, rules.internal, rules.masquerade) == (False, True, False)
    assert world.manager.rules(world.manager.resolve("host")) is None
