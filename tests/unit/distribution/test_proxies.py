from __future__ import annotations

import pytest

from baleen.distribution.proxies import Proxy, proxy_for
from baleen.distribution.settings import RegistrySettings
from baleen.errors import InvalidArgument

SETTINGS = RegistrySettings(http_proxy="http://plain:3128", https_proxy="http://u:p%40s@tls")


def test_the_scheme_chooses_the_proxy():
    assert proxy_for(SETTINGS, "http", "reg.example", 80) == Proxy("plain", 3128)
    found = proxy_for(SETTINGS, "https", "reg.example", 443)
    assert (found.host, found.port) == ("tls", 80)
    assert found.authorization == "Basic dTpwQHM="
    assert "dTpw" not in repr(found)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.9.9", "::1"])
def test_loopback_never_goes_through_a_proxy(host):
    assert proxy_for(SETTINGS, "https", host, 443) is None


@pytest.mark.parametrize(
    ("no_proxy", "host", "direct"),
    [
        ("*", "reg.example", True),
        ("reg.example", "reg.example", True),
        ("REG.example", "reg.EXAMPLE", True),
        ("example", "reg.example", True),
        (".example", "reg.example", True),
        ("*.example", "reg.example", True),
        (".reg.example", "reg.example", False),
        ("g.example", "reg.example", False),
        ("reg.example:443", "reg.example", True),
        ("reg.example:5000", "reg.example", False),
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10.0.0.0/8", "11.1.2.3", False),
        ("10.0.0.0/99", "10.1.2.3", False),
        ("10.1.2.3", "10.1.2.3", True),
        ("fd00::1", "fd00::1", True),
        (" other , reg.example ", "reg.example", True),
        ("", "reg.example", False),
    ],
)
def test_no_proxy_names_hosts_domains_and_networks(no_proxy, host, direct):
    settings = RegistrySettings(https_proxy="http://p:1", no_proxy=no_proxy)
    assert (proxy_for(settings, "https", host, 443) is None) is direct


@pytest.mark.parametrize("text", ["socks5://p:1", "https://p:1", "http://u:secret@:x", "http://"])
def test_another_proxy_is_refused_without_its_password(text):
    with pytest.raises(InvalidArgument, match="invalid proxy setting") as caught:
        proxy_for(RegistrySettings(https_proxy=text), "https", "reg.example", 443)
    assert "secret" not in str(caught.value)


def test_no_proxy_setting_means_none():
    assert proxy_for(RegistrySettings(), "https", "reg.example", 443) is None
