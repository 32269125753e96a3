"""The flags that `run` and `create` share, as in the reference of `docker run`."""

from __future__ import annotations

from baleen.cli.flags import Flag
from baleen.cli.parsing.addresses import parse_dns_server, parse_extra_host, parse_ip, parse_mac
from baleen.cli.parsing.environment import check_label, check_sysctl, check_variable
from baleen.cli.parsing.mounts import parse_device, parse_mount, parse_volume, parse_weight
from baleen.cli.parsing.quantities import parse_cpus, parse_duration, parse_size, parse_swap_size
from baleen.cli.parsing.resources import parse_network, parse_stream, parse_ulimit
from baleen.cli.parsing.throttles import (
    parse_device_bytes,
    parse_device_operations,
    parse_device_weight,
)

__all__ = ["CONTAINER_FLAGS", "RESOURCE_FLAGS"]

# `update` takes these too.
RESOURCE_FLAGS: tuple[Flag, ...] = (
    Flag(
        "blkio-weight",
        "",
        "uint16",
        "Block IO (relative weight), between 10 and 1000, or 0 to disable",
        parse=parse_weight,
        default=0,
    ),
    Flag("cpu-period", "", "int", "Limit CPU CFS (Completely Fair Scheduler) period"),
    Flag("cpu-quota", "", "int", "Limit CPU CFS (Completely Fair Scheduler) quota"),
    Flag("cpu-rt-period", "", "int", "Limit CPU real-time period in microseconds"),
    Flag("cpu-rt-runtime", "", "int", "Limit CPU real-time runtime in microseconds"),
    Flag("cpu-shares", "c", "int", "CPU shares (relative weight)"),
    Flag("cpus", "", "decimal", "Number of CPUs", parse=parse_cpus),
    Flag("cpuset-cpus", "", "string", "CPUs in which to allow execution (0-3, 0,1)"),
    Flag("cpuset-mems", "", "string", "MEMs in which to allow execution (0-3, 0,1)"),
    Flag("memory", "m", "bytes", "Memory limit", parse=parse_size),
    Flag("memory-reservation", "", "bytes", "Memory soft limit", parse=parse_size),
    Flag(
        "memory-swap",
        "",
        "bytes",
        "Swap limit equal to memory plus swap: '-1' to enable unlimited swap",
        parse=parse_swap_size,
    ),
    Flag("pids-limit", "", "int", "Tune container pids limit (set -1 for unlimited)"),
    Flag("restart", "", "string", "Restart policy to apply when a container exits"),
)

_OWN: tuple[Flag, ...] = (
    Flag(
        "add-host", "", "list", "Add a custom host-to-IP mapping (host:ip)", parse=parse_extra_host
    ),
    Flag(
        "annotation",
        "",
        "map",
        "Add an annotation to the container (passed through to the OCI runtime)",
    ),
    Flag("attach", "a", "list", "Attach to STDIN, STDOUT or STDERR", parse=parse_stream),
    Flag(
        "blkio-weight-device",
        "",
        "list",
        "Block IO weight (relative device weight)",
        parse=parse_device_weight,
    ),
    Flag("cap-add", "", "list", "Add Linux capabilities"),
    Flag("cap-drop", "", "list", "Drop Linux capabilities"),
    Flag("cgroup-parent", "", "string", "Optional parent cgroup for the container"),
    Flag("cgroupns", "", "string", "Cgroup namespace to use (host|private)"),
    Flag("cidfile", "", "string", "Write the container ID to the file"),
    Flag("device", "", "list", "Add a host device to the container", parse=parse_device),
    Flag("device-cgroup-rule", "", "list", "Add a rule to the cgroup allowed devices list"),
    Flag(
        "device-read-bps",
        "",
        "list",
        "Limit read rate (bytes per second) from a device",
        parse=parse_device_bytes,
    ),
    Flag(
        "device-read-iops",
        "",
        "list",
        "Limit read rate (IO per second) from a device",
        parse=parse_device_operations,
    ),
    Flag(
        "device-write-bps",
        "",
        "list",
        "Limit write rate (bytes per second) to a device",
        parse=parse_device_bytes,
    ),
    Flag(
        "device-write-iops",
        "",
        "list",
        "Limit write rate (IO per second) to a device",
        parse=parse_device_operations,
    ),
    Flag("dns", "", "list", "Set custom DNS servers", parse=parse_dns_server),
    Flag("dns-option", "", "list", "Set DNS options"),
    Flag("dns-opt", "", "list", "Set DNS options", hidden=True),
    Flag("dns-search", "", "list", "Set custom DNS search domains"),
    Flag("domainname", "", "string", "Container NIS domain name"),
    Flag("entrypoint", "", "string", "Overwrite the default ENTRYPOINT of the image"),
    Flag("env", "e", "list", "Set environment variables", parse=check_variable),
    Flag("env-file", "", "list", "Read in a file of environment variables"),
    Flag("expose", "", "list", "Expose a port or a range of ports"),
    Flag("gpus", "", "gpu-request", "GPU devices to add to the container (not supported)"),
    Flag("group-add", "", "list", "Add additional groups to join"),
    Flag("health-cmd", "", "string", "Command to run to check health"),
    Flag(
        "health-interval",
        "",
        "duration",
        "Time between running the check (ms|s|m|h)",
        parse=parse_duration,
    ),
    Flag("health-retries", "", "int", "Consecutive failures needed to report unhealthy"),
    Flag(
        "health-start-interval",
        "",
        "duration",
        "Time between running the check during the start period (ms|s|m|h)",
        parse=parse_duration,
    ),
    Flag(
        "health-start-period",
        "",
        "duration",
        "Start period for the container to initialize before starting health-retries countdown "
        "(ms|s|m|h)",
        parse=parse_duration,
    ),
    Flag(
        "health-timeout",
        "",
        "duration",
        "Maximum time to allow one check to run (ms|s|m|h)",
        parse=parse_duration,
    ),
    Flag("hostname", "h", "string", "Container host name"),
    Flag("init", "", "bool", "Run an init inside the container that forwards signals and reaps"),
    Flag("interactive", "i", "bool", "Keep STDIN open even if not attached"),
    Flag("ip", "", "string", "IPv4 address (e.g., 172.30.100.104)", parse=parse_ip, default=""),
    Flag("ip6", "", "string", "IPv6 address (e.g., 2001:db8::33)", parse=parse_ip, default=""),
    Flag("ipc", "", "string", "IPC mode to use"),
    Flag("isolation", "", "string", "Container isolation technology"),
    Flag("label", "l", "list", "Set meta data on a container", parse=check_label),
    Flag("label-file", "", "list", "Read in a line delimited file of labels"),
    Flag("link", "", "list", "Add link to another container"),
    Flag("link-local-ip", "", "list", "Container IPv4/IPv6 link-local addresses", parse=parse_ip),
    Flag("log-driver", "", "string", "Logging driver for the container"),
    Flag("log-opt", "", "list", "Log driver options"),
    Flag(
        "mac-address",
        "",
        "string",
        "Container MAC address (e.g., 92:d0:c6:0a:29:33)",
        parse=parse_mac,
        default="",
    ),
    Flag("memory-swappiness", "", "int", "Tune container memory swappiness (0 to 100)", default=-1),
    Flag("mount", "", "mount", "Attach a filesystem mount to the container", parse=parse_mount),
    Flag("name", "", "string", "Assign a name to the container"),
    Flag(
        "net", "", "network", "Connect a container to a network", parse=parse_network, hidden=True
    ),
    Flag("net-alias", "", "list", "Add network-scoped alias for the container", hidden=True),
    Flag("network", "", "network", "Connect a container to a network", parse=parse_network),
    Flag("network-alias", "", "list", "Add network-scoped alias for the container"),
    Flag("no-healthcheck", "", "bool", "Disable any container-specified HEALTHCHECK"),
    Flag("oom-kill-disable", "", "bool", "Disable OOM Killer"),
    Flag("oom-score-adj", "", "int", "Tune host's OOM preferences (-1000 to 1000)"),
    Flag("pid", "", "string", "PID namespace to use"),
    Flag("platform", "", "string", "Set platform if server is multi-platform capable"),
    Flag("privileged", "", "bool", "Give extended privileges to this container"),
    Flag("publish", "p", "list", "Publish a container's port(s) to the host"),
    Flag("publish-all", "P", "bool", "Publish all exposed ports to random ports"),
    Flag(
        "pull",
        "",
        "string",
        'Pull image before running ("always", "missing", "never")',
        default="missing",
    ),
    Flag("quiet", "q", "bool", "Suppress the pull output"),
    Flag("read-only", "", "bool", "Mount the container's root filesystem as read only"),
    Flag(
        "rm",
        "",
        "bool",
        "Automatically remove the container and its associated anonymous volumes when it exits",
    ),
    Flag("runtime", "", "string", "Runtime to use for this container"),
    Flag("security-opt", "", "list", "Security Options"),
    Flag("shm-size", "", "bytes", "Size of /dev/shm", parse=parse_size),
    Flag("stop-signal", "", "string", "Signal to stop the container"),
    Flag("stop-timeout", "", "int", "Timeout (in seconds) to stop a container"),
    Flag("storage-opt", "", "list", "Storage driver options for the container"),
    Flag("sysctl", "", "map", "Sysctl options", parse=check_sysctl),
    Flag("tmpfs", "", "list", "Mount a tmpfs directory"),
    Flag("tty", "t", "bool", "Allocate a pseudo-TTY"),
    Flag("ulimit", "", "ulimit", "Ulimit options", parse=parse_ulimit),
    Flag("user", "u", "string", "Username or UID (format: <name|uid>[:<group|gid>])"),
    Flag("userns", "", "string", "User namespace to use"),
    Flag("uts", "", "string", "UTS namespace to use"),
    Flag("volume", "v", "list", "Bind mount a volume", parse=parse_volume),
    Flag("volume-driver", "", "string", "Optional volume driver for the container"),
    Flag("volumes-from", "", "list", "Mount volumes from the specified container(s)"),
    Flag("workdir", "w", "string", "Working directory inside the container"),
)

CONTAINER_FLAGS = tuple(sorted((*_OWN, *RESOURCE_FLAGS), key=lambda flag: flag.name))
