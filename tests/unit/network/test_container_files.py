"""network.container_files: which host's file and servers a container gets."""

import pytest

from baleen.network.config import NetworkConfig
from baleen.network.container_files import ContainerFiles
from baleen.network.directory import NetworkDirectory
from baleen.network.names import NamesFiles
from baleen.network.network import Endpoint, NetworkSpec


@pytest.fixture
def directory(tmp_path):
    config = NetworkConfig(
        exec_root=tmp_path,
        resolv_conf=tmp_path / "resolv.conf",
        resolved_conf=tmp_path / "resolved.conf",
        hosts=tmp_path / "hosts",
    )
    directory = NetworkDirectory(config, now=lambda: "now", new_id=lambda: "a" * 64)
    for network in directory.decide_predefined([])[:1]:
        directory.add(network)
    return directory


@pytest.fixture
def files(directory, tmp_path):
    (tmp_path / "resolv.conf").write_text("nameserver 127.0.0.53\nsearch example.com\n")
    (tmp_path / "resolved.conf").write_text("nameserver 192.0.2.53\n")
    (tmp_path / "hosts").write_text("127.0.0.1 the-host\n")
    names = NamesFiles(tmp_path / "networks")
    names.start()
    return ContainerFiles(directory._config, directory, names)


def endpoint(network_id="n", **fields):
    given = {
        "id": "e",
        "network_id": network_id,
        "network_name": "bridge",
        "driver": "bridge",
        "container_id": "c",
        "container_name": "web",
        "ipv4": "172.17.0.2",
    }
    return Endpoint(**(given | fields))


def test_on_the_default_bridge_the_upstream_servers_are_named(files):
    text = files.resolv_conf([endpoint()])
    assert "nameserver 192.0.2.53\n" in text
    assert "127.0.0.53" not in text


def test_on_the_host_network_the_hosts_file_holds(files):
    assert "nameserver 127.0.0.53\nsearch example.com\n" in files.resolv_conf(
        [endpoint(driver="host")]
    )


def test_given_servers_replace_the_hosts(files):
    text = files.resolv_conf([endpoint()], servers=["127.0.0.9"], options=["rotate"])
    assert "nameserver 127.0.0.9\n" in text
    assert "options rotate\n" in text


def test_without_user_networks_there_is_no_resolver(files):
    assert files.dns("c", [endpoint()]) is None


def test_on_a_user_network_the_resolver_is_named_and_told_what_to_do(files, directory):
    network = directory.decide(
        NetworkSpec(name="shop"), host_networks=[], bridge_exists=lambda _: False
    )
    # The fixture's ids are all alike; this one takes the bridge's place.
    directory.add(network)
    place = endpoint(network.id, network_name="shop")
    assert "nameserver 127.0.0.11\nsearch example.com\n" in files.resolv_conf([place])
    assert files.dns("c", [place], servers=["192.0.2.9"])["upstream"] == ["192.0.2.9"]
    assert files.dns("c", [place])["forward"]


def test_on_the_host_network_hosts_is_the_hosts(files):
    text = files.hosts([endpoint(driver="host", ipv4="")], hostname="the-host")
    assert text == "127.0.0.1 the-host\n"


def test_elsewhere_hosts_names_the_container(files):
    text = files.hosts([endpoint()], hostname="web", extra_hosts=["h:host-gateway"])
    assert text.endswith("172.17.0.1\th\n172.17.0.2\tweb\n")
