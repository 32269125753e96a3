from __future__ import annotations

import pytest

from baleen.distribution.hosts import (
    endpoint_of,
    endpoints,
    is_hub,
    is_insecure,
    login_domain,
    search_ways,
)
from baleen.distribution.settings import RegistrySettings
from baleen.errors import InvalidArgument


def nowhere(host):
    del host
    return []


def urls(settings, domain, lookup=nowhere, **options):
    return [endpoint.url for endpoint in endpoints(settings, domain, lookup, **options)]


def test_docker_hub_is_another_host_than_its_name():
    assert urls(RegistrySettings(), "docker.io") == ["https://registry-1.docker.io"]
    assert is_hub("index.docker.io")
    assert not is_hub("docker.io.example")


def test_mirrors_of_the_hub_are_tried_first_and_never_pushed_to():
    settings = RegistrySettings(mirrors=("https://m.example/hub/", "http://10.0.0.1:5000/"))
    assert urls(settings, "docker.io") == [
        "https://m.example/hub",
        "http://10.0.0.1:5000",
        "https://registry-1.docker.io",
    ]
    assert urls(settings, "docker.io", push=True) == ["https://registry-1.docker.io"]
    assert urls(settings, "quay.io") == ["https://quay.io"]
    assert [e.mirror for e in endpoints(settings, "docker.io", nowhere)] == [True, True, False]


def test_another_registry_has_its_own_mirrors():
    settings = RegistrySettings(registry_mirrors={"quay.io": ("https://q.example/",)})
    assert urls(settings, "quay.io") == ["https://q.example", "https://quay.io"]
    assert urls(settings, "docker.io") == ["https://registry-1.docker.io"]


def test_plain_http_is_tried_only_where_the_registry_is_insecure():
    settings = RegistrySettings(insecure=("reg.lan:5000", "10.0.0.0/8"))
    assert urls(settings, "reg.lan:5000") == ["https://reg.lan:5000", "http://reg.lan:5000"]
    assert urls(settings, "10.1.2.3") == ["https://10.1.2.3", "http://10.1.2.3"]
    assert urls(settings, "reg.lan:5001") == ["https://reg.lan:5001"]


@pytest.mark.parametrize(
    ("authority", "insecure"),
    [
        ("127.0.0.1:5000", True),
        ("127.8.9.1", True),
        ("[::1]:5000", True),
        ("localhost:5000", True),
        ("192.168.0.1", False),
        ("named.lan", True),
        ("named.lan:5000", True),
        ("resolves.lan", True),
        ("registry.example", False),
    ],
)
def test_a_registry_is_insecure_by_name_or_address(authority, insecure):
    settings = RegistrySettings(insecure=("named.lan", "172.20.0.0/16"))
    known = {"resolves.lan": ["172.20.1.1"], "registry.example": ["93.184.216.34", "2001:db8::1"]}
    found = is_insecure(settings, authority, lambda host: known.get(host, []))
    assert found is insecure


def test_an_endpoint_knows_its_port_and_origin():
    endpoint = endpoint_of("https://[fd00::1]:5000/x/")
    assert endpoint.origin == ("https", "fd00::1", 5000)
    assert endpoint.url == "https://[fd00::1]:5000/x"
    assert endpoint_of("http://reg").port == 80


@pytest.mark.parametrize("url", ["file:///etc/passwd", "https://u:p@host", "https://a:b", "x"])
def test_what_is_no_address_of_a_registry_is_refused(url):
    with pytest.raises(InvalidArgument, match="invalid registry address"):
        endpoint_of(url)


@pytest.mark.parametrize(
    ("server", "domain"),
    [
        ("", "docker.io"),
        ("https://index.docker.io/v1/", "docker.io"),
        ("registry-1.docker.io", "docker.io"),
        ("https://reg.lan:5000/v2/", "reg.lan:5000"),
        ("localhost:5000", "localhost:5000"),
    ],
)
def test_a_login_names_its_registry_in_many_ways(server, domain):
    assert login_domain(server) == domain


def test_the_hub_is_searched_at_its_index():
    settings = RegistrySettings(mirrors=("https://m/",))
    assert [w.url for w in search_ways(settings, "docker.io", nowhere)] == [
        "https://index.docker.io"
    ]
    assert [w.url for w in search_ways(settings, "127.0.0.1:1", nowhere)] == [
        "https://127.0.0.1:1",
        "http://127.0.0.1:1",
    ]
