"""runtime.dns_names: what the names files mean, and that a replaced one is noticed."""

import json

import pytest

from baleen.runtime.dns_names import Names


@pytest.fixture
def folder(tmp_path):
    put(
        tmp_path / "shop.json",
        {
            "network": "Shop",
            "names": {"web": ["10.0.0.2", "10.0.0.3"]},
            "reverse": {"10.0.0.2": "web"},
        },
    )
    put(
        tmp_path / "back.json",
        {"network": "back", "names": {"web": ["10.1.0.2"], "db": ["10.1.0.3"]}},
    )
    put(tmp_path / "view.json", {"files": [str(tmp_path / "shop.json")]})
    return tmp_path


def put(path, document):
    """As the daemon does: a new file takes the old one's place."""
    fresh = path.with_suffix(".new")
    fresh.write_text(document if isinstance(document, str) else json.dumps(document))
    fresh.replace(path)


def test_a_name_has_the_networks_addresses(folder):
    assert Names(str(folder / "view.json")).addresses("web") == [b"\n\0\0\2", b"\n\0\0\3"]


def test_a_name_with_the_networks_name_means_the_same(folder):
    names = Names(str(folder / "view.json"))
    assert names.addresses("web.shop") == names.addresses("web")
    assert names.addresses("web.other") is None


def test_an_unknown_name_is_not_ours(folder):
    assert Names(str(folder / "view.json")).addresses("db") is None


def test_a_change_of_the_view_adds_a_network(folder):
    names = Names(str(folder / "view.json"))
    assert names.addresses("db") is None
    put(folder / "view.json", {"files": [str(folder / "shop.json"), str(folder / "back.json")]})
    assert names.addresses("db") == [b"\n\1\0\3"]
    assert len(names.addresses("web")) == 3


def test_a_change_of_a_network_is_seen_by_the_next_question(folder):
    names = Names(str(folder / "view.json"))
    assert names.addresses("web")
    put(folder / "shop.json", {"network": "shop", "names": {"web": ["10.0.0.9"]}})
    assert names.addresses("web") == [b"\n\0\0\x09"]


def test_an_address_has_a_name(folder):
    names = Names(str(folder / "view.json"))
    assert names.pointer("2.0.0.10.in-addr.arpa") == "web.shop"
    assert names.pointer("9.0.0.10.in-addr.arpa") is None
    assert names.pointer("web") is None


@pytest.mark.parametrize("content", ["", "[]", "{", '{"files": 3}', '{"files": ["/nowhere"]}'])
def test_a_view_that_cannot_be_read_has_no_names(folder, content):
    put(folder / "view.json", content)
    assert Names(str(folder / "view.json")).addresses("web") is None


@pytest.mark.parametrize(
    "names", [{"web": [3, None, "x", "10.0.0.9"]}, {"bad": 3, "web": ["10.0.0.9"]}]
)
def test_of_a_damaged_file_the_rest_is_used(folder, names):
    put(folder / "shop.json", {"network": 5, "names": names, "reverse": []})
    assert Names(str(folder / "view.json")).addresses("web") == [b"\n\0\0\x09"]


def test_numbers_in_a_view_are_not_taken_for_descriptors(folder):
    put(folder / "view.json", {"files": [0, str(folder / "shop.json")]})
    assert Names(str(folder / "view.json")).addresses("web")


def test_a_file_that_comes_later_is_found(folder):
    names = Names(str(folder / "later.json"))
    assert names.addresses("web") is None
    put(folder / "later.json", {"files": [str(folder / "shop.json")]})
    assert names.addresses("web")
