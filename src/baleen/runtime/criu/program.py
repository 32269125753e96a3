"""A dump as a program of its own, for the daemon, which neither forks nor waits.

    python -m baleen.runtime.criu.program CONFIG PID IMAGE WORK LEAVE-RUNNING

IMAGE and WORK are numbers of inherited descriptors of directories. The answer is one JSON object
on standard output: {} or {"kind": the error's class, "message": text}.
"""

from __future__ import annotations

import json
import os
import sys

from baleen.errors import BaleenError
from baleen.linux.fd import Fd
from baleen.runtime.criu.dump import DumpOptions, dump
from baleen.runtime.criu.service import find_criu
from baleen.runtime.request import read_file
from baleen.runtime.spec import parse_spec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]

_ARGUMENTS = 5


def main(arguments: Sequence[str]) -> int:
    """Dump, and say how it went; returns the exit code."""
    if len(arguments) != _ARGUMENTS:
        return 2
    config, pid, image, work, leave_running = arguments
    answer: dict[str, str] = {}
    try:
        spec = parse_spec(json.loads(read_file(config)))
        options = DumpOptions(
            leave_running=leave_running == "1", external_network="network" in spec.namespaces
        )
        dump(find_criu(), int(pid), spec, Fd(int(image)), Fd(int(work)), options)
    except (BaleenError, OSError, ValueError) as error:
        answer = {"kind": type(error).__name__, "message": str(error)}
    sys.stdout.write(json.dumps(answer))
    sys.stdout.flush()
    return 0


if __name__ == "__main__":
    code = main(sys.argv[1:])
    os._exit(code)
