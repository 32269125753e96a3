"""The root file system of a Node base image: Debian's nodejs and npm, from this host's sources.

nodejs comes with all that it depends on. npm's dependencies are four hundred packages, as Debian
has some of its modules in packages of whole tool chains (webpack, gyp with a compiler's headers)
that npm itself does not run: those packages are taken without what they depend on. All are only
unpacked, as no program here needs more. As a program, this file is mmdebstrap's hook for npm.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from made_once import made_once

SUITE = "bookworm"
_INCLUDED = "base-files,coreutils,dash,libc-bin,nodejs"
_ALONE = {"node-css-loader", "node-gyp"}
_LEFT_OUT = ("usr/share/doc", "usr/share/info", "usr/share/locale", "usr/share/man")
_CLEANED = ("var/lib/apt/lists", "var/cache", "var/log")
_TIME_S = 240
# A source that does not answer shows soon, not after apt's half a minute for each of its files.
_APT_OPTIONS = ('Acquire::http::Timeout "10"', 'Acquire::Retries "1"')


def node_base() -> Path:
    """Return the tar of the file system, made once.

    Raises:
        AssertionError: with the reason, when it is not there and cannot be made.
    """
    recipe = (SUITE, Path(__file__).read_bytes())
    return made_once("node", recipe, _make) / "root.tar"


def _make(work: Path) -> None:
    hook = f'{sys.executable} {Path(__file__).resolve()} "$1"'
    command = [
        "mmdebstrap", "--quiet", "--mode=root", "--variant=extract", f"--include={_INCLUDED}",
        '--aptopt=APT::Install-Recommends "false"', *(f"--aptopt={text}" for text in _APT_OPTIONS),
        f"--extract-hook={hook}", SUITE, str(work / "root.tar"),
    ]  # fmt: skip
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=_TIME_S, check=False,
        )  # fmt: skip
    except FileNotFoundError as err:
        raise AssertionError("a Node base needs mmdebstrap: `tools/setup dev` installs it") from err
    except subprocess.TimeoutExpired as err:
        raise AssertionError(f"no Node base from Debian's packages within {_TIME_S} s") from err
    assert done.returncode == 0, (
        f"no Node base: mmdebstrap did not get the packages of Debian {SUITE} from the sources "
        f"that this host can reach\n{done.stderr[-3000:]}"
    )


def _npm_into(root: str) -> None:
    """Unpack npm below `root`, as mmdebstrap's hook."""
    os.environ["APT_CONFIG"] = os.environ["MMDEBSTRAP_APT_CONFIG"]
    with tempfile.TemporaryDirectory() as work:
        subprocess.run(
            ["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", *_closure("npm")],
            check=True,
            cwd=work,
        )
        for package in Path(work).glob("*.deb"):
            _unpack(package, root)
    gone = [f"{root}/{path}" for path in (*_LEFT_OUT, *_CLEANED)]
    subprocess.run(["rm", "-rf", *gone], check=True)


def _closure(name: str) -> set[str]:
    """Return the package and those of JavaScript that it depends on."""
    found: set[str] = set()
    new = {name}
    while new:
        found |= new
        asked = sorted(new - _ALONE)
        new = (_needed_by(asked) if asked else set()) - found
    return found


def _needed_by(names: list[str]) -> set[str]:
    done = subprocess.run(
        ["apt-cache", "depends", "--important", *names], capture_output=True, text=True, check=True
    )
    # Of a name that no package has, `<name>`, the first provider stands on the next line.
    needed = re.findall(r"^ [ |]Depends: (?:<.*>\n +)?(\S+)$", done.stdout, re.MULTILINE)
    return {name for name in needed if name.startswith(("node-", "libjs-"))}


def _unpack(package: Path, root: str) -> None:
    with subprocess.Popen(
        ["dpkg-deb", "--fsys-tarfile", str(package)], stdout=subprocess.PIPE
    ) as files:
        subprocess.run(
            ["tar", "-C", root, "-x", "--keep-directory-symlink"], stdin=files.stdout, check=True
        )
    assert files.returncode == 0, package


if __name__ == "__main__":
    _npm_into(sys.argv[1])
