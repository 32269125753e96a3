"""Writes the pages of docs/ that follow from the code: compatibility.md, baleend.md, explain-json.md.

    python tools/generate_docs.py

A test compares the pages with what this makes, so they cannot fall behind.
"""

from __future__ import annotations

import inspect
import re
import typing
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from baleen.api import explanation
from baleen.api.versions import MAXIMUM_TEXT, MINIMUM_TEXT
from baleen.daemon import routes_absent, routes_explain, routes_insight, routes_transfers
from baleen.daemon.application import OPERATIONS
from baleen.daemon.options import OPTIONS, UNSUPPORTED
from baleen.runtime.oci.commands import COMMANDS, DEFAULT_ROOT, GLOBAL_OPTIONS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from baleen.daemon.routing import Operation
    from baleen.runtime.oci.options import Option

DOCS = Path(__file__).resolve().parent.parent / "docs"

_PARTIAL = {
    "CheckpointCreate": "with `--experimental`, as in dockerd; see [checkpoint.md](checkpoint.md)",
    "CheckpointDelete": "the path is `/containers/{id}/checkpoints/{checkpoint}`; likewise",
    "CheckpointList": "likewise",
    "ImageCreate": "pull (`fromImage`), and import from a body (`fromSrc=-`) or a URL",
    "ContainerAttachWebsocket": "answers 501",
    "ImageBuild": "the classic builder's protocol; see [build.md](build.md)",
    "BuildCancel": "gives up the build that named itself with `buildid`",
    "BuildPrune": "",
    "Session": "BuildKit's session: answers 501 and says what to do",
    "Grpc": "likewise",
    "ContainerExplain": "what isolates a container",
    "ContainerExplainCreate": "what would; the body of ContainerCreate, and nothing is made",
    "ImageTree": "what each layer added, changed, removed, wasted",
    "ImageDiff": "how the image `to` differs",
    "ImageCheck": "blobs that are missing or corrupt",
    "SystemGc": "unused images by the disk policy; `dry-run=1` only explains",
    "ImageBlobs": "for `baleen image send`: target, names and blobs of an image",
    "ImageBlobGet": "one blob of it, `digest`, from the byte `offset` on",
    "ImageBlobPut": "one blob for an image that is going to come; `digest`, `size`, `offset`",
    "ImageReceive": "names it when all is there, else says what is missing",
    "PluginList": "always empty: there are no plugins",
}


def compatibility_page() -> str:
    """Return docs/compatibility.md."""
    absent = {operation.name for operation in routes_absent.OPERATIONS} | {"Session", "Grpc"}
    groups = (routes_explain, routes_insight, routes_transfers)
    own = {op.name for group in groups for op in group.OPERATIONS}
    present = [op for op in OPERATIONS if op.name not in absent | own]
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
        "## Baleen's own",
        "",
        "An extension beside Docker's paths; no client of Docker's meets it. See [explain.md](explain.md)",
        "and [images.md](images.md).",
        "",
        "| operation | request | remark |",
        "| --- | --- | --- |",
        *_rows(op for op in OPERATIONS if op.name in own),
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
        "- `docker push` and `pull` never speak to schema 1 registries, and no foreign layer is fetched.",
        "- `docker import` and `load` take an archive of any platform, Windows too, as content.",
        "- `docker search` asks any registry that has Docker Hub's search; others have none (ours too).",
        "- A proxy of the registry client is spoken to in plain HTTP; `https://` proxies are refused.",
        "- The image `registry` runs as user 65532, Docker's as root: a host's directory that is mounted at",
        "  /var/lib/registry has to be that user's (`chown`), or `--user 0:0` is given. Its data is laid out",
        "  otherwise, it fetches no certificates (`http.tls.letsencrypt` stops the start), and a blob that a",
        "  manifest needs is not deleted (405); see [registry.md](registry.md).",
        "- Signatures of Docker Content Trust (`DOCKER_CONTENT_TRUST`) are the docker command's own work.",
        "- `docker top` understands `-ef`, `aux` and `-o` with column names; it reads /proc itself.",
        "- Without root (`baleend --rootless`) ports are forwarded by a process of ours, and the daemon",
        "  listens on no TCP address; see [rootless.md](rootless.md).",
        "- `userns-remap` names root or a malformed range: the daemon does not start, instead of",
        "  running without user namespaces. Layers are not copied for a mapping.",
        "",
    ]
    return "\n".join(lines)


def _rows(operations: Iterable[Operation]) -> list[str]:
    return [
        f"| {op.name} | `{op.method} {op.pattern}` | {_PARTIAL.get(op.name, '')} |"
        for op in sorted(operations, key=lambda op: (op.pattern, op.method))
    ]


_REGISTRIES = """\
## Registries

    {"registry-mirrors": ["https://mirror.example/"],
     "registry-mirrors-for": {"quay.example": ["https://quay-mirror.example/"]},
     "insecure-registries": ["registry.lan:5000", "10.0.0.0/8"],
     "proxies": {"https-proxy": "http://proxy.lan:3128", "no-proxy": "*.lan,10.0.0.0/8"}}

`registry-mirrors` are Docker Hub's, as with dockerd; `registry-mirrors-for` are those of other
registries. Certificates of registries lie in `/etc/baleen/certs.d` or `/etc/docker/certs.d`, or in
the `registry-certs-dirs`. Without `proxies`, the variables HTTP_PROXY, HTTPS_PROXY and NO_PROXY of the
daemon count. What each of these means is in [registries.md](registries.md).

Layers are unpacked while others still come. A pull or push ends with its client, and with the daemon;
a layer that another pull waits for goes on, and the next pull takes up what there is. The daemon keeps
nobody's credentials: `docker login` has them checked, the client keeps them and sends them along.

"""

_REMAPPING = """\
## Remapped user ids

Without more, uid 0 of a container is uid 0 of the host, held by capabilities, the seccomp filter and
by what it sees. With `--userns-remap` it is an ordinary user:

    baleend --userns-remap=default           the account `dockremap`, made when it is missing
    baleend --userns-remap=USER[:GROUP]      an account of your own, by name or number

The account's lines in /etc/subuid and /etc/subgid (`dockremap:100000:65536`) are the ids of all
containers: 0 inside is 100000 outside, 1 is 100001, and so on. Each container has a user namespace of
its own with that mapping. `docker info` says `name=userns`, `baleen explain` shows the mapping.

It protects from what becomes of a container that breaks out, or is given too much. Its root outside is
a user that owns no file, no process and no device of the host: files of the host that are bound into
it open as they do for any stranger, also with `--cap-add ALL` and no seccomp filter; its
capabilities count for what belongs to its namespaces, so it can make no device node, mount no disk,
write no setting of the kernel and reach no process outside; setuid files that it leaves in a volume
are not root's. It does not protect from flaws of the kernel itself: in a user namespace more of the
kernel can be reached by a container that was given CAP_SYS_ADMIN or CAP_NET_ADMIN. Containers of one
daemon share the range: what keeps them apart are the other namespaces, as ever.

What to know:

- All data of such a daemon lies in `<data-root>/<uid>.<gid>`. Turning the option on or off, or taking
  another account, shows another world; the first is there when one turns back. A daemon does not
  start while containers of another world run below its exec root.
- A directory of the host that a container shall write has to belong to the mapped id
  (`chown 100000:100000`), or be open to others. Volumes are the container's by themselves.
- `docker run --userns=host` leaves one container with the host's ids. `--privileged`, `--network host`
  and `--pid host` need it, in Docker's words. A container that joins namespaces of another
  (`--network container:x`) joins its user namespace too, and has to be of the same kind.
- A device keeps owner and mode of the host, and needs the same path inside (`--device /dev/fuse`).
- With `--ipc host` there is no /dev/mqueue.
- The file system of the data root has to support idmapped mounts (ext4, xfs, btrfs, and others with
  newer kernels), on Linux 5.19 or later; the daemon tries it at its start.
- A container's life costs about a fifth more of processor time, for the namespace and the processes
  that enter it; no files are copied or chowned. Its namespaces are made ahead, its first process,
  unlike another container's, is not.

""".splitlines()


def baleend_page() -> str:
    """Return docs/baleend.md."""
    lines = [
        "# baleend",
        "",
        "`baleend` is the engine's daemon. It needs root, or `--rootless` and what is said in",
        "[rootless.md](rootless.md). Options may be given as flags or, with the",
        "name in the second column, in a JSON file (`/etc/baleen/daemon.json`, or `--config-file`);",
        "the same option in both is refused, as is a key that nobody knows.",
        "",
        '    {"data-root": "/srv/baleen", "debug": true, "default-address-pools":',
        '        [{"base": "10.200.0.0/16", "size": 24}]}',
        "",
        "SIGTERM and SIGINT end the daemon and leave containers running; SIGHUP reads `debug`,",
        "`labels`, `runtimes`, `default-runtime` and what is said about registries again (transfers that",
        "have begun go on as they were). `baleend --validate` checks a configuration,",
        "`baleend --uninstall` removes the bridges, the firewall table and the cgroups that daemons",
        "with this configuration have made (no container may be running). Other runtimes than our own",
        "are the subject of [runtimes.md](runtimes.md).",
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
        "## Control groups and systemd",
        "",
        "`native.cgroupdriver`, one of the `exec-opts`, says who makes the containers' control groups.",
        "As with dockerd, the default is `systemd` where that is the first process and the host has",
        "cgroup v2 alone, else `cgroupfs`. `systemd` needs both.",
        "",
        "- `systemd`: each container is the scope `docker-<id>.scope` in the slice `system.slice`, or",
        "  the one of `--cgroup-parent`, of the daemon or the container: `a-b.slice`, which is in",
        "  `a.slice`. systemd knows the limits (`systemctl show`, `systemd-cgtop`) and keeps them when",
        "  it reloads; of a CPU quota it then knows whole percents of a CPU, rounded up. A start waits",
        "  for systemd, also while it reloads.",
        "- `cgroupfs`: `/baleen/<id>`, or below the path of `--cgroup-parent`, beside systemd's tree.",
        "",
        "Containers that run when the daemon is given the other driver go on in the group that they",
        "have; their next start makes one of the new kind.",
        "",
        *_REMAPPING,
        _REGISTRIES,
        "## Files",
        "",
        "| path | what |",
        "| --- | --- |",
        "| `<data-root>/state.db` | containers, images, networks, volumes: one SQLite database |",
        "| `<data-root>/content/` | blobs by digest, in OCI image layout |",
        "| `<data-root>/snapshots/` | unpacked layers and containers' writable layers |",
        "| `<data-root>/containers/<id>/` | log, hosts, resolv.conf, hostname, exit status |",
        "| `<data-root>/volumes/<name>/_data` | volumes |",
        "| `<data-root>/<uid>.<gid>/` | all of the above, of a daemon with `--userns-remap` |",
        "| `<exec-root>/` | bundles, sockets, compiled seccomp programs; a reboot may forget it |",
        "",
    ]
    return "\n".join(lines)


def explain_json_page() -> str:
    """Return docs/explain-json.md."""
    lines = [
        "# The document of `baleen explain --json`",
        "",
        "What `GET /baleen/v1/containers/{id}/explain` and `POST /baleen/v1/containers/explain` answer;",
        "[explain.md](explain.md) says what it is for. Lists and texts are empty, never null. This page is",
        "written by `tools/generate_docs.py` from the types in `src/baleen/api/explanation.py`.",
    ]
    lines += _fields_of(explanation.Explanation)
    for name in explanation.__all__:
        if name != "Explanation":
            lines += _fields_of(getattr(explanation, name))
    return "\n".join([*lines, ""])


def _fields_of(kind: type[msgspec.Struct]) -> list[str]:
    summary, attributes = _docstring(kind)
    lines = [
        "",
        f"## {_title(kind)}",
        "",
        summary,
        "",
        "| field | type | meaning |",
        "| --- | --- | --- |",
    ]
    hints = typing.get_type_hints(kind)
    for field in msgspec.structs.fields(kind):
        meaning = attributes.get(field.name, "").replace("|", "\\|")
        lines.append(f"| {field.encode_name} | {_type_text(hints[field.name])} | {meaning} |")
    return lines


def _title(kind: type) -> str:
    return kind.__name__.removeprefix("Explained")


def _docstring(kind: type) -> tuple[str, dict[str, str]]:
    """Return the first paragraph, and what is said of each attribute."""
    text = inspect.getdoc(kind) or ""
    head, _, tail = text.partition("\n\nAttributes:\n")
    attributes: dict[str, str] = {}
    for entry in re.split(r"\n(?=    \S)", "\n" + tail):
        names, colon, meaning = entry.strip().partition(":")
        if colon:
            for name in names.split(","):
                attributes[name.strip()] = " ".join(meaning.split())
    return " ".join(head.split()), attributes


def _type_text(kind: object) -> str:
    if typing.get_origin(kind) is list:
        return f"list of {_type_text(typing.get_args(kind)[0])}"
    if typing.get_origin(kind) is dict:
        return "object"
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return f"[{_title(kind)}](#{_title(kind).lower()})"
    return {str: "text", int: "number", bool: "true or false"}.get(kind, str(kind))


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
        "    $ podman --runtime /usr/local/bin/baleen-runtime run -it busybox",
        "",
        "podman's `systemd` manager of cgroups, its default where systemd runs, needs cgroup v2 here; on",
        "cgroup v1 give podman `--cgroup-manager cgroupfs`. To make the runtime a default, and to have",
        "errors passed on as JSON, write this to /etc/containers/containers.conf:",
        "",
        "    [engine]",
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
        "- With `--systemd-cgroup`, `linux.cgroupsPath` is `slice:prefix:name`, and systemd makes the",
        "  scope `<prefix>-<name>.scope` in that slice, with the limits as its properties; without a",
        "  path it is `baleen-<ID>.scope` in system.slice. It needs cgroup v2.",
        "- As with runc, the device rules of a document are preceded by a refusal of all devices and",
        "  followed by those that every container may use (null, zero, terminals, ...).",
        "- `checkpoint` and `restore` need criu, see [checkpoint.md](checkpoint.md). A checkpoint that",
        "  fails changes nothing. Control groups are made of the document; with",
        "  `--manage-cgroups-mode` criu restores those that the container has made below its own.",
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
    "explain-json.md": explain_json_page,
}


if __name__ == "__main__":
    for name, page in PAGES.items():
        (DOCS / name).write_text(page(), encoding="utf-8")
