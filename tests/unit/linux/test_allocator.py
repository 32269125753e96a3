from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys, threading
from baleen.linux.allocator import share_arenas, trim

if sys.argv[1] == "shared":
    assert share_arenas()

small = []

def resident():
    for line in open("/proc/self/status"):
        if line.startswith("RssAnon"):
            return int(line.split()[1])

def churn():
    for _ in range(20):  # what is freed first teaches glibc to keep the rest
        pieces = []
        for _ in range(8):
            pieces.append(bytes(1 << 20))
            small.append(bytes(1000))

threads = [threading.Thread(target=churn) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
before = resident()
trimmed = trim() if sys.argv[1] == "shared" else None
print(before, resident(), trimmed)
"""


def resident_kb(kind):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, kind], capture_output=True, text=True, check=True
    )
    before, after, trimmed = done.stdout.split()
    return int(before), int(after), trimmed


def test_large_pieces_that_were_freed_are_not_kept():
    _, kept, _ = resident_kb("as it comes")
    before, after, trimmed = resident_kb("shared")
    assert trimmed == "True"
    assert after + 4096 < before
    assert after + 4096 < kept
    assert after < 16 << 10
