"""The control group: where it is, what it limits, what is used, which devices it lets open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from baleen.api.explanation import (
    ExplainedCgroup,
    ExplainedCgroupPath,
    ExplainedDevice,
    ExplainedLimit,
)
from baleen.engine.explaining.why_limits import DEVICE_DEFAULT, DEVICE_MKNOD, DEVICES, LIMITS
from baleen.linux.cgroup.v1 import V1Cgroup
from baleen.linux.cgroup.v2 import V2Cgroup

if TYPE_CHECKING:
    from collections.abc import Mapping

    from baleen.engine.explaining.subject import Subject
    from baleen.engine.explaining.why_limits import WhyLimit
    from baleen.linux.cgroup import Cgroup
    from baleen.linux.cgroup.files import GroupFiles

__all__ = ["explain_cgroup"]

# v1: the highest multiple of a page; see baleen.linux.cgroup.v1.
_UNLIMITED: Final = 2**63 - 65536
_UNITS: Final = ((1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))


def explain_cgroup(subject: Subject, group: Cgroup, version: int) -> ExplainedCgroup:
    """Return paths, limits and device rules; of a running container with the use."""
    files = group.files if isinstance(group, V1Cgroup | V2Cgroup) else None
    running = subject.live is not None and files is not None
    planned = _planned_limits(subject.linux.get("resources") or {})
    limits = []
    for why in LIMITS:
        file = why.v1 if version == 1 else why.v2
        usage = why.v1_usage if version == 1 else why.v2_usage
        if not file and not usage:
            continue
        if running:
            assert files is not None
            limit, used = _limit_now(files, why, file), _usage_now(files, why, usage)
            if not limit and not used:
                continue  # the controller is not here
        elif file:
            limit, used = planned.get(why.name, "unlimited"), ""
        else:
            continue
        limits.append(
            ExplainedLimit(name=why.name, limit=limit, usage=used, file=file, why=why.why)
        )
    return ExplainedCgroup(
        version=version, paths=_paths(subject, group), limits=limits, devices=_devices(subject)
    )


# --- where ---------------------------------------------------------------------------------------


def _paths(subject: Subject, group: Cgroup) -> list[ExplainedCgroupPath]:
    if subject.live is None:
        directories = _directories(group)
        return [
            ExplainedCgroupPath(controllers=names, path=group.path, directory=directory)
            for directory, names in directories.items()
        ]
    result = []
    for controllers, path in subject.live.cgroups:
        names = [name for name in controllers.split(",") if name]
        if isinstance(group, V2Cgroup):  # the kernel's line names none
            names = sorted(group.files.directories)
        result.append(
            ExplainedCgroupPath(
                controllers=names, path=path, directory=_directory_of(group, names, path)
            )
        )
    return result


def _directories(group: Cgroup) -> dict[str, list[str]]:
    """Return the group's directories with the controllers of each."""
    if isinstance(group, V2Cgroup):
        return {group.directory: sorted(group.files.directories)}
    if not isinstance(group, V1Cgroup):
        return {}
    result: dict[str, list[str]] = {directory: [] for directory in group.directories}
    for controller, directory in group.files.directories.items():
        result[directory].append(controller)
    for directory, names in result.items():
        name = directory.removesuffix(group.path).rpartition("/")[2]
        if not names and name != "unified":
            names.append(f"name={name}")
    return {directory: sorted(names) for directory, names in result.items()}


def _directory_of(group: Cgroup, controllers: list[str], path: str) -> str:
    """Return where the hierarchy is mounted, with the path; "" when we do not use it."""
    for directory, names in _directories(group).items():
        mount = directory.removesuffix(group.path)
        if controllers[0] in names if controllers else not names:
            return mount + path
    return ""


# --- how much ------------------------------------------------------------------------------------


def _limit_now(files: GroupFiles, why: WhyLimit, file: str) -> str:
    text = files.text(why.controller, file) if file else ""
    if not text:
        return ""
    if why.unit == "quota":
        if file == "cpu.max":
            quota, _, period = text.partition(" ")
        else:
            quota, period = text, files.text(why.controller, "cpu.cfs_period_us")
        return _quota(quota, period)
    if text in ("max", "-1"):
        return "unlimited"
    if why.unit == "bytes" and _is_number(text):
        return "unlimited" if int(text) >= _UNLIMITED else _bytes(int(text))
    return text


def _usage_now(files: GroupFiles, why: WhyLimit, file: str) -> str:
    text = files.text(why.controller, file) if file else ""
    if why.unit == "time":
        if file == "cpu.stat":
            fields = dict(line.split(" ", 1) for line in text.splitlines() if " " in line)
            return _seconds(fields.get("usage_usec", ""), 1_000_000)
        return _seconds(text, 1_000_000_000)
    if why.unit == "bytes" and _is_number(text):
        return _bytes(int(text))
    return text


def _planned_limits(resources: Mapping[str, Any]) -> dict[str, str]:
    memory, cpu = resources.get("memory") or {}, resources.get("cpu") or {}
    pids = (resources.get("pids") or {}).get("limit", -1)
    result = {"processes": str(pids) if pids > 0 else "unlimited"}
    for name, key in (("memory", "limit"), ("memory reserved", "reservation")):
        if memory.get(key, -1) > 0:
            result[name] = _bytes(memory[key])
    if memory.get("swap", -1) > 0:
        result["memory + swap"] = _bytes(memory["swap"])
        result["swap"] = _bytes(max(0, memory["swap"] - memory.get("limit", 0)))
    if cpu.get("quota", 0) > 0:
        result["CPU time"] = _quota(str(cpu["quota"]), str(cpu.get("period") or 100_000))
    result["CPU weight"] = f"{cpu['shares']} shares" if cpu.get("shares") else "the default"
    result["CPUs"] = cpu.get("cpus") or "all of the parent's"
    result["memory nodes"] = cpu.get("mems") or "all of the parent's"
    return result


def _quota(quota: str, period: str) -> str:
    if not (_is_number(quota) and _is_number(period)) or int(period) == 0:
        return "unlimited"
    cpus = int(quota) / int(period)
    return f"{cpus:g} CPUs ({quota} of each {period} us)"


def _bytes(count: int) -> str:
    for size, unit in _UNITS:
        if count >= size:
            return f"{count / size:.4g} {unit}"
    return f"{count} B"


def _seconds(text: str, divisor: int) -> str:
    return f"{int(text) / divisor:.3f} s" if _is_number(text) else ""


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


# --- devices -------------------------------------------------------------------------------------


def _devices(subject: Subject) -> list[ExplainedDevice]:
    """Return the rules in order; the OCI document has them in force for the whole run."""
    nodes = {
        f"{node['type']} {node['major']}:{node['minor']}": str(node["path"])
        for node in subject.linux.get("devices") or ()
        if "major" in node
    }
    result = []
    for rule in (subject.linux.get("resources") or {}).get("devices") or ():
        kind = rule.get("type") or "a"
        place = f"{kind} {_star(rule.get('major'))}:{_star(rule.get('minor'))}"
        access = rule.get("access") or "rwm"
        allow = bool(rule.get("allow"))
        result.append(
            ExplainedDevice(
                allow=allow, rule=f"{place} {access}", why=_device_text(place, access, allow, nodes)
            )
        )
    return result


def _star(number: int | None) -> str:
    return "*" if number is None or number < 0 else str(number)


def _device_text(place: str, access: str, allow: bool, nodes: Mapping[str, str]) -> str:
    if place == "a *:*":
        return "Every device of the host may be opened." if allow else DEVICE_DEFAULT
    if access == "m":
        return DEVICE_MKNOD
    return nodes.get(place) or DEVICES.get(place, "Asked for with --device or a rule.")
