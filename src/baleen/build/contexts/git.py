"""Checkouts of git repositories, by the program `git` under strict bounds (B07).

git sees an environment that we make: no configuration of the system or of a user, no hooks, no
templates, no prompts, and of the transports only https, http, git and ssh; for submodules too. The
URL and the reference are checked (`remote`) and stand where no option is read. A token is passed in
the environment, never among the arguments. When the build is cancelled, git and all that it has
started are killed.

Only the commit that is asked for is fetched, where the server can do that.

See: git(1), "GIT_ALLOW_PROTOCOL", "GIT_CONFIG_COUNT"; moby, builder/remotecontext/git; BuildKit,
source/git.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from base64 import b64encode
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from baleen.archive.tree import remove_tree
from baleen.build.contexts.remote import redacted
from baleen.errors import FailedPrecondition, InvalidArgument, NotFound, Unavailable
from baleen.linux.fd import Fd
from baleen.linux.path import RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS, openat2

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from baleen.build.contexts.remote import GitRemote

__all__ = ["Checkout", "GitAccess", "check_out", "open_subdirectory"]

_PROTOCOLS = "https:http:git:ssh"
_POLL_S = 0.2
_LIMIT_S = 1800.0
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_PASSED_ON = ("http_proxy", "https_proxy", "no_proxy", "all_proxy")
_OUTPUT_LIMIT = 64 << 10
_CONFIG = {
    "core.hooksPath": "/dev/null",
    "core.fsmonitor": "false",
    "core.symlinks": "true",
    "core.fileMode": "true",
    "core.autocrlf": "false",
    "protocol.file.allow": "never",
    "protocol.ext.allow": "never",
    "http.lowSpeedLimit": "1000",
    "http.lowSpeedTime": "60",
    "fetch.fsckObjects": "true",
    "transfer.bundleURI": "false",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "advice.detachedHead": "false",
    "credential.helper": "",
    "submodule.recurse": "false",
}


@dataclass(frozen=True, slots=True)
class GitAccess:
    """What a build brings along for git.

    Attributes:
        agent: socket of an ssh agent, or "".
        header: value of Authorization for the remote's host, or "".
        token: the same as a token; see BuildKit's GIT_AUTH_TOKEN.
        environment: of the daemon, for its proxies.
    """

    agent: str = ""
    header: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ), repr=False)


@dataclass(frozen=True, slots=True)
class Checkout:
    """A commit, and when it was made."""

    commit: str
    time_ns: int


def check_out(
    remote: GitRemote,
    directory: Path,
    *,
    access: GitAccess,
    keep_git_dir: bool = False,
    check: Callable[[], None] = lambda: None,
) -> Checkout:
    """Put the files of a commit into the new directory; return which it is.

    Files have 0644 or 0755, directories 0755. An error leaves a part of them.

    Raises:
        FailedPrecondition: there is no git here.
        NotFound: no such reference; Unavailable: the remote cannot be reached, or says no.
        InvalidArgument: the commit is not the one that it must be.
    """
    program = shutil.which("git")
    if program is None:
        raise FailedPrecondition(
            "cannot fetch a git repository: there is no git on this host", hint="install git"
        )
    directory.mkdir(mode=0o755, parents=True)
    git = _Git(program, directory, remote, access, check)
    git.run("init", "--quiet", "--template=")
    git.run("remote", "add", "origin", remote.url)
    git.fetch()
    commit = git.run("rev-parse", "--verify", "--quiet", "FETCH_HEAD^{commit}").strip()
    if not _COMMIT.fullmatch(commit):
        raise NotFound(f"no commit {remote.ref!r} in {redacted(remote.url)}")
    if not commit.startswith(remote.checksum):
        raise InvalidArgument(
            f"expected checksum to match {remote.checksum}, got {commit}: {redacted(remote.url)}"
        )
    seconds = git.run("show", "--no-patch", "--format=%ct", commit).strip()
    git.run("checkout", "--quiet", "--force", "--detach", commit)
    git.run("submodule", "update", "--init", "--recursive", "--depth=1", "--quiet")
    if not keep_git_dir:
        _remove_git(directory)
    return Checkout(commit, int(seconds) * 1_000_000_000 if seconds.isdecimal() else 0)


def open_subdirectory(directory: Path, subdirectory: str) -> Fd:
    """Open a directory of the checkout, where no component may be a symbolic link.

    Raises:
        InvalidArgument: it is none, is not there, or leads through a link.
    """
    with Fd(os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)) as top:
        try:
            return Fd(
                openat2(
                    top.fileno(),
                    subdirectory or ".",
                    os.O_RDONLY | os.O_DIRECTORY,
                    resolve=RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
                )
            )
        except OSError as err:
            raise InvalidArgument(
                f"error setting git context, {subdirectory!r} is no directory of the repository: "
                f"{os.strerror(err.errno or 0).lower()}"
            ) from err


class _Git:
    def __init__(
        self,
        program: str,
        directory: Path,
        remote: GitRemote,
        access: GitAccess,
        check: Callable[[], None],
    ) -> None:
        self._program = program
        self._directory = directory
        self._remote = remote
        self._check = check
        self._environment = _environment(directory, remote, access)
        self._deadline = time.monotonic() + _LIMIT_S

    def fetch(self) -> None:
        """Fetch the commit that is meant into FETCH_HEAD, alone if the server can do that."""
        wanted = self._remote.ref or "HEAD"
        errors = []
        for words in (("--depth=1", "origin", wanted), ("origin", wanted)):
            try:
                self.run("fetch", "--quiet", "--no-tags", "--no-recurse-submodules", *words)
            except Unavailable as err:
                errors.append(err)
            else:
                return
        if not re.fullmatch(r"[0-9a-f]{7,64}", wanted):
            raise errors[0]
        # A commit that is not at the tip of a branch, of a server that gives only those; or the
        # beginning of one.
        self.run(
            "fetch",
            "--quiet",
            "--no-recurse-submodules",
            "origin",
            "+refs/heads/*:refs/remotes/origin/*",
            "+refs/tags/*:refs/tags/*",
        )
        try:
            commit = self.run("rev-parse", "--verify", "--quiet", f"{wanted}^{{commit}}").strip()
        except Unavailable as err:
            raise NotFound(f"no commit {wanted!r} in {redacted(self._remote.url)}") from err
        (self._directory / ".git" / "FETCH_HEAD").write_text(f"{commit}\n")

    def run(self, *words: str) -> str:
        """Run git in the checkout; return what it says.

        Raises:
            Unavailable: it failed, with its words; what `check` raises.
        """
        # S603: a list, without a shell; see the module's text.
        with subprocess.Popen(
            [self._program, *words],
            cwd=self._directory,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            umask=0o022,
        ) as process:
            try:
                output, errors = self._wait(process)
            except BaseException:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                raise
        if process.returncode:
            said = errors[-_OUTPUT_LIMIT:].decode("utf-8", "replace").strip()
            said = " ".join(redacted(line) for line in said.splitlines()[-3:])
            raise Unavailable(
                f"git {words[0]} failed for {redacted(self._remote.url)}: {said or 'no reason'}"
            )
        return output.decode("utf-8", "replace")

    def _wait(self, process: subprocess.Popen[bytes]) -> tuple[bytes, bytes]:
        while True:
            self._check()
            if time.monotonic() > self._deadline:
                raise Unavailable(
                    f"git took longer than {_LIMIT_S:.0f} s for {redacted(self._remote.url)}"
                )
            try:
                return process.communicate(timeout=_POLL_S)
            except subprocess.TimeoutExpired:
                continue


def _environment(directory: Path, remote: GitRemote, access: GitAccess) -> dict[str, str]:
    found = {
        name: value for name, value in access.environment.items() if name.lower() in _PASSED_ON
    }
    config = dict(_CONFIG)
    header = access.header
    if not header and access.token:
        token = b64encode(f"x-access-token:{access.token}".encode()).decode()
        header = f"basic {token}"
    parts = urlsplit(remote.url) if "://" in remote.url else None
    if header and parts is not None and parts.scheme in ("http", "https"):
        host = parts.netloc.rpartition("@")[2]
        config[f"http.{parts.scheme}://{host}/.extraHeader"] = f"Authorization: {header}"
    for number, (key, value) in enumerate(config.items()):
        found[f"GIT_CONFIG_KEY_{number}"] = key
        found[f"GIT_CONFIG_VALUE_{number}"] = value
    ssh = "ssh -F /dev/null -o BatchMode=yes -o StrictHostKeyChecking=accept-new"
    if access.agent:
        found["SSH_AUTH_SOCK"] = access.agent
    else:
        ssh += " -o IdentityAgent=none"
    return found | {
        "PATH": access.environment.get("PATH", os.defpath),
        # Nothing of ours is there: no .netrc, no .ssh, no configuration.
        "HOME": str(directory.parent),
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_COUNT": str(len(config)),
        "GIT_ALLOW_PROTOCOL": _PROTOCOLS,
        "GIT_PROTOCOL_FROM_USER": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "/bin/true",
        "SSH_ASKPASS": "/bin/true",
        "GIT_SSH_COMMAND": f"{ssh} -o UserKnownHostsFile={directory.parent}/known_hosts",
        "GIT_CEILING_DIRECTORIES": str(directory.parent),
        "GIT_LFS_SKIP_SMUDGE": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
    }


def _remove_git(directory: Path) -> None:
    """Remove `.git`, and those of the submodules."""
    with Fd(os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)) as top:
        remove_tree(top.fileno(), ".git")
        for _, directories, names, fd in os.fwalk(".", dir_fd=top.fileno(), follow_symlinks=False):
            if ".git" in directories or ".git" in names:
                remove_tree(fd, ".git")
            directories[:] = [name for name in directories if name != ".git"]
