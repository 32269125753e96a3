"""network.names: the files that resolvers read."""

import json

from baleen.network.names import NamesFiles
from baleen.network.network import Endpoint

NETWORK = "a" * 64
CONTAINER = "c" * 64


def endpoint(name, ipv4, *names):
    return Endpoint(
        id="e" * 64,
        network_id=NETWORK,
        network_name="shop",
        driver="bridge",
        container_id=CONTAINER,
        container_name=name,
        names=(name, *names),
        ipv4=ipv4,
    )


def files(tmp_path):
    found = NamesFiles(tmp_path / "networks")
    found.start()
    return found


def test_a_networks_file_maps_names_to_addresses_and_back(tmp_path):
    names = files(tmp_path)
    names.write_network(
        NETWORK,
        "shop",
        [endpoint("Web1", "10.0.0.2", "web"), endpoint("web2", "10.0.0.3", "web", "x" * 254)],
    )
    assert json.loads(names.path(NETWORK).read_bytes()) == {
        "network": "shop",
        "names": {"web1": ["10.0.0.2"], "web": ["10.0.0.2", "10.0.0.3"], "web2": ["10.0.0.3"]},
        "reverse": {"10.0.0.2": "Web1", "10.0.0.3": "web2"},
    }


def test_a_view_lists_the_files_of_the_containers_networks(tmp_path):
    names = files(tmp_path)
    view = names.write_view(CONTAINER, [NETWORK])
    assert json.loads(view.read_bytes()) == {"files": [str(names.path(NETWORK))]}


def test_removal_is_idempotent(tmp_path):
    names = files(tmp_path)
    names.write_view(CONTAINER, [])
    for _ in range(2):
        names.remove_view(CONTAINER)
        names.remove_network(NETWORK)


def test_keep_removes_the_files_of_all_others(tmp_path):
    names = files(tmp_path)
    names.write_network(NETWORK, "shop", [])
    names.write_network("b" * 64, "gone", [])
    kept = names.write_view(CONTAINER, [NETWORK])
    gone = names.write_view("d" * 64, [NETWORK])
    names.keep({NETWORK}, {CONTAINER})
    assert kept.exists()
    assert not gone.exists()
    assert sorted(item.name for item in (tmp_path / "networks").iterdir()) == [NETWORK, "views"]
