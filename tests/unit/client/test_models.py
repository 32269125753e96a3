from __future__ import annotations

import subprocess
import sys


def test_types_are_not_loaded_at_run_time():
    code = (
        "import sys, baleen.client.client, baleen.client.selection;"
        "print([m for m in ('typing', 'baleen.client.models') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert out.stdout.strip() == "[]"
