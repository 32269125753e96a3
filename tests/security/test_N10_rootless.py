"""N10, rootless half: an application that trusts 127.0.0.1 never sees a stranger come from there.

podman's port forwarder without root connected from the container's own loopback address
(CVE-2021-20199).
"""

from __future__ import annotations

import pytest
from bed import HOST_ADDRESS, wait_until


@pytest.mark.parametrize("outside", [False, True])
@pytest.mark.parametrize("network", ["bridge", "net"])
def test_the_source_is_never_loopback(rootless, network, outside):
    if network == "net":
        rootless.docker("network", "create", "net")
    rootless.docker(
        "run", "-d", "--name", "web", "--network", network, "-p", "8080:80", "busybox",
        "sh", "-c", "hostname > /index.html; exec httpd -f -vv",
    )  # fmt: skip
    address = HOST_ADDRESS if outside else "127.0.0.1"
    wait_until("an answer", lambda: rootless.fetch(address, 8080, outside=outside))
    gateway = rootless.out(
        "inspect", "-f", "{{range .NetworkSettings.Networks}}{{.Gateway}}{{end}}", "web"
    )
    done = rootless.docker("logs", "web")
    log = done.stdout + done.stderr
    assert gateway in log
    assert "127.0.0.1" not in log
