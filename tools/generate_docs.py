"""Writes the pages of docs/ that follow from the code.

    python tools/generate_docs.py

A test compares the pages with what this makes, so they cannot fall behind.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from baleen.api.versions import MAXIMUM_TEXT, MINIMUM_TEXT
from baleen.daemon import routes_absent
from baleen.daemon.application import OPERATIONS
from baleen.daemon.options import OPTIONS, UNSUPPORTED
from baleen.runtime.oci.commands import COMMANDS, DEFAULT_ROOT, GLOBAL_OPTIONS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from baleen.daemon.routing import Operation
    from baleen.runtime.oci.options import Option

DOCS = Path(__file__).resolve().parent.parent / "docs"

_PARTIAL = {
    "ImageCreate": "import from a body (`fromSrc=-`); pulling (`fromImage`) answers 501",
    "ContainerAttachWebsocket": "answers 501",
    "SystemDataUsage": "everything but build cache",
    "PluginList": "always empty: there are no plugins",
}


def compatibility_page() -> str:
    """Return docs/compatibility.md."""
    absent = {operation.name for operation in routes_absent.OPERATIONS}
    present = [operation for operation in OPERATIONS if operation.name not in absent]
    lines = [
        "# Compatibility with the Docker Engine API",
        "",
        f"The engine speaks API {MINIMUM_TEXT} to {MAXIMUM_TEXT}; a client asks for a version in the",
        "path. Every operation of the newest version is listed here. What is not available yet",
        "answers 501 with a message that says so, swarm's operations answer as a node outside a",
        "swarm does. This page is written by `tools/generate_docs.py` from the daemon's own table.",
        "",
        "## Available",
        "",
        "| operation | request | remark |",
        "| --- | --- | --- |",
        *_rows(present),
        "",
        "## Not available in this version",
        "",
        "| operation | request | remark |",
        "| --- | --- | --- |",
        *_rows(op for op in OPERATIONS if op.name in absent),
        "",
        "## Known differences",
        "",
        "- Containers always outlive the daemon (`live-restore`); there is no other mode.",
        "- Log drivers: `json-file` and `none`.",
        "- Network drivers: `bridge`, `host` and `none`, IPv4 only; a published port is shown and served",
        "  on IPv4 addresses.",
        "- Legacy links (`--link`) give names in /etc/hosts, not environment variables.",
        "- `docker exec -u` with an unknown user is refused when the exec is made, not when it starts.",
        "- `-u 1000:` and `-u :1000` (an empty half) are refused instead of guessed.",
        "- Image ids are digests of manifests, as with Docker's containerd image store.",
        "- `docker top` understands `-ef`, `aux` and `-o` with column names; it reads /proc itself.",
        "- User namespaces (`userns-remap`), AppArmor and SELinux profiles are not available yet.",
        "",
    ]
    return "\n".join(lines)


def _rows(operations: Iterable[Operation]) -> list[str]:
    return [
        f"| {op.name} | `{op.method} {op.pattern}` | {_PARTIAL.get(op.name, '')} |"
        for op in sorted(operations, key=lambda op: (op.pattern, op.method))
    ]


def baleend_page() -> str:
    """Return docs/baleend.md."""
    lines = [
        "# baleend",
        "",
        "`baleend` is the engine's daemon. It needs root. Options may be given as flags or, with the",
        "name in the second column, in a JSON file (`/etc/baleen/daemon.json`, or `--config-file`);",
        "the same option in both is refused, as is a key that nobody knows.",
        "",
        '    {"data-root": "/srv/baleen", "debug": true, "default-address-pools":',
        '        [{"base": "10.200.0.0/16", "size": 24}]}',
        "",
        "SIGTERM and SIGINT end the daemon and leave containers running; SIGHUP reads `debug` and",
        "`labels` again. `baleend --validate` checks a configuration, `baleend --uninstall` removes",
        "the bridges, the firewall table and the cgroups that daemons with this configuration have",
        "made (no container may be running).",
        "",
        "A TCP address needs `--tlsverify` with a CA, certificate and key: whoever reaches an open",
        "one is root on this host. The flag that allows it all the same has the name it deserves.",
        "",
        "| flag | in the file | what |",
        "| --- | --- | --- |",
    ]
    for option in sorted(OPTIONS, key=lambda option: option.flag):
        short = f"`-{option.short}`, " if option.short else ""
        key = f"`{option.key}`" if option.key else ""
        text = option.help or f"accepted: {option.accepted}"
        lines.append(f"| {short}`--{option.flag}` | {key} | {text} |")
    lines += [
        "",
        "Options of dockerd that are refused, because leaving them without effect would surprise:",
        "",
        ", ".join(f"`{name}`" for name in sorted(UNSUPPORTED)) + ".",
        "",
        "## Files",
        "",
        "| path | what |",
        "| --- | --- |",
        "| `<data-root>/state.db` | containers, images, networks, volumes: one SQLite database |",
        "| `<data-root>/content/` | blobs by digest, in OCI image layout |",
        "| `<data-root>/snapshots/` | unpacked layers and containers' writable layers |",
        "| `<data-root>/containers/<id>/` | log, hosts, resolv.conf, hostname, exit status |",
        "| `<data-root>/volumes/<name>/_data` | volumes |",
        "| `<exec-root>/` | bundles, sockets, compiled seccomp programs; a reboot may forget it |",
        "",
    ]
    return "\n".join(lines)


def runtime_page() -> str:
    """Return docs/baleen-runtime.md."""
    lines = [
        "# baleen-runtime",
        "",
        "`baleen-runtime` is the runtime as a program of its own: an OCI runtime with runc's command",
        "line, for podman, containerd and people. It needs root. `baleend` does not call it; both use",
        "the same code.",
        "",
        "    $ mkdir -p bundle/rootfs && docker export $(docker create busybox) | tar -C bundle/rootfs -x",
        "    $ cd bundle && baleen-runtime spec",
        "    $ baleen-runtime run mine",
        "",
        "## With podman",
        "",
        "    $ podman --runtime /usr/local/bin/baleen-runtime --cgroup-manager cgroupfs run -it busybox",
        "",
        "Cgroups are made below /sys/fs/cgroup by ourselves, so podman's `systemd` manager, its default",
        "where systemd runs, is refused. To make both a default, and to have errors passed on as JSON,",
        "write this to /etc/containers/containers.conf:",
        "",
        "    [engine]",
        '    cgroup_manager = "cgroupfs"',
        '    runtime = "baleen-runtime"',
        '    runtime_supports_json = ["baleen-runtime"]',
        "    [engine.runtimes]",
        '    baleen-runtime = ["/usr/local/bin/baleen-runtime"]',
        "",
        "## Behaviour",
        "",
        "- An error is a line in the log, and on standard error. The exit code is then 1, or 255 from",
        "  `exec`; else it is the process's own from `run` and `exec`, and 0 from the other commands.",
        "- `create` ends while the container's first process waits with all rights and mounts set; a",
        "  program that cannot be found is an error already there. `start` ends when the program was",
        "  executed, and tells if the kernel refused it.",
        "- A creation that fails or is interrupted leaves nothing. If a command is killed outright, the",
        "  container is what the kernel says: `stopped` if its first process is gone, and `delete`",
        "  removes what is left.",
        f"- Each container has a directory below `--root` (`{DEFAULT_ROOT}`), which holds the document",
        "  as it was at creation.",
        "- `create`, `run` and `exec` execute themselves again from a read-only copy of the mount that",
        "  the interpreter lies on, so that no container can write to it (CVE-2019-5736). That costs",
        "  some 8 ms, and nothing where the interpreter is on a read-only mount already.",
        "- As with runc, the device rules of a document are preceded by a refusal of all devices and",
        "  followed by those that every container may use (null, zero, terminals, ...).",
        "",
        "## Global options",
        "",
        *_option_table(GLOBAL_OPTIONS),
        "",
    ]
    for command in COMMANDS.values():
        usage = f"baleen-runtime {command.name} {command.usage}".rstrip()
        lines += [f"## {command.name}", "", f"`{usage}`: {command.help}", ""]
        if command.options:
            lines += [*_option_table(command.options), ""]
    return "\n".join(lines)


def _option_table(options: Iterable[Option]) -> list[str]:
    lines = ["| option | what |", "| --- | --- |"]
    for option in options:
        short = f"`-{option.short}`, " if option.short else ""
        value = f" {option.value}" if option.value else ""
        lines.append(f"| {short}`--{option.name}{value}` | {option.help} |")
    return lines


PAGES = {
    "compatibility.md": compatibility_page,
    "baleend.md": baleend_page,
    "baleen-runtime.md": runtime_page,
}


if __name__ == "__main__":
    for name, page in PAGES.items():
        (DOCS / name).write_text(page(), encoding="utf-8")
