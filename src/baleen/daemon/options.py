"""The table of the daemon's options: flag, key in daemon.json, kind, and what becomes of it.

Names and kinds are dockerd's, so that its flags and files can be used. An option is `used`, or
`accepted`: understood and kept, because files that people have contain it, although here it has
nothing to change (the reason is in the table). What dockerd has and is in neither group is
refused by name, since ignoring a setting about isolation or addresses would be a lie.

See: dockerd reference, "Daemon configuration file".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from baleen.errors import InvalidArgument

__all__ = ["OPTIONS", "UNSUPPORTED", "Kind", "Option", "parse_size"]

Kind = Literal[
    "text",
    "list",
    "flag",
    "integer",
    "size",
    "map",
    "lists",
    "pools",
    "ulimits",
    "runtimes",
    "any",
]


@dataclass(frozen=True, slots=True)
class Option:
    """One option; `key` is its name in the file, empty when it is a flag only.

    `proxies.no-proxy` is `no-proxy` in the object `proxies`.
    """

    flag: str
    kind: Kind
    help: str
    key: str = ""
    short: str = ""
    accepted: str = ""

    @property
    def field(self) -> str:
        """The name of the option as an attribute."""
        return (self.key or self.flag).rpartition(".")[2].replace("-", "_")


def _option(
    flag: str,
    kind: Kind,
    text: str,
    *,
    key: str | None = None,
    short: str = "",
    accepted: str = "",
) -> Option:
    return Option(flag, kind, text, flag if key is None else key, short, accepted)


_ALWAYS = "it is always so"

OPTIONS = (
    _option("config-file", "text", "configuration file", key=""),
    _option("host", "list", "address to listen on: unix://, tcp://, fd://", key="hosts", short="H"),
    _option("data-root", "text", "directory of durable state"),
    _option("exec-root", "text", "directory of state that a reboot may forget"),
    _option("pidfile", "text", "file that holds the daemon's process id", short="p"),
    _option("group", "text", "group that may use the unix socket", short="G"),
    _option("debug", "flag", "log debug messages", short="D"),
    _option("log-level", "text", "debug, info, warn, error or fatal", short="l"),
    _option("log-format", "text", "text or json"),
    _option("tls", "flag", "use TLS; implied by --tlsverify"),
    _option("tlsverify", "flag", "use TLS and verify the client"),
    _option("tlscacert", "text", "file of the CA that clients' certificates must be signed by"),
    _option("tlscert", "text", "certificate file"),
    _option("tlskey", "text", "private key file"),
    _option(
        "insecure-plain-tcp-without-authentication",
        "flag",
        "allow a TCP address that anybody who reaches it controls this host with",
        key="",
    ),
    _option("bridge", "text", "name of the default network's bridge", short="b"),
    _option("bip", "text", "address of the default bridge, with prefix length"),
    _option(
        "default-address-pool",
        "pools",
        "base=CIDR,size=LENGTH of subnets for new networks",
        key="default-address-pools",
    ),
    _option("rootless", "flag", "run as an ordinary user, in namespaces of that user's"),
    _option("rootless-network", "text", "way out: auto, slirp4netns, pasta or none"),
    _option("rootless-single-id", "flag", "go without /etc/subuid: only the user's own id"),
    _option("mtu", "integer", "MTU of container networks"),
    _option("icc", "flag", "containers of the default network may talk to each other"),
    _option("ip-forward", "flag", "turn on IP forwarding"),
    _option("ip-masq", "flag", "masquerade what leaves a container network"),
    _option("iptables", "flag", "manage the firewall (nftables)", accepted=_ALWAYS),
    _option("ip6tables", "flag", "manage the IPv6 firewall", accepted=_ALWAYS),
    _option("firewall-backend", "text", "nftables"),
    _option("nft-table", "text", "name of the nftables table"),
    _option("dns", "list", "DNS server for containers"),
    _option("dns-opt", "list", "DNS option for containers", key="dns-opts"),
    _option("dns-search", "list", "DNS search domain for containers"),
    _option("label", "list", "key=value label of this daemon", key="labels"),
    _option("log-driver", "text", "default log driver of containers"),
    _option("log-opt", "map", "default option of the log driver", key="log-opts"),
    _option(
        "default-ulimit", "ulimits", "name=soft:hard for new containers", key="default-ulimits"
    ),
    _option("default-shm-size", "size", "default size of /dev/shm"),
    _option(
        "cgroup-parent",
        "text",
        "cgroup, or with systemd slice, that contains those of all containers",
    ),
    _option("exec-opt", "list", "native.cgroupdriver=systemd or cgroupfs", key="exec-opts"),
    _option("cdi-spec-dir", "list", "directory of CDI spec files", key="cdi-spec-dirs"),
    _option("init", "flag", "run an init in containers that forwards signals and reaps"),
    _option("seccomp-profile", "text", 'seccomp profile file, "builtin" or "unconfined"'),
    _option("selinux-enabled", "flag", "confine containers by SELinux, where the host has it"),
    _option("add-runtime", "runtimes", "NAME=PATH of an OCI runtime for --runtime", key="runtimes"),
    _option("default-runtime", "text", "baleen (also under the name runc), or an added one"),
    _option("storage-driver", "text", "", short="s"),
    _option("storage-opt", "list", "", key="storage-opts", accepted="overlay has none"),
    _option("gc-keep-free", "text", "remove unused images when less is free: 20GB, or 15%"),
    _option("gc-unused-for", "text", "only images not used for so long: 12h, 7d"),
    _option("shutdown-timeout", "integer", "seconds that running requests get at the end"),
    _option("live-restore", "flag", "containers outlive the daemon", accepted=_ALWAYS),
    _option("userland-proxy", "flag", "", accepted="ports are published without one"),
    _option("userland-proxy-path", "text", "", accepted="ports are published without one"),
    _option(
        "insecure-registry",
        "list",
        "registry (host[:port], or network) without TLS, or with a certificate of nobody's",
        key="insecure-registries",
    ),
    _option("registry-mirror", "list", "URL of a mirror of docker.io", key="registry-mirrors"),
    _option(
        "registry-mirror-for",
        "lists",
        "REGISTRY=URL of a mirror of another registry",
        key="registry-mirrors-for",
    ),
    _option(
        "registry-certs-dir",
        "list",
        "directory with HOST[:PORT]/{*.crt,*.cert,*.key} of registries",
        key="registry-certs-dirs",
    ),
    _option("http-proxy", "text", "proxy for http:// registries", key="proxies.http-proxy"),
    _option("https-proxy", "text", "proxy for https:// registries", key="proxies.https-proxy"),
    _option("no-proxy", "text", "hosts that are reached without", key="proxies.no-proxy"),
    _option("max-concurrent-downloads", "integer", "layers that one pull gets at a time"),
    _option("max-concurrent-uploads", "integer", "layers that one push sends at a time"),
    _option("max-download-attempts", "integer", "attempts at a layer before a pull fails"),
    _option("own-registry", "flag", "give Baleen's own registry to who pulls `registry` (default)"),
    _option("experimental", "flag", "offer what Docker calls experimental: checkpoints"),
    _option("feature", "any", "", key="features", accepted="`cdi`: false turns CDI off"),
    _option(
        "userns-remap",
        "text",
        'user namespace of containers: "default", or user[:group] with subordinate ids',
    ),
    _option("raw-logs", "flag", "", accepted="logs are never coloured"),
    _option("builder", "any", "what of the build cache goes by itself: gc"),
    _option("containerd", "text", "", accepted="containerd is not used"),
    _option("containerd-namespace", "text", "", accepted="containerd is not used"),
    _option("containerd-plugins-namespace", "text", "", accepted="containerd is not used"),
)

UNSUPPORTED = frozenset(
    {
        "allow-direct-routing", "authorization-plugin", "authorization-plugins",
        "bip6", "bridge-accept-fwmark", "cpu-rt-period",
        "cpu-rt-runtime", "default-cgroupns-mode", "default-gateway", "default-gateway-v6",
        "default-ipc-mode", "default-network-opt", "default-network-opts", "fixed-cidr",
        "fixed-cidr-v6", "host-gateway-ip", "host-gateway-ips", "init-path", "ip",
        "ip-forward-no-drop", "ipv6", "metrics-addr",
        "network-control-plane-mtu", "no-new-privileges", "node-generic-resource",
        "node-generic-resources",
        "swarm-default-advertise-addr",
    }
)  # fmt: skip
"""Options of dockerd that are refused, in flags and file."""

_SIZE = re.compile(r"([0-9]{1,18})(?:\.([0-9]{1,9}))?[ ]?([kKmMgGtTpP]?)(?:[iI]?[bB])?")
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}


def parse_size(text: str) -> int:
    """Return the bytes in `64M`, `1.5 GiB` or `512` (powers of 1024); raises InvalidArgument.

    See: github.com/docker/go-units RAMInBytes.
    """
    match = _SIZE.fullmatch(text)
    if match is None:
        raise InvalidArgument(f"invalid size: {text[:64]!r}")
    unit = int(1024 ** _POWERS[match[3].lower()])
    fraction = int(match[2]) * unit // 10 ** len(match[2]) if match[2] else 0
    size = int(match[1]) * unit + fraction
    if size >= 2**63:
        raise InvalidArgument(f"invalid size: {text[:64]!r} is too large")
    return size
