from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys, threading
from baleen.linux.allocator import give_freed_memory_back

if sys.argv[1] == "fixed":
    assert give_freed_memory_back()

small = []

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
for line in open("/proc/self/status"):
    if line.startswith("RssAnon"):
        print(line.split()[1])
"""


def resident_kb(kind):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, kind], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


def test_large_pieces_that_were_freed_are_not_kept():
    assert resident_kb("fixed") + 4096 < resident_kb("as it comes")
