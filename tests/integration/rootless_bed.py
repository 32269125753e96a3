"""A `baleend --rootless` for tests: an ordinary user of its own on this host, gone afterwards.

The user has a copy of the program that it can read (this tree may lie in root's home), a home, a
runtime directory, and subordinate ids. Its host's network is a namespace of the test's, with a
neighbour, as in `bed`. Where /dev/net/tun is not for everybody (udev makes it so elsewhere), the
daemon sees one that is, in a mount namespace that only it has.
"""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import re
import shutil
import signal
import stat
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

import leaks
import pytest
from bed import HOST_ADDRESS, TIMEOUT_S, Bed, _run, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SOURCE = Path(__file__).resolve().parents[2] / "src" / "baleen"
NEEDED = ("httptools", "isal", "msgspec", "zstandard")


def user_python() -> str | None:
    """Return an interpreter of our version that others than root can execute, or None."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for path in (os.path.realpath(sys.executable), f"/usr/bin/{version}"):
        if os.path.exists(path) and all(
            os.stat(parent).st_mode & stat.S_IXOTH for parent in (path, *Path(path).parents)
        ):
            return path
    return None


class RootlessBed(Bed):
    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.user = self.netns
        self.home = directory / "home"
        self.runtime = directory / "run"
        self.state_dir = self.runtime / "baleen"
        self.data_root = self.home / ".local/share/baleen"
        self.socket = self.runtime / "baleen.sock"
        self.host = f"unix://{self.socket}"
        self.python = directory / "venv/bin/python"
        self.path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        self.with_tun = True
        self.cgroup: Path | None = None  # where the daemon is started, on cgroup v2
        self.before_start: Callable[[], None] = lambda: None  # when the user exists

    # --- life ------------------------------------------------------------------------------

    def open(self) -> None:
        self.directory.mkdir(mode=0o755)
        _run("useradd", "--no-create-home", "--home-dir", str(self.home), self.user)
        if not self.granted("/etc/subuid"):
            ranges = ["--add-subuids", "700000-765535", "--add-subgids", "700000-765535"]
            _run("usermod", *ranges, self.user)
        account = pwd.getpwnam(self.user)
        self.uid, self.gid = account.pw_uid, account.pw_gid
        _, first, count = self.granted("/etc/subuid")[0].split(":")
        self.subordinate_ids = (int(first), int(count))
        for path in (self.home, self.runtime):
            path.mkdir(mode=0o700)
            os.chown(path, self.uid, self.gid)
        self._copy_program()
        self.before_start()
        super().open()

    def _copy_program(self) -> None:
        site = self.directory / "site"
        shutil.copytree(SOURCE, site / "baleen", ignore=shutil.ignore_patterns("__pycache__"))
        for name in NEEDED:
            package = Path(sysconfig.get_path("purelib")) / name
            shutil.copytree(package, site / name)
        for binary in Path(sysconfig.get_path("purelib")).glob("_zstandard*"):
            shutil.copy(binary, site)
        interpreter = user_python()
        assert interpreter is not None
        _run(interpreter, "-m", "venv", "--without-pip", str(self.directory / "venv"))
        packages = next(self.directory.glob("venv/lib/python*/site-packages"))
        (packages / "baleen.pth").write_text(f"{site}\n")
        # Nobody can write what they compile at each start there.
        compiling = [str(self.python), "-m", "compileall", "-q", "-o", "2", str(site)]
        subprocess.run(compiling, check=True, timeout=300)  # in an emulated machine
        # What others may read, whatever our umask is.
        _run("chmod", "-R", "a+rX", str(site), str(self.directory / "venv"))
        tun = self.directory / "tun"
        os.mknod(tun, stat.S_IFCHR | 0o666, os.makedev(10, 200))
        tun.chmod(0o666)

    def granted(self, file: str) -> list[str]:
        """Return the lines that /etc/subuid, or subgid, has for the user."""
        with contextlib.suppress(FileNotFoundError):
            lines = Path(file).read_text().splitlines()
            return [line for line in lines if line.startswith(f"{self.user}:")]
        return []

    def as_user(self, *command: str) -> list[str]:
        """Return the command line that runs a program as the user, in the test's network."""
        return [
            "nsenter", f"--net=/run/netns/{self.netns}",
            "unshare", "--mount", "--propagation", "slave",
            "sh", "-c",
            # /sys shows the network of who mounted it: that of this host, as anywhere.
            (f"echo $$ >{self.cgroup}/cgroup.procs; " if self.cgroup else "")
            + (f"mount --bind {self.directory}/tun /dev/net/tun; " if self.needs_tun else "")
            + 'exec "$@"', "sh",
            "setpriv", "--reuid", str(self.uid), "--regid", str(self.gid), "--clear-groups",
            "--inh-caps=-all",
            "env", "-i", f"HOME={self.home}", f"XDG_RUNTIME_DIR={self.runtime}",
            f"PATH={self.path}", *command,
        ]  # fmt: skip

    @property
    def needs_tun(self) -> bool:
        tun = Path("/dev/net/tun")
        return self.with_tun and tun.exists() and not tun.stat().st_mode & stat.S_IWOTH

    def baleend(self, *flags: str) -> list[str]:
        program = (str(self.python), "-IOO", "-m", "baleen.daemon.main", "--rootless")
        return self.as_user(*program, *flags)

    def run(self, *flags: str) -> subprocess.CompletedProcess[str]:
        """Run `baleend --rootless` with flags that make it end."""
        return subprocess.run(
            self.baleend(*flags), capture_output=True, text=True, timeout=TIMEOUT_S * 4, check=False
        )

    def start(self) -> None:
        assert self.process is None
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.baleend("--debug", *self.flags),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            wait_until("the daemon answers", self._answers, timeout_s=120)
        except AssertionError as err:
            raise AssertionError(f"{err}\n{self.log_tail()}") from err

    def note(self) -> dict[str, object]:
        return json.loads((self.state_dir / "note.json").read_text())

    def environment(self) -> dict[str, str]:
        return {**super().environment(), "DOCKER_HOST": self.host}

    def processes(self) -> dict[int, str]:
        """Return what runs under the user's own or subordinate ids, or in the test's network."""
        first, count = self.subordinate_ids
        own_net = os.stat(f"/run/netns/{self.netns}").st_ino
        found = {}
        for pid in leaks.pids():
            with contextlib.suppress(OSError, IndexError):
                status = Path(f"/proc/{pid}/status").read_text()
                uid = int(re.search(r"^Uid:\s+(\d+)", status, re.MULTILINE)[1])
                state = re.search(r"^State:\s+(\w)", status, re.MULTILINE)[1]
                is_ours = uid == self.uid or first <= uid < first + count
                is_ours = is_ours or os.stat(f"/proc/{pid}/ns/net").st_ino == own_net
                if is_ours and state not in "ZX" and pid != os.getpid():
                    found[pid] = Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
        return found

    def left_behind(self) -> list[str]:
        """Return what there is of the user's beside files of the home."""
        found = [f"process {pid}: {name}" for pid, name in self.processes().items()]
        mounts = Path("/proc/self/mountinfo").read_text().splitlines()
        found += [f"mount {line}" for line in mounts if str(self.directory) in line]
        found += [f"file {path}" for path in self.runtime.iterdir()]
        return found

    def wait_until_gone(self) -> None:
        """Fail, naming it, if something is left behind."""
        try:
            wait_until("nothing is left", lambda: not self.left_behind(), timeout_s=30)
        except AssertionError as err:
            raise AssertionError("left behind:\n" + "\n".join(self.left_behind())) from err

    def end(self) -> None:
        """End everything and fail if that leaves anything."""
        if self.process is not None:
            self.stop()
        done = self.run("--purge")
        assert done.returncode == 0, done.stderr
        self.wait_until_gone()
        assert not self.data_root.exists()

    def close(self) -> None:
        if self.process is not None:
            with contextlib.suppress(Exception):
                self.kill9()
        with contextlib.suppress(Exception):
            self.run("--uninstall")
        with contextlib.suppress(Exception):
            for pid in self.processes():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        for netns in (self.netns, self.outside_netns):
            subprocess.run(["ip", "netns", "delete", netns], capture_output=True, check=False)
        wait_until("the user's processes end", self._remove_user, timeout_s=20, every_s=0.1)
        shutil.rmtree(self.directory, ignore_errors=True)
        for file in ("/etc/subuid", "/etc/subgid"):
            assert self.granted(file) == []

    def _remove_user(self) -> bool:
        subprocess.run(["userdel", self.user], capture_output=True, check=False)
        with contextlib.suppress(KeyError):
            pwd.getpwnam(self.user)
            return False
        return True


def missing(programs: Sequence[str]) -> list[str]:
    return [program for program in programs if shutil.which(program) is None]


def web(bed, *flags, name="web"):
    page = "hostname > /index.html; exec httpd -f -v"
    bed.docker("run", "-d", "--name", name, *flags, "busybox", "sh", "-c", page)


def fetched(bed, port, *, outside=False):
    address = HOST_ADDRESS if outside else "127.0.0.1"
    return wait_until("the server answers", lambda: bed.fetch(address, port, outside=outside))


def new_bed() -> RootlessBed:
    if os.geteuid() != 0:
        pytest.skip("needs root: makes a user")
    lacking = missing(["docker", "useradd", "newuidmap", "setpriv", "slirp4netns", "pasta"])
    if lacking:
        pytest.skip(f"needs {', '.join(lacking)}")
    if user_python() is None:
        pytest.skip("needs a Python that others than root may execute")
    return RootlessBed(Path("/tmp") / f"b{os.urandom(3).hex()}")
