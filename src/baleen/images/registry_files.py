"""The files of the image `registry`, taken from the installation that runs this.

Interpreter, shared libraries, the standard library as far as it is used, the packages that a
registry needs, and Baleen's own modules, compiled. Run as a program it writes the layer to
standard output. The same installation always gives the same bytes: entries are sorted, times are
fixed, and code is compiled in a new process whose strings hash the same each time.

    python -OO -m baleen.images.registry_files > layer.tar       (with PYTHONHASHSEED=0)

See: PEP 552 (pycs that are not checked against their source); PEP 3147, sourceless imports.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import marshal
import os
import re
import sys
import sysconfig
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import baleen
from baleen.archive.entry import Entry, EntryType
from baleen.archive.writer import END, encode_header, padding
from baleen.errors import BaleenError, FailedPrecondition
from baleen.images.elf_libraries import libraries_of, read_elf, stripped
from baleen.images.embedded import CREATED_NS
from baleen.images.imported_modules import closure

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["GROUP_AND_USER", "archive", "compiled", "image_files", "main"]

GROUP_AND_USER = 65532
"""Numeric id of the user `registry`, and of its group."""

_CODE = "usr/lib/registry"
# What `baleen.registry` imports of other projects; what those need comes with them.
_PACKAGES = (
    *("aiohttp", "bcrypt", "boto3", "cryptography", "httptools", "msgspec", "prometheus-client"),
    *("pyjwt", "pyyaml", "uvicorn"),
)
# Extras of ours, which an installation may have.
_IF_INSTALLED = ("psycopg", "psycopg-binary")
# Of the descriptions of all of Amazon's services, that of S3; certificates if the system has none.
_DATA = re.compile(r"botocore/(data/(s3/.*|[^/]+)\.json(\.gz)?|cacert\.pem)")
# cryptography is compiled against cffi's library, and needs nothing of its Python.
_NOT_NEEDED = re.compile(r"(.*/)?(tests|__pycache__|pycparser.*|cffi)/.*|aiohttp/(test|pytest).*")
_LICENCE = re.compile(r".*\.dist-info/(METADATA|(licenses/)?(.*/)?(LICEN[CS]E|COPYING|NOTICE).*)")
# Development tools that modules offer, and none of which a registry uses.
_WITHOUT = (
    *("_pyrepl", "bdb", "code", "codeop", "curses", "distutils", "doctest", "ensurepip"),
    *("idlelib", "lib2to3", "pdb", "pydoc", "pydoc_data", "readline", "rlcompleter"),
    *("test", "tkinter", "tracemalloc", "turtle", "unittest", "venv", "webbrowser"),
)
# What compiled code imports, and the interpreter itself.
_BESIDE = (
    *("abc", "base64", "codecs", "collections.abc", "copyreg", "dataclasses", "datetime"),
    *("decimal", "encodings.ascii", "encodings.idna", "encodings.latin_1", "encodings.utf_8"),
    *("enum", "io", "ipaddress", "numbers", "os", "re", "socket", "ssl", "sqlite3", "threading"),
    *("typing", "uuid", "warnings", "zoneinfo"),
)
# Loaded by glibc at run time, where they are not part of it.
_NAMED_AT_RUN_TIME = ("libgcc_s.so.1", "libnss_dns.so.2", "libnss_files.so.2")
_CERTIFICATES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
)
_CONFIGURATION = """\
version: 0.1
storage:
  filesystem:
    rootdirectory: /var/lib/registry
  delete:
    enabled: false
http:
  addr: :5000
  headers:
    X-Content-Type-Options: [nosniff]
health:
  storagedriver:
    enabled: true
    interval: 10s
    threshold: 3
"""
_PROGRAM = """\
#!/usr/bin/{python} -ISOO
import sys

sys.path.append("/{code}")

from baleen.registry.program import main

sys.exit(main(sys.argv[1:]))
"""

Files = dict[str, tuple[int, bytes]]
"""Mode and data by path; a path that ends with a slash is a directory."""


def compiled(source: bytes, place: str) -> bytes:
    """Return the .pyc of `source` that is never compared with it; tracebacks name `place`."""
    code = compile(source, place, "exec", dont_inherit=True, optimize=2)
    header = importlib.util.MAGIC_NUMBER + (1).to_bytes(4, "little")
    return header + importlib.util.source_hash(source) + marshal.dumps(code)


def image_files() -> Files:
    """Return all files of the image.

    Raises:
        FailedPrecondition: a part of this installation is not to be found.
    """
    python = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = _package_files()
    modules = [
        ".".join(PurePosixPath(name).with_suffix("").parts).removesuffix(".__init__")
        for name in packages
        if name.endswith(".py")
    ]
    own = Path(baleen.__file__).parent
    modules += [
        ".".join(path.relative_to(own.parent).with_suffix("").parts).removesuffix(".__init__")
        for path in sorted((own / "registry").rglob("*.py"))
    ]
    places = [Path(os.__file__).parent, _extensions(), own.parent]
    # The packages are taken whole, so their modules are only read for what they import.
    sites = sorted({path.parents[name.count("/")] for name, path in packages.items()})
    # What zoneinfo asks for the directories of time zones.
    variables = getattr(sysconfig, "_get_sysconfigdata_name", str)()
    found = closure([*modules, *_BESIDE, variables], [*places, *sites], without=_WITHOUT)
    files: Files = {}
    programs = {f"usr/bin/{python}": _interpreter()}
    for name, path in sorted(packages.items()):
        _add(files, programs, f"{_CODE}/{name}", path)
    for name, path in sorted(found.items()):
        if path.is_relative_to(own):
            _add(files, programs, f"{_CODE}/{path.relative_to(own.parent)}", path)
        elif path.is_relative_to(places[1]):
            _add(files, programs, f"usr/lib/{python}/lib-dynload/{path.name}", path)
        elif not name.startswith("baleen") and not any(map(path.is_relative_to, sites)):
            _add(files, programs, f"usr/lib/{python}/{path.relative_to(places[0])}", path)
    # The interpreter looks for this directory, be it empty.
    files[f"usr/lib/{python}/lib-dynload/"] = (0o755, b"")
    _add_libraries(files, programs)
    _add_settings(files)
    files["bin/registry"] = (0o755, _PROGRAM.format(python=python, code=_CODE).encode())
    return files


def _add(files: Files, programs: dict[str, Path], name: str, path: Path) -> None:
    """Add a file of the installation: code compiled, extensions for their libraries noted."""
    data = path.read_bytes()
    if path.suffix == ".py":
        files[f"{name}c"] = (0o644, compiled(data, f"/{name}"))
    elif ".so" in path.suffixes:
        programs[name] = path
    else:
        files[name] = (0o644, data)


def _interpreter() -> Path:
    return Path(getattr(sys, "_base_executable", "") or sys.executable).resolve()


def _extensions() -> Path:
    """Return the directory of the standard library's extension modules."""
    shared = sysconfig.get_config_var("DESTSHARED")
    return Path(shared) if shared else Path(os.__file__).parent / "lib-dynload"


def _package_files() -> dict[str, Path]:
    """Return the files of all packages that a registry needs, by their names below site-packages.

    Raises:
        FailedPrecondition: one is not installed.
    """
    files: dict[str, Path] = {}
    seen: set[str] = set()
    waiting = [(name, True) for name in _PACKAGES] + [(name, False) for name in _IF_INSTALLED]
    while waiting:
        name, is_sure = waiting.pop()
        key = re.sub(r"[-_.]+", "-", name).lower()
        if key in seen:
            continue
        seen.add(key)
        try:
            package = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            # Needed only by some versions of Python, or on other systems.
            if is_sure:
                raise FailedPrecondition(f"the Python package {name} is not installed") from None
            continue
        for file in package.files or ():
            text = file.as_posix()
            is_code = text.endswith(".py") or ".so" in file.suffixes
            wanted = is_code or _LICENCE.fullmatch(text) or _DATA.fullmatch(text)
            if wanted and ".." not in file.parts and not _NOT_NEEDED.fullmatch(text):
                files[text] = Path(str(file.locate()))
        waiting.extend(
            (match[0], False)
            for requirement in package.requires or ()
            if "extra" not in requirement and (match := re.match(r"[\w.-]+", requirement))
        )
    return files


def _add_libraries(files: Files, programs: Mapping[str, Path]) -> None:
    """Add programs, extensions, and the libraries of all, which go where the loader looks.

    All without debugging information, which is most of what some installations have.
    """
    for name, path in programs.items():
        files[name] = (0o755, stripped(path.read_bytes()))
    libraries = libraries_of(programs.values())
    loader = read_elf(_interpreter().read_bytes()).interpreter
    if loader:
        files[loader.lstrip("/")] = (0o755, stripped(Path(loader).read_bytes()))
    # One directory for all, which is one that the loader looks through: it has the C library.
    home = next((lib.place for name, lib in libraries.items() if name.startswith("libc.")), None)
    if home is None:
        return
    for name in _NAMED_AT_RUN_TIME:
        if (home / name).is_file():
            libraries.update(libraries_of([home / name], [home]))
            files[f"{home}/{name}".lstrip("/")] = (0o755, stripped((home / name).read_bytes()))
    bundled = {path.resolve() for path in programs.values()}
    for name, library in libraries.items():
        if name != Path(loader).name and library.path.resolve() not in bundled:
            files[f"{home}/{name}".lstrip("/")] = (0o755, stripped(library.path.read_bytes()))


def _add_settings(files: Files) -> None:
    for name in ("etc/docker/registry/config.yml", "etc/distribution/config.yml"):
        files[name] = (0o644, _CONFIGURATION.encode())
    number = GROUP_AND_USER
    users = "root:x:0:0:root:/:/bin/registry\n"
    users += f"registry:x:{number}:{number}:registry:/var/lib/registry:/bin/registry\n"
    files["etc/passwd"] = (0o644, users.encode())
    files["etc/group"] = (0o644, f"root:x:0:\nregistry:x:{number}:\n".encode())
    files["etc/nsswitch.conf"] = (0o644, b"hosts: files dns\n")
    certificates = next(filter(os.path.isfile, _CERTIFICATES), None)
    if certificates:
        files["etc/ssl/certs/ca-certificates.crt"] = (0o644, Path(certificates).read_bytes())
    files["tmp/"] = (0o1777, b"")
    files["var/lib/registry/"] = (0o755, b"")


def archive(files: Files) -> Iterator[bytes]:
    """Yield the layer of `files` with the directories that they need, in order."""
    parents = {
        f"{parent}/": (0o755, b"")
        for name in files
        for parent in PurePosixPath(name).parents
        if parent.name
    }
    for name, (mode, data) in sorted({**parents, **files}.items()):
        owner = GROUP_AND_USER if name == "var/lib/registry/" else 0
        kind = EntryType.DIRECTORY if name.endswith("/") else EntryType.FILE
        entry = Entry(
            name=name.rstrip("/").encode(),
            type=kind,
            mode=mode,
            uid=owner,
            gid=owner,
            size=len(data),
            mtime_ns=CREATED_NS,
        )
        yield encode_header(entry) + data + padding(len(data))
    yield END


def main() -> int:
    """Write the layer to standard output; return the exit code."""
    if os.environ.get("PYTHONHASHSEED") != "0":
        sys.stderr.write("PYTHONHASHSEED must be 0, else the digest is another each time\n")
        return 1
    try:
        sys.stdout.buffer.writelines(archive(image_files()))
        sys.stdout.buffer.flush()
    except (BaleenError, OSError) as err:
        sys.stderr.write(f"{err}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
