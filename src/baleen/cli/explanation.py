"""An engine's explanation of a container, laid out as text.

The facts and their reasons are the engine's (docs/explain.md); here is decided what stands where
and what is said once for many.
"""

from __future__ import annotations

from baleen.cli.page import Page

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.client.models import JsonObject

__all__ = ["render"]

_NARROW, _WIDE = 14, 26


def render(found: JsonObject, *, width: int, colour: bool) -> str:
    """Return the whole text."""
    page = Page(width, colour=colour)
    _head(page, found)
    _weaknesses(page, found)
    _namespaces(page, found)
    _layers(page, found)
    _mounts(page, found)
    _paths(page, found)
    _privileges(page, found)
    _capabilities(page, found)
    _seccomp(page, found)
    _cgroup(page, found)
    _network(page, found)
    _process(page, found)
    return page.text()


def _is_plan(found: JsonObject) -> bool:
    return bool(found["Source"] == "plan")


def _with_source(text: str, see: str) -> str:
    return f"{text} See: {see}." if see else text


def _short(digest: str) -> str:
    return digest.removeprefix("sha256:")[:12]


def _size(count: int) -> str:
    for size, unit in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if count >= size:
            return f"{count / size:.4g} {unit}"
    return f"{count} B"


def _head(page: Page, found: JsonObject) -> None:
    process = found["Process"]
    page.heading("container")
    if found["Name"] or found["Id"]:
        identity = f" ({_short(found['Id'])})" if found["Id"] else ""
        page.entry("name", (found["Name"] or "") + identity)
    page.entry("image", f"{found['Image']} ({_short(found['ImageId'])})")
    page.entry("status", found["Status"])
    page.entry("command", " ".join(process["Args"]))
    if process["Init"]:
        page.entry("", "The engine's init is PID 1, the command its child (--init).")
    if process["Pid"]:
        inside = f", {process['PidInside']} inside" if process["PidInside"] else ""
        page.entry("process", f"{process['Pid']} on the host{inside}")
    if found["Status"] == "dry-run":
        page.paragraph(
            "A dry run: what is described would be made, and nothing was. The id that a "
            "container would get is shown as zeros."
        )
    elif _is_plan(found):
        page.paragraph("It does not run. What is described is what a start would make.")
    if found["Warnings"]:
        page.heading("warnings")
        page.each(found["Warnings"])
    if found["Problems"]:
        page.heading("a start would fail")
        page.each(found["Problems"])


def _weaknesses(page: Page, found: JsonObject) -> None:
    if found["Weaknesses"]:
        page.heading("less isolated than a plain container")
        page.each(found["Weaknesses"])


def _namespaces(page: Page, found: JsonObject) -> None:
    page.heading("namespaces")
    for item in found["Namespaces"]:
        scope = {
            "own": "its own",
            "host": "the host's",
            "container": "another container's",
        }.get(item["Scope"], "other")
        shared = item["SharedWith"]
        if shared:
            scope += f", shared with {', '.join(shared)}"
        identity = f" ({item['Id']})" if item["Id"] else ""
        page.entry(item["Type"], f"{scope}{identity}. Isolates {item['Isolates']}.")
        page.paragraph(_with_source(item["Why"], item["See"]), _NARROW)


def _layers(page: Page, found: JsonObject) -> None:
    page.heading("layers of the root file system, top-most first")
    for number, layer in enumerate(found["Layers"], 1):
        label = f"{number} {layer['Role']}"
        if layer["Role"] != "image":
            page.entry(label, layer["Directory"])
            continue
        sizes = [f"blob {_size(layer['Size'])}"] if layer["Digest"] else []
        if layer["UnpackedSize"]:
            sizes.append(f"unpacked {_size(layer['UnpackedSize'])}")
        page.entry(label, layer["Digest"] or layer["ChainId"])
        page.paragraph(", ".join(sizes), _NARROW)
        if layer["CreatedBy"]:
            page.paragraph(f"by: {layer['CreatedBy']}", _NARROW)
        page.paragraph(layer["Directory"], _NARROW)
    if any(layer.get("Mapped") for layer in found["Layers"]):
        page.paragraph(
            "Files of image and base layers are shown with the ids of the container's user "
            "namespace (idmapped mounts); on disk they have those of the image."
        )
    if not any(layer["Role"] == "writable" for layer in found["Layers"]):
        page.paragraph("A writable layer of its own is made on top.")


def _mounts(page: Page, found: JsonObject) -> None:
    page.heading("mounts")
    groups = [item for item in found["Mounts"] if item["Kind"] == "cgroup"]
    hidden = [item for item in found["Mounts"] if item["Kind"] in {"mask", "read-only"}]
    shown = [
        item for item in found["Mounts"] if item["Kind"] not in {"cgroup", "mask", "read-only"}
    ]
    for item in sorted(shown, key=lambda mount: mount["Target"]):
        page.entry(item["Target"], _mount_line(item), column=_WIDE)
        page.paragraph(item["Why"], _WIDE)
        if groups and item["Target"] == "/sys/fs/cgroup":
            names = ", ".join(mount["Target"].rpartition("/")[2] for mount in groups)
            page.entry("  and below it", f"{names}: {groups[0]['Why']}", column=_WIDE)
    if hidden:
        page.paragraph(f"And {len(hidden)} that mask or protect paths, which follow.")


def _mount_line(item: JsonObject) -> str:
    line = f"{item['Type']} {','.join(item['Options'])}".rstrip()
    if item["Source"] and item["Source"] != item["Type"]:
        line += f" from {item['Source']}"
    if item["Propagation"] not in {"", "private", "rprivate"}:
        line += f" ({item['Propagation']})"
    return line


def _paths(page: Page, found: JsonObject) -> None:
    page.heading("masked and read-only paths")
    if not found["Paths"]:
        page.paragraph("None: everything of /proc and /sys is open to the container.")
        return
    for protection in ("masked", "read-only"):
        by_reason: dict[tuple[str, str, str], list[str]] = {}
        for item in found["Paths"]:
            if item["Protection"] == protection:
                key = (item["State"], item["Why"], item["See"])
                by_reason.setdefault(key, []).append(item["Path"])
        for (state, why, see), paths in by_reason.items():
            more = f" and {len(paths) - 1} more like it" if len(paths) > 1 else ""
            page.paragraph(f"{paths[0]}{more} ({_state_text(protection, state)})")
            page.paragraph(_with_source(why, see), 6)


def _state_text(protection: str, state: str) -> str:
    return {
        "in force": protection,
        "planned": protection,
        "absent": f"{protection}; this kernel has no such path",
        "missing": f"NOT {protection}: unmounted, covered, or new since the start",
    }.get(state, state)


def _privileges(page: Page, found: JsonObject) -> None:
    process = found["Process"]
    page.heading("user and privileges")
    groups = ", ".join(str(group) for group in process["Groups"])
    user = f"uid {process['Uid']}, gid {process['Gid']}" + (f", groups {groups}" if groups else "")
    page.entry("user", f"{user}. {process['UserWhy']}", column=20)
    for kind, key in (("uid", "UidMap"), ("gid", "GidMap")):
        for line in process[key]:
            first, outside, count = (*line.split(" "), "", "")[:3]
            page.entry(
                "", f"{kind} {first} inside is {outside} outside ({count} of them)", column=20
            )
    state = "set" if process["NoNewPrivileges"] else "not set"
    page.entry("no_new_privs", f"{state}. {process['NoNewPrivilegesWhy']}", column=20)
    page.entry("security module", process["Lsm"] or "none (AppArmor, SELinux)", column=20)


def _capabilities(page: Page, found: JsonObject) -> None:
    kept = [item for item in found["Capabilities"] if item["Bounding"]]
    dropped = [item for item in found["Capabilities"] if not item["Bounding"]]
    page.heading("capabilities")
    names = {
        "effective": [item["Name"] for item in kept if item["Effective"]],
        "inheritable": [item["Name"] for item in kept if item["Inheritable"]],
        "ambient": [item["Name"] for item in kept if item["Ambient"]],
    }
    if kept and not names["effective"]:
        regained = (
            "and none can be regained (no_new_privs)."
            if found["Process"]["NoNewPrivileges"]
            else "and those that are kept bound what set-user-ID programs can regain."
        )
        page.paragraph(f"None is in effect now (the user is not root), {regained}")
    elif len(names["effective"]) < len(kept):
        page.paragraph(f"In effect now: {', '.join(names['effective'])}.")
    for kind in ("inheritable", "ambient"):
        if names[kind]:
            page.paragraph(f"Also {kind}: {', '.join(names[kind])}.")
    for title, items in (("kept", kept), ("dropped", dropped)):
        page.paragraph(f"{title} ({len(items)} of {len(found['Capabilities'])}):")
        marks = [(item["Default"] is not item["Bounding"]) for item in items]
        page.table(
            [
                [item["Name"].removeprefix("CAP_") + (" *" if mark else ""), item["Allows"]]
                for item, mark in zip(items, marks, strict=True)
            ],
            indent=4,
        )
        if any(marks):
            page.paragraph("* not as in a plain container", 4)


def _seccomp(page: Page, found: JsonObject) -> None:
    seccomp = found["Seccomp"]
    page.heading("system calls (seccomp)")
    page.entry("mode", f"{seccomp['Mode']}. {seccomp['Why']}")
    if not seccomp["DefaultAction"]:
        return
    page.entry("profile", f"{seccomp['Profile']}, program {_short(seccomp['Program'])}")
    refused = sum(len(group["Syscalls"]) for group in seccomp["Refused"])
    page.entry(
        "calls",
        f"{seccomp['Allowed']} of {seccomp['Architecture']} are always allowed, "
        f"{len(seccomp['Conditional'])} by their arguments, {refused} are refused; "
        f"the default answer is {seccomp['DefaultAction']}.",
    )
    if seccomp["Conditional"]:
        page.paragraph("By their arguments (arg0 is the first):")
        for item in seccomp["Conditional"]:
            rules = "; ".join([*item["Rules"], f"else {item['Action']}"])
            page.entry(item["Name"], f"{rules}. {item['Why']}", column=18, indent=4)
    if seccomp["Refused"]:
        page.paragraph("Refused:")
    for group in seccomp["Refused"]:
        page.paragraph(f"{group['Title']}: {_syscall_names(group, seccomp)}", 4)
        page.paragraph(_with_source(group["Why"], group["See"]) + _allowed_with(group), 6)


def _syscall_names(group: JsonObject, seccomp: JsonObject) -> str:
    default = seccomp["DefaultAction"]
    return " ".join(
        item["Name"] + (f" ({item['Action']})" if item["Action"] != default else "")
        for item in group["Syscalls"]
    )


def _allowed_with(group: JsonObject) -> str:
    names = dict.fromkeys(name for item in group["Syscalls"] for name in item["AllowedWith"])
    return f" The profile allows them, or some, with {', '.join(names)}." if names else ""


def _cgroup(page: Page, found: JsonObject) -> None:
    group = found["Cgroup"]
    page.heading(f"control group (cgroup v{group['Version']})")
    by_path: dict[str, list[str]] = {}
    for item in group["Paths"]:
        names = ",".join(item["Controllers"]) or "unified"
        by_path.setdefault(item["Path"], []).append(names)
    for path, listed in by_path.items():
        page.entry("path", path)
        kind = "in the hierarchies" if group["Version"] == 1 else "with the controllers"
        page.paragraph(f"{kind} {', '.join(listed)}", _NARROW)
    directories = [item["Directory"] for item in group["Paths"] if item["Directory"]]
    memory = [item for item in directories if "/memory/" in item] or directories
    if memory:
        page.entry("directory", memory[0])
    if _is_plan(found):
        page.paragraph("Limits:")
        rows = [[item["Name"], item["Limit"], item["Why"]] for item in group["Limits"]]
    else:
        page.paragraph("Limits and use:")
        rows = [["", "LIMIT", "USED", ""]]
        rows += [
            [item["Name"], item["Limit"], item["Usage"], item["Why"]] for item in group["Limits"]
        ]
    page.table(rows, indent=4)
    page.paragraph("Devices: the first rule is the default, the others add to it.")
    page.table(
        [
            ["allow" if item["Allow"] else "deny", item["Rule"], item["Why"]]
            for item in group["Devices"]
        ],
        indent=4,
    )


def _network(page: Page, found: JsonObject) -> None:
    network = found["Network"]
    page.heading("network")
    page.entry("mode", f"{network['Mode']}. {network['Why']}")
    for item in network["Interfaces"]:
        facts = [", ".join(item["Addresses"]) or "no address"]
        if item["Mac"] and item["Name"] != "lo":
            facts.append(f"MAC {item['Mac']}")
        if item["Mtu"]:
            facts.append(f"MTU {item['Mtu']}")
        if not item["Up"]:
            facts.append("down")
        page.entry(item["Name"], "; ".join(facts))
        if item["Network"]:
            other = f", {item['HostName']} on the host" if item["HostName"] else ""
            page.paragraph(f"network {item['Network']}, bridge {item['Bridge']}{other}", _NARROW)
        page.paragraph(item["Why"], _NARROW)
    for route in network["Routes"]:
        via = f" via {route['Via']}" if route["Via"] else " on the link"
        page.entry("route", f"{route['To']}{via} dev {route['Interface']}")
    for port in network["Ports"]:
        number = port["HostPort"] or "a free port"
        page.entry(
            "port",
            f"{port['HostIp']}:{number} leads to {port['ContainerPort']}/{port['Protocol']}",
        )
    page.entry("names", network["Dns"])
    if found["Sysctls"]:
        page.paragraph("Kernel settings of its namespaces (sysctl):")
        page.table(
            [[f"{item['Name']}={item['Value']}", item["Why"]] for item in found["Sysctls"]],
            indent=4,
        )
    if network["Rules"]:
        page.paragraph("Rules of the firewall:")
        for rule in network["Rules"]:
            page.paragraph(rule["Rule"], 4)
            page.paragraph(rule["Why"], 6)


def _process(page: Page, found: JsonObject) -> None:
    process = found["Process"]
    page.heading("process")
    limits = process["Rlimits"]
    if _is_plan(found):
        page.paragraph(
            "Resource limits: those of the daemon" + (", and asked for:" if limits else ".")
        )
    else:
        page.paragraph("Resource limits (soft, hard); * were asked for:")
    page.table(
        [
            [
                item["Name"] + ("" if item["Inherited"] else " *"),
                item["Soft"],
                item["Hard"],
                item["Limits"],
            ]
            for item in limits
        ],
        indent=4,
    )
    score = "" if _is_plan(found) else f", score now {process['OomScore']}"
    page.entry(
        "out of memory",
        f"adjustment {process['OomScoreAdj']}{score}. {process['OomWhy']}",
        column=18,
    )
    supervisor = process["Supervisor"]
    if supervisor["Pid"]:
        name = f" ({supervisor['Name']})" if supervisor["Name"] else ""
        page.entry(
            "supervisor", f"in {supervisor['Pid']}{name}, {supervisor['Directory']}", column=18
        )
    page.entry("" if supervisor["Pid"] else "supervisor", supervisor["Why"], column=18)
    page.paragraph("The OCI document (config.json) is in the field Oci of --json.")
