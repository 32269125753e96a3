"""All commands by name, with their one-line help, without importing any of them."""

from __future__ import annotations

from baleen.errors import Internal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.cli.command import Command

__all__ = ["COMMON", "GROUPS", "TOP", "load"]

# name -> (module under baleen.cli.commands, summary)
TOP: dict[str, tuple[str, str]] = {
    "attach": (
        "attach",
        "Attach local standard input, output, and error streams to a running container",
    ),
    "build": ("build", "Build an image from a Dockerfile"),
    "commit": ("commit", "Create a new image from a container's changes"),
    "cp": ("cp", "Copy files/folders between a container and the local filesystem"),
    "create": ("create", "Create a new container"),
    "diff": ("diff", "Inspect changes to files or directories on a container's filesystem"),
    "events": ("events", "Get real time events from the server"),
    "exec": ("exec", "Execute a command in a running container"),
    "explain": ("explain", "Show what isolates a container, and why each part is there"),
    "export": ("export", "Export a container's filesystem as a tar archive"),
    "history": ("history", "Show the history of an image"),
    "images": ("images", "List images"),
    "import": ("import_", "Import the contents from a tarball to create a filesystem image"),
    "info": ("info", "Display system-wide information"),
    "inspect": ("inspect", "Return low-level information on Docker objects"),
    "kill": ("kill", "Kill one or more running containers"),
    "load": ("load", "Load an image from a tar archive or STDIN"),
    "login": ("login", "Authenticate to a registry"),
    "logout": ("logout", "Log out from a registry"),
    "logs": ("logs", "Fetch the logs of a container"),
    "pause": ("pause", "Pause all processes within one or more containers"),
    "port": ("port", "List port mappings or a specific mapping for the container"),
    "ps": ("ps", "List containers"),
    "pull": ("pull", "Download an image from a registry"),
    "push": ("push", "Upload an image to a registry"),
    "rename": ("rename", "Rename a container"),
    "restart": ("restart", "Restart one or more containers"),
    "rm": ("rm", "Remove one or more containers"),
    "rmi": ("rmi", "Remove one or more images"),
    "run": ("run", "Create and run a new container from an image"),
    "save": (
        "save",
        "Save one or more images to a tar archive (streamed to STDOUT by default)",
    ),
    "search": ("search", "Search Docker Hub for images"),
    "start": ("start", "Start one or more stopped containers"),
    "stats": ("stats", "Display a live stream of container(s) resource usage statistics"),
    "stop": ("stop", "Stop one or more running containers"),
    "tag": ("tag", "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE"),
    "top": ("top", "Display the running processes of a container"),
    "unpause": ("unpause", "Unpause all processes within one or more containers"),
    "update": ("update", "Update configuration of one or more containers"),
    "version": ("version", "Show the Baleen version information"),
    "wait": ("wait", "Block until one or more containers stop, then print their exit codes"),
}

COMMON = (
    "run",
    "exec",
    "ps",
    "build",
    "pull",
    "push",
    "images",
    "login",
    "logout",
    "version",
    "info",
)


def _top(*names: str, **renamed: str) -> dict[str, tuple[str, str]]:
    return {name: TOP[renamed.get(name, name)] for name in (*names, *renamed)}


GROUPS: dict[str, tuple[str, dict[str, tuple[str, str]]]] = {
    "container": (
        "Manage containers",
        {
            **_top(
                *("attach", "commit", "cp", "create", "diff", "exec", "explain", "export", "kill"),
                "logs",
                *("pause", "port", "rename", "restart", "rm", "run", "start", "stats", "stop"),
                *("top", "unpause", "update", "wait"),
                ls="ps",
                list="ps",
                ps="ps",
                remove="rm",
            ),
            "inspect": (
                "container_inspect",
                "Display detailed information on one or more containers",
            ),
            "prune": ("container_prune", "Remove all stopped containers"),
        },
    ),
    "builder": (
        "Manage builds",
        {
            **_top("build"),
            "du": ("builder_du", "Show what the build cache has, and takes"),
            "prune": ("builder_prune", "Remove build cache"),
        },
    ),
    "image": (
        "Manage images",
        {
            **_top(
                *("build", "history", "import", "load", "pull", "push", "save", "tag"),
                ls="images",
                list="images",
                rm="rmi",
                remove="rmi",
            ),
            "inspect": ("image_inspect", "Display detailed information on one or more images"),
            "prune": ("image_prune", "Remove unused images"),
            "check": ("image_check", "Find blobs that are missing or corrupt"),
            "diff": ("image_diff", "Show how one image differs from another"),
            "send": ("image_send", "Send images to another engine, only what it lacks"),
            "tree": ("image_tree", "Show what each layer of an image brings and wastes"),
        },
    ),
    "network": (
        "Manage networks",
        {
            "connect": ("network_connect", "Connect a container to a network"),
            "create": ("network_create", "Create a network"),
            "disconnect": ("network_disconnect", "Disconnect a container from a network"),
            "inspect": (
                "network_inspect",
                "Display detailed information on one or more networks",
            ),
            "ls": ("network_ls", "List networks"),
            "list": ("network_ls", "List networks"),
            "prune": ("network_prune", "Remove all unused networks"),
            "rm": ("network_rm", "Remove one or more networks"),
            "remove": ("network_rm", "Remove one or more networks"),
        },
    ),
    "registry": (
        "Run and manage a registry",
        {
            "gc": ("registry_gc", "Remove what no repository of a registry uses"),
            "issuer": ("registry_issuer", "Run a token server for registries"),
            "retention": ("registry_retention", "Apply the retention rules of a registry"),
            "serve": ("registry_serve", "Run a registry"),
        },
    ),
    "system": (
        "Manage Baleen",
        {
            **_top("events", "info"),
            "df": ("system_df", "Show disk usage"),
            "dial-stdio": (
                "system_dial_stdio",
                "Proxy the stdio stream to the daemon connection",
            ),
            "prune": ("system_prune", "Remove unused data"),
            "gc": ("system_gc", "Remove unused images by the disk policy"),
        },
    ),
    "volume": (
        "Manage volumes",
        {
            "create": ("volume_create", "Create a volume"),
            "inspect": (
                "volume_inspect",
                "Display detailed information on one or more volumes",
            ),
            "ls": ("volume_ls", "List volumes"),
            "list": ("volume_ls", "List volumes"),
            "prune": ("volume_prune", "Remove unused local volumes"),
            "rm": ("volume_rm", "Remove one or more volumes"),
            "remove": ("volume_rm", "Remove one or more volumes"),
        },
    ),
}

# Other spellings and internal commands; they work and are not listed.
HIDDEN = {"list", "ps", "remove", "dial-stdio"}


def load(module: str) -> Command:
    """The command that `module` holds."""
    from importlib import import_module

    command = getattr(import_module(f"baleen.cli.commands.{module}"), "COMMAND", None)
    if command is None:
        raise Internal(f"module {module} holds no command")
    return command  # type: ignore[no-any-return]  # the registry's test checks every module
