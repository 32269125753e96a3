"""A Debian base image made from packages, and packages to install offline.

Made once with mmdebstrap (half a minute, from this host's package sources) and kept under
~/.cache/baleen-tests, until what is in it changes.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

from corpus import Build, Case, Entry
from made_once import made_once

if TYPE_CHECKING:
    from pathlib import Path

SUITE = "bookworm"
INCLUDED = ("python3",)
DOWNLOADED = ("cron", "cron-daemon-common", "hello", "tini")
_LEFT_OUT = ("/usr/share/man/*", "/usr/share/locale/*", "/usr/share/doc/*", "/usr/share/info/*")
_CLEANED = "var/lib/apt/lists/* var/cache/apt/*.bin var/cache/debconf/*-old var/log/*"


def available() -> bool:
    return shutil.which("mmdebstrap") is not None and shutil.which("apt-get") is not None


def debian_base() -> tuple[Path, dict[str, bytes]]:
    """Return a tar of the root file system, and the packages' files by package."""
    recipe = (SUITE, INCLUDED, DOWNLOADED, _LEFT_OUT)
    place = made_once("debian", recipe, _make)
    packages = {name: next(place.glob(f"{name}_*.deb")).read_bytes() for name in DOWNLOADED}
    return place / "root.tar", packages


def _make(work: Path) -> None:
    options = [f"--dpkgopt=path-exclude={pattern}" for pattern in _LEFT_OUT]
    cleaning = " ".join(f'"$1"/{pattern}' for pattern in _CLEANED.split())
    subprocess.run(
        [
            "mmdebstrap", "--quiet", "--variant=apt", f"--include={','.join(INCLUDED)}",
            "--dpkgopt=force-unsafe-io", '--aptopt=APT::Install-Recommends "false"', *options,
            f"--customize-hook=rm -rf {cleaning}", SUITE, str(work / "root.tar"),
        ],
        check=True,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    subprocess.run(
        ["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", *DOWNLOADED],
        check=True,
        cwd=work,
    )


def with_packages(case: Case, packages: dict[str, bytes]) -> Case:
    """Put the packages' files where the case names them."""

    def filled(build: Build) -> Build:
        entries = {
            path: Entry("file", data=packages[entry.target]) if entry.kind == "package" else entry
            for path, entry in build.entries.items()
        }
        return replace(build, entries=entries)

    return replace(case, builds=tuple(filled(build) for build in case.builds))
