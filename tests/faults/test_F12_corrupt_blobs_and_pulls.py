"""F12 through a pull: damage in the store is found on use and named, and the next pull repairs it.

A flipped byte, a blob that is gone, a layer's directory that is gone, a manifest that is gone: what
`baleen image check` finds, what using the image says, and what is whole after a pull of the same.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from bed import Bed, running
from lying_registry import Registry

pytestmark = pytest.mark.integration

BASE = {"config": {"Cmd": ["/bin/busybox", "true"]}}
