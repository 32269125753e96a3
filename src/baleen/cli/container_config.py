"""From the flags of `run` and `create` to the body of `POST /containers/create`.

Only what the user said is sent; the engine knows its defaults. See: Engine API, ContainerCreate.
"""

from __future__ import annotations

import os

from baleen import errors
from baleen.cli.parsing.environment import (
    collect_environment,
    collect_labels,
    collect_map,
    parse_map,
)
from baleen.cli.parsing.ports import parse_expose, parse_publish
from baleen.cli.parsing.resources import parse_restart_policy, read_security_option
from baleen.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.cli.flags import Flags
    from baleen.client.models import JsonObject

__all__ = ["create_body", "resources"]


def _copy(flags: Flags, target: JsonObject, names: dict[str, str]) -> None:
    """Copy the given flags under their names in the API."""
    for flag, key in names.items():
        if flags.changed(flag):
            target[key] = flags.value(flag)


_RESOURCES = {
    "blkio-weight": "BlkioWeight",
    "cpu-period": "CpuPeriod",
    "cpu-quota": "CpuQuota",
    "cpu-rt-period": "CpuRealtimePeriod",
    "cpu-rt-runtime": "CpuRealtimeRuntime",
    "cpu-shares": "CpuShares",
    "cpus": "NanoCpus",
    "cpuset-cpus": "CpusetCpus",
    "cpuset-mems": "CpusetMems",
    "memory": "Memory",
    "memory-reservation": "MemoryReservation",
    "memory-swap": "MemorySwap",
    "pids-limit": "PidsLimit",
}

_HOST_VALUES = {
    "device-write-iops": "BlkioDeviceWriteIOps",
    "device-write-bps": "BlkioDeviceWriteBps",
    "device-read-iops": "BlkioDeviceReadIOps",
    "device-read-bps": "BlkioDeviceReadBps",
    "blkio-weight-device": "BlkioWeightDevice",
    "add-host": "ExtraHosts",
    "cap-add": "CapAdd",
    "cap-drop": "CapDrop",
    "cgroup-parent": "CgroupParent",
    "cgroupns": "CgroupnsMode",
    "cidfile": "ContainerIDFile",
    "device": "Devices",
    "device-cgroup-rule": "DeviceCgroupRules",
    "dns": "Dns",
    "dns-search": "DnsSearch",
    "group-add": "GroupAdd",
    "init": "Init",
    "ipc": "IpcMode",
    "link": "Links",
    "memory-swappiness": "MemorySwappiness",
    "mount": "Mounts",
    "oom-kill-disable": "OomKillDisable",
    "oom-score-adj": "OomScoreAdj",
    "pid": "PidMode",
    "privileged": "Privileged",
    "publish-all": "PublishAllPorts",
    "read-only": "ReadonlyRootfs",
    "rm": "AutoRemove",
    "runtime": "Runtime",
    "shm-size": "ShmSize",
    "ulimit": "Ulimits",
    "userns": "UsernsMode",
    "uts": "UTSMode",
    "volume-driver": "VolumeDriver",
    "volumes-from": "VolumesFrom",
}

_CONFIG_VALUES = {
    "domainname": "Domainname",
    "hostname": "Hostname",
    "stop-signal": "StopSignal",
    "stop-timeout": "StopTimeout",
    "user": "User",
    "workdir": "WorkingDir",
}

_HEALTH_VALUES = {
    "health-interval": "Interval",
    "health-retries": "Retries",
    "health-start-interval": "StartInterval",
    "health-start-period": "StartPeriod",
    "health-timeout": "Timeout",
}


def resources(flags: Flags) -> JsonObject:
    """The resource limits that were given, as HostConfig and the update body name them."""
    result: JsonObject = {}
    _copy(flags, result, _RESOURCES)
    if flags.changed("restart"):
        result["RestartPolicy"] = parse_restart_policy(flags.text("restart"))
    return result


def create_body(flags: Flags, image: str, command: list[str], *, detach: bool) -> JsonObject:
    """The whole request body.

    Raises:
        InvalidArgument: flags that contradict each other, or unusable files.
        NotImplemented: a flag that no engine of ours can serve.
    """
    _check(flags)
    body: JsonObject = {"Image": image, "Tty": flags.on("tty")}
    _attach(flags, body, detach=detach)
    _copy(flags, body, _CONFIG_VALUES)
    if command:
        body["Cmd"] = command
    if flags.changed("entrypoint"):
        body["Entrypoint"] = [flags.text("entrypoint")]
    environment = collect_environment(flags.texts("env-file"), flags.texts("env"), os.environ)
    if environment:
        body["Env"] = environment
    labels = collect_labels(flags.texts("label-file"), flags.texts("label"))
    if labels:
        body["Labels"] = labels
    health = _health(flags)
    if health:
        body["Healthcheck"] = health
    host = _host_config(flags)
    _ports(flags, body, host)
    _volumes(flags, body, host)
    _networks(flags, body, host)
    body["HostConfig"] = host
    return body


def _check(flags: Flags) -> None:
    if flags.changed("gpus"):
        raise errors.NotImplemented("--gpus is not supported by this engine")
    isolation = flags.text("isolation")
    if isolation not in {"", "default"}:
        raise InvalidArgument(f"invalid isolation: {isolation}: only default is supported")
    if flags.text("pull") not in {"always", "missing", "never"}:
        raise InvalidArgument(
            f"invalid pull option: '{flags.text('pull')}': must be one of \"always\", "
            '"missing" or "never"'
        )
    policy = flags.text("restart").partition(":")[0]
    if flags.on("rm") and policy not in {"", "no"}:
        raise InvalidArgument("conflicting options: cannot specify both --restart and --rm")
    swappiness = flags.number("memory-swappiness")
    if not -1 <= swappiness <= 100:
        raise InvalidArgument(
            f"invalid value: {swappiness}. Valid memory swappiness range is 0-100"
        )


def _attach(flags: Flags, body: JsonObject, *, detach: bool) -> None:
    chosen = set(flags.texts("attach"))
    interactive = flags.on("interactive")
    if not chosen and not detach:
        chosen = {"stdout", "stderr"} | ({"stdin"} if interactive else set())
    body["AttachStdin"] = "stdin" in chosen
    body["AttachStdout"] = "stdout" in chosen
    body["AttachStderr"] = "stderr" in chosen
    body["OpenStdin"] = interactive
    body["StdinOnce"] = interactive and body["AttachStdin"]


def _health(flags: Flags) -> JsonObject:
    result: JsonObject = {}
    _copy(flags, result, _HEALTH_VALUES)
    if any(value < 0 for value in result.values()):
        raise InvalidArgument("health options cannot be negative")
    if flags.changed("health-cmd"):
        result["Test"] = ["CMD-SHELL", flags.text("health-cmd")]
    if flags.on("no-healthcheck"):
        if result:
            raise InvalidArgument("--no-healthcheck conflicts with --health-* options")
        return {"Test": ["NONE"]}
    return result


def _host_config(flags: Flags) -> JsonObject:
    host = resources(flags)
    _copy(flags, host, _HOST_VALUES)
    _devices(host)
    options = flags.texts("dns-option") + flags.texts("dns-opt")
    if options:
        host["DnsOptions"] = options
    if flags.changed("log-driver") or flags.changed("log-opt"):
        host["LogConfig"] = {
            "Type": flags.text("log-driver"),
            "Config": collect_map(flags.texts("log-opt")),
        }
    for flag, key in (("annotation", "Annotations"), ("sysctl", "Sysctls")):
        if flags.changed(flag):
            host[key] = collect_map(flags.texts(flag))
    if flags.changed("storage-opt"):
        host["StorageOpt"] = parse_map(flags.texts("storage-opt"), "storage option")
    if flags.changed("tmpfs"):
        host["Tmpfs"] = dict(text.partition(":")[::2] for text in flags.texts("tmpfs"))
    _security(flags, host)
    if flags.on("tty"):
        size = _console_size()
        if size is not None:
            host["ConsoleSize"] = list(size)
    return host


def _devices(host: JsonObject) -> None:
    """Ask for CDI devices by a request to their driver."""
    devices: list[JsonObject] = host.get("Devices") or []
    names = [device["CdiName"] for device in devices if "CdiName" in device]
    if names:
        host["Devices"] = [device for device in devices if "CdiName" not in device]
        host["DeviceRequests"] = [{"Driver": "cdi", "DeviceIDs": names}]


def _console_size() -> tuple[int, int] | None:
    from baleen.cli.tty import terminal_size

    return terminal_size(1)


def _security(flags: Flags, host: JsonObject) -> None:
    options: list[str] = []
    for text in flags.texts("security-opt"):
        if text == "systempaths=unconfined":
            host["MaskedPaths"] = []
            host["ReadonlyPaths"] = []
        else:
            options.append(read_security_option(text))
    if options:
        host["SecurityOpt"] = options


def _ports(flags: Flags, body: JsonObject, host: JsonObject) -> None:
    exposed, bindings = parse_publish(flags.texts("publish"))
    for text in flags.texts("expose"):
        exposed.update({key: {} for key in parse_expose(text)})
    if exposed:
        body["ExposedPorts"] = exposed
    if bindings:
        host["PortBindings"] = bindings


def _volumes(flags: Flags, body: JsonObject, host: JsonObject) -> None:
    given: list[tuple[str, str]] = flags.value("volume")
    binds = [text for kind, text in given if kind == "bind"]
    anonymous: dict[str, JsonObject] = {t: {} for kind, t in given if kind == "volume"}
    if binds:
        host["Binds"] = binds
    if anonymous:
        body["Volumes"] = anonymous


def _networks(flags: Flags, body: JsonObject, host: JsonObject) -> None:
    """NetworkMode is the first network; the flags about one endpoint are about that one."""
    given: list[tuple[str, JsonObject]] = [*flags.value("network"), *flags.value("net")]
    names = [name for name, _ in given]
    if len(names) > 1 and any(
        name in {"host", "none", "default"} or name.startswith("container:") for name in names
    ):
        raise InvalidArgument(
            "conflicting options: cannot attach both user-defined and "
            "non-user-defined network-modes"
        )
    first = names[0] if names else "default"
    host["NetworkMode"] = first
    settings = given[0][1] if given else {}
    aliases = flags.texts("network-alias") + flags.texts("net-alias")
    if aliases:
        settings["Aliases"] = [*settings.get("Aliases", []), *aliases]
    ipam: JsonObject = {}
    _copy(flags, ipam, {"ip": "IPv4Address", "ip6": "IPv6Address"})
    if flags.changed("link-local-ip"):
        ipam["LinkLocalIPs"] = flags.texts("link-local-ip")
    if ipam:
        settings.setdefault("IPAMConfig", {}).update(ipam)
    if flags.changed("mac-address"):
        settings["MacAddress"] = flags.text("mac-address")
    if flags.changed("link") and first != "default":
        settings["Links"] = flags.texts("link")
    endpoints: dict[str, JsonObject] = {}
    # A single network without options of its own is said by NetworkMode alone, as Docker does:
    # `container:NAME` may not be among the endpoints at all.
    if settings or len(given) > 1:
        endpoints[first] = settings
    for name, other in given[1:]:
        if name in endpoints:
            raise InvalidArgument(f'network "{name}" is specified multiple times')
        endpoints[name] = other
    if endpoints:
        body["NetworkingConfig"] = {"EndpointsConfig": endpoints}
