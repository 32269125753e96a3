from __future__ import annotations

from pathlib import Path

import pytest

from baleen.daemon.config import Config
from baleen.daemon.registry_settings import add_mirror, flatten_proxies, registry_settings
from baleen.errors import InvalidArgument


def test_what_nobody_says_is_as_with_dockerd():
    settings = registry_settings(Config(), {})
    assert settings.certificates == (Path("/etc/baleen/certs.d"), Path("/etc/docker/certs.d"))
    limits = (
        settings.max_concurrent_downloads,
        settings.max_concurrent_uploads,
        settings.max_download_attempts,
    )
    assert limits == (3, 5, 5)


def test_mirrors_and_insecure_registries_are_checked_and_settled():
    settings = registry_settings(
        Config(
            registry_mirrors=["https://m.io", "https://m.io/"],
            registry_mirrors_for={"q.io": ["http://n.io/"]},
            insecure_registries=["http://r.io:5000", "10.0.0.0/8"],
            registry_certs_dirs=["/c"],
        ),
        {},
    )
    assert settings.mirrors == ("https://m.io/",)
    assert settings.registry_mirrors == {"q.io": ("http://n.io/",)}
    assert settings.insecure == ("r.io:5000", "10.0.0.0/8")
    assert settings.certificates == (Path("/c"),)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"registry_mirrors": ["ftp://x"]}, "invalid mirror: unsupported scheme"),
        ({"registry_mirrors_for": {"a": ["x"]}}, "invalid mirror"),
        ({"insecure_registries": ["a b"]}, "insecure registry a b is not valid"),
        ({"registry_certs_dirs": ["x"]}, "registry-certs-dirs: 'x' is no absolute path"),
        ({"max_concurrent_downloads": -1}, "invalid max concurrent downloads: -1"),
        ({"max_concurrent_uploads": -1}, "invalid max concurrent uploads: -1"),
        ({"max_download_attempts": 0}, "invalid max download attempts: 0"),
        ({"http_proxy": "http://"}, "http-proxy: the value is no URL of a proxy"),
        ({"https_proxy": "http://user:pass@:x"}, "https-proxy: the value is no URL"),
    ],
)
def test_mistakes_are_named_and_passwords_are_not(values, message):
    with pytest.raises(InvalidArgument, match=message) as caught:
        registry_settings(Config(**values), {})
    assert "pass" not in str(caught.value)


def test_no_limit_is_a_high_one():
    settings = registry_settings(Config(max_concurrent_downloads=0), {})
    assert settings.max_concurrent_downloads > 50


def test_the_configuration_goes_before_the_environment():
    around = {"HTTP_PROXY": "http://a", "https_proxy": "http://b", "NO_PROXY": "c"}
    settings = registry_settings(Config(http_proxy="http://own"), around)
    assert (settings.http_proxy, settings.https_proxy, settings.no_proxy) == (
        "http://own",
        "http://b",
        "c",
    )


def test_mirrors_of_a_registry_add_up():
    once = add_mirror({}, "q.io=https://a")
    assert add_mirror(once, "q.io=https://b") == {"q.io": ["https://a", "https://b"]}
    for text in ("q.io", "=x"):
        with pytest.raises(InvalidArgument, match="want REGISTRY=URL"):
            add_mirror({}, text)


def test_proxies_are_an_object_in_the_file():
    assert flatten_proxies({"a": 1, "proxies": {"no-proxy": "x"}}) == {
        "a": 1,
        "proxies.no-proxy": "x",
    }
    assert flatten_proxies({"proxies": None}) == {}
    with pytest.raises(InvalidArgument, match=r"proxies\.ftp-proxy"):
        flatten_proxies({"proxies": {"ftp-proxy": "x"}})
    with pytest.raises(InvalidArgument, match="expected an object"):
        flatten_proxies({"proxies": ["x"]})
