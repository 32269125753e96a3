"""Where the helpers of the conformance tests lie: beside them, and in those of integration."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
# pytest's importlib mode puts no directory on the path.
sys.path[:0] = [str(HERE / "dockerfiles"), str(HERE.parent / "integration")]
