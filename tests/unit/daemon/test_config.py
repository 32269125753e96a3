from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baleen.daemon.config import Config, load_config, parse_arguments
from baleen.errors import InvalidArgument


@pytest.fixture
def load(tmp_path):
    def run(*arguments, file=None):
        path = tmp_path / "daemon.json"
        path.write_text(file if isinstance(file, str) else json.dumps(file or {}))
        return load_config(parse_arguments(["--config-file", str(path), *arguments]))

    return run


def test_without_anything_the_defaults_hold(load):
    config = load()
    assert config == Config()
    assert config.hosts == ["unix:///var/run/baleen.sock"]
    assert config.data_root == Path("/var/lib/baleen")
    assert config.pidfile == Path("/run/baleen.pid")


def test_flags_in_all_spellings(load):
    config = load(
        "-H", "unix:///a", "--host=tcp://1.2.3.4:1", "-D", "--icc=false", "--mtu", "1400",
        "--data-root=/x/y", "-lwarn", "--label", "a=b", "--label=c=d", "--log-opt", "max-size=1m",
        "--default-ulimit", "nofile=10:20", "--default-shm-size", "128M",
        "--default-address-pool", "base=10.0.0.0/8,size=24",
    )  # fmt: skip
    assert config.hosts == ["unix:///a", "tcp://1.2.3.4:1"]
    assert (config.debug, config.icc, config.mtu, config.log_level) == (True, False, 1400, "warn")
    assert config.data_root == Path("/x/y")
    assert config.labels == ["a=b", "c=d"]
    assert config.log_opts == {"max-size": "1m"}
    assert config.default_ulimits == {"nofile": (10, 20)}
    assert config.default_shm_size == 128 << 20
    assert config.default_address_pools == [("10.0.0.0/8", 24)]


def test_a_file_of_dockerd_is_read(load):
    config = load(
        file={
            "data-root": "", "hosts": [], "debug": True, "default-shm-size": "64M", "mtu": 1450,
            "default-address-pools": [{"base": "172.30.0.0/16", "size": 24}],
            "default-ulimits": {"nofile": {"Hard": 64000, "Name": "nofile", "Soft": 63000}},
            "log-opts": {"max-file": "5"}, "live-restore": True, "userland-proxy": False,
            "features": {"cdi": True}, "storage-driver": "overlay2", "default-runtime": "runc",
            "exec-opts": ["native.cgroupdriver=cgroupfs"], "ipv6": False, "runtimes": {},
            "insecure-registries": ["a:5000"], "max-concurrent-downloads": 3,
        }
    )  # fmt: skip
    assert config.debug
    assert config.mtu == 1450
    assert config.data_root == Path("/var/lib/baleen")
    assert config.default_ulimits == {"nofile": (63000, 64000)}
    assert config.insecure_registries == ["a:5000"]
    assert {"live-restore", "userland-proxy", "features"} <= set(config.ignored)


def test_settings_of_registries(load):
    config = load(
        "--insecure-registry", "a:5000", "--registry-mirror=https://m.io", "--no-proxy", "x",
        "--registry-mirror-for", "q.io=https://n.io", "--registry-mirror-for=q.io=https://o.io",
        "--max-concurrent-uploads", "2",
        file={"proxies": {"http-proxy": "http://p:1", "https-proxy": ""},
              "max-download-attempts": 7},
    )  # fmt: skip
    assert config.registry_mirrors_for == {"q.io": ["https://n.io", "https://o.io"]}
    assert (config.http_proxy, config.https_proxy, config.no_proxy) == ("http://p:1", "", "x")
    assert (config.max_concurrent_uploads, config.max_download_attempts) == (2, 7)
    file = {"registry-mirrors-for": {"q.io": ["https://n.io"]}}
    assert load(file=file).registry_mirrors_for == file["registry-mirrors-for"]
    with pytest.raises(InvalidArgument, match="specified both as a flag and in the"):
        load("--http-proxy=http://p:2", file={"proxies": {"http-proxy": "http://p:1"}})
    with pytest.raises(InvalidArgument, match="http-proxy"):
        load(file={"http-proxy": "http://p:1"})
    with pytest.raises(InvalidArgument, match="invalid mirror"):
        load("--registry-mirror=x")


def test_where_cdi_spec_files_are(load):
    assert load().cdi_spec_dirs == ["/etc/cdi", "/var/run/cdi"]
    assert load("--cdi-spec-dir=/a", "--cdi-spec-dir=/b").cdi_spec_dirs == ["/a", "/b"]
    assert load(file={"cdi-spec-dirs": ["/a"]}).cdi_spec_dirs == ["/a"]
    for off in ({"features": {"cdi": False}}, {"cdi-spec-dirs": [""]}):
        assert load(file=off).cdi_spec_dirs == []
    with pytest.raises(InvalidArgument, match="cdi-spec-dirs: 'a' is no absolute path"):
        load("--cdi-spec-dir=a")


def test_an_option_in_both_places_is_refused(load):
    with pytest.raises(InvalidArgument) as caught:
        load("--label", "a=b", "-D", file={"labels": ["c=d"], "debug": True, "mtu": 1500})
    text = caught.value.message
    assert "the following directives are specified both as a flag and in the configuration" in text
    assert "labels: (from flag: ['a=b'], from file: ['c=d'])" in text
    assert "debug" in text
    assert "mtu" not in text


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ({"unknown-option": 1}, "don't match any configuration option: unknown-option"),
        ({"bip6": "fd00::1/64"}, "bip6 is not supported"),
        ({"debug": "yes"}, "debug: Expected `bool`, got `str`"),
        ({"hosts": "unix:///a"}, "hosts: Expected `array`, got `str`"),
        ({"mtu": 1e3}, "mtu: Expected `int`, got `float`"),
        ("{", "invalid JSON"),
        ("[]", "invalid JSON"),
        ("[" * 100000, "invalid JSON"),
        ({"mtu": 10}, "mtu: 10 is out of range"),
        ({"log-level": "loud"}, "log-level: 'loud' is none of"),
        ({"storage-driver": "zfs"}, "storage-driver"),
        ({"exec-opts": ["native.cgroupdriver=x"]}, "native.cgroupdriver option x not supported"),
        ({"exec-opts": ["isolation=process"]}, "exec-opts: 'isolation=process' is not supported"),
        ({"data-root": "relative"}, "data-root"),
        ({"data-root": "/a/../b"}, "data-root"),
        ({"data-root": "/"}, "data-root"),
        ({"bridge": "a/b"}, "bridge"),
        ({"nft-table": "x; drop"}, "nft-table"),
        ({"labels": ["novalue"]}, "bad attribute format: novalue"),
        ({"labels": ["a=1", "a=2"]}, "conflict labels for a=2 and 1"),
        ({"default-shm-size": "1e9"}, "invalid size"),
        ({"default-ulimits": {"nofile": {"Soft": 5, "Hard": 1}}}, "soft limit 5 is above"),
        ({"cgroup-parent": "x"}, "cgroup-parent"),
        ({"firewall-backend": "iptables"}, "firewall-backend"),
    ],
)  # fmt: skip
def test_bad_files_are_refused_with_the_reason(load, file, text):
    with pytest.raises(InvalidArgument, match="unable to configure the daemon with file") as caught:
        load(file=file)
    assert text in caught.value.message


@pytest.mark.parametrize(
    "arguments",
    [["--nope"], ["-Z"], ["word"], ["--mtu"], ["--mtu", "1_0"], ["--mtu=0x10"], ["--debug=maybe"],
     ["--log-opt", "x"], ["--default-ulimit", "nofile"], ["--default-ulimit", "nofile=a"],
     ["--default-address-pool", "base=1"], ["--bip6", "x"], ["--default-shm-size", "1 000"],
     ["-"], ["--"]],
)  # fmt: skip
def test_bad_flags_are_refused(arguments):
    with pytest.raises(InvalidArgument):
        parse_arguments(arguments)


def test_a_named_file_must_exist(tmp_path):
    with pytest.raises(InvalidArgument, match="cannot read the configuration file"):
        load_config(parse_arguments(["--config-file", str(tmp_path / "none")]))


def test_actions_are_seen():
    assert parse_arguments(["--help"]).action == "help"
    assert parse_arguments(["-v"]).action == "version"
    assert parse_arguments(["--validate", "-D"]).action == "validate"


@given(st.lists(st.text(max_size=12), max_size=4))
def test_any_words_are_flags_or_refused(words):
    try:
        parse_arguments(words)
    except InvalidArgument:
        return
