from __future__ import annotations

import subprocess
import sys

import pytest

from baleen.distribution.settings import (
    RegistrySettings,
    parse_insecure,
    parse_mirror,
    proxies_of_environment,
    service_config,
)
from baleen.errors import InvalidArgument


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://mirror.example", "https://mirror.example/"),
        ("http://10.0.0.1:5000/", "http://10.0.0.1:5000/"),
        ("https://mirror.example/hub", "https://mirror.example/hub/"),
        ("https://[::1]:5000", "https://[::1]:5000/"),
    ],
)
def test_a_mirror_is_a_base_url(text, url):
    assert parse_mirror(text) == url


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ftp://mirror.example", 'unsupported scheme "ftp"'),
        ("mirror.example", 'unsupported scheme ""'),
        ("https://user:secret@mirror.example", "username/password not allowed"),
        ("https://mirror.example?x=1", "query or fragment"),
        ("https://mirror.example/#x", "query or fragment"),
        ("https://", "no host"),
        ("https://mirror.example:port", "not a valid URI"),
        ("https://[::1", "not a valid URI"),
    ],
)
def test_what_is_no_mirror_is_refused_in_dockers_words(text, words):
    with pytest.raises(InvalidArgument, match="invalid mirror") as caught:
        parse_mirror(text)
    assert words in caught.value.message
    assert "secret" not in caught.value.message


@pytest.mark.parametrize(
    ("text", "entry"),
    [
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("registry.lan:5000", "registry.lan:5000"),
        ("registry_1", "registry_1"),
        ("HTTP://registry.lan", "registry.lan"),
        ("[fd00::1]:5000", "[fd00::1]:5000"),
        ("fd00::/8", "fd00::/8"),
        ("index.docker.io", "docker.io"),
    ],
)
def test_an_insecure_registry_is_a_name_or_a_network(text, entry):
    assert parse_insecure(text) == entry


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ftp://x", "should not contain '://'"),
        ("-x", 'invalid host "-x"'),
        ("a b", 'invalid host "a b"'),
        ("x:99999", 'invalid port "99999"'),
        ("x:http", 'invalid port "http"'),
        ("10.0.0.0/99", "invalid host"),
        ("", "invalid host"),
    ],
)
def test_what_is_no_registry_is_refused_in_dockers_words(text, words):
    with pytest.raises(InvalidArgument, match="insecure registry") as caught:
        parse_insecure(text)
    assert words in caught.value.message


def test_proxies_come_from_the_environment_in_either_case():
    found = proxies_of_environment({"HTTPS_PROXY": "http://p:1", "no_proxy": "lan"})
    assert found == {"http_proxy": "", "https_proxy": "http://p:1", "no_proxy": "lan"}
    assert RegistrySettings(**found).https_proxy == "http://p:1"


def test_info_shows_networks_names_and_mirrors():
    settings = RegistrySettings(mirrors=("https://m/",), insecure=("10.0.0.0/8", "reg:5000"))
    view = service_config(settings)
    assert view["InsecureRegistryCIDRs"] == ["10.0.0.0/8", "::1/128", "127.0.0.0/8"]
    assert view["Mirrors"] == ["https://m/"]
    assert view["IndexConfigs"]["reg:5000"]["Secure"] is False
    assert view["IndexConfigs"]["docker.io"] == {
        "Name": "docker.io",
        "Mirrors": ["https://m/"],
        "Secure": True,
        "Official": True,
    }


def test_settings_load_nothing_of_http():
    code = (
        "import sys, baleen.distribution.settings\n"
        "print([m for m in ('http.client', 'ssl', 'msgspec', 'threading') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, timeout=30)
    assert done.stdout.strip() in (b"[]", b"['threading']")
