"""Python inside a container, for what no shell can ask: system calls with any argument.

The container is one of the `busybox` image, started by the real client; the test's own interpreter
and its libraries are bound into it, read-only, at the paths that they have here.
"""

from __future__ import annotations

import json
import os
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bed import Bed

PYTHON = os.path.realpath(sys.executable)

# What a script has to begin with: `call` returns 0 or the name of the errno.
PRELUDE = """
import ctypes, errno, json, os, socket, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
NUMBERS = json.loads(%r)

def raw(number, *arguments):
    ctypes.set_errno(0)
    values = [ctypes.c_long(number)]
    values += [x if isinstance(x, bytes) else ctypes.c_long(x) for x in arguments]
    result = libc.syscall(*values)
    return result, ctypes.get_errno() if result < 0 else 0

def call(name, *arguments):
    code = raw(NUMBERS[name], *arguments)[1]
    return errno.errorcode[code] if code else 0

def attempt(function, *arguments):
    try:
        function(*arguments)
    except OSError as err:
        return errno.errorcode[err.errno]
    return 0
"""


def interpreter() -> list[str]:
    """Return the options of `docker run` that bring the interpreter along."""
    places = {sys.base_prefix, "/usr", "/lib", "/lib64"}
    return [
        word
        for place in sorted(places)
        if Path(place).is_dir()
        for word in ("-v", f"{os.path.realpath(place)}:{place}:ro")
    ]


def script(source: str) -> list[str]:
    """Return the command that runs the script inside."""
    from baleen.linux.syscall_table import numbers

    prelude = PRELUDE % json.dumps(numbers(os.uname().machine))
    return [PYTHON, "-I", "-S", "-c", prelude + textwrap.dedent(source)]


def ask(engine: Bed, source: str, *options: str) -> Any:
    """Run the script in a new container; returns what it printed, which has to be JSON."""
    done = engine.docker("run", "--rm", *interpreter(), *options, "busybox", *script(source))
    return json.loads(done.stdout)


def ask_in(engine: Bed, container: str, source: str, *options: str) -> Any:
    """Run the script in a container that was started with `interpreter()`, by exec."""
    return json.loads(engine.out("exec", *options, container, *script(source)))
