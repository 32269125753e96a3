import json
import os
import time

import pytest

from baleen.linux import capabilities
from baleen.linux.process import set_keep_capabilities

pytestmark = pytest.mark.integration

DEFAULT = 0xA80425FB


def sets_after(change) -> dict[str, str]:
    """Runs `change` in a forked child and returns the Cap lines of its status."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            try:
                change()
                with open("/proc/thread-self/status") as status:
                    answer = dict(line.split(":\t") for line in status if line.startswith("Cap"))
            except BaseException as error:  # shown by the parent
                answer = {"error": repr(error)}
            os.write(writer, json.dumps(answer).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with open(reader) as stream:
        text = stream.read()
    os.waitpid(pid, 0)
    return {name: value.strip() for name, value in json.loads(text).items()}


def test_a_root_process_gets_exactly_the_default_sets():
    found = sets_after(lambda: capabilities.apply(DEFAULT, DEFAULT, DEFAULT, 0, 0))
    wanted = f"{DEFAULT:016x}"
    assert found == {
        "CapInh": f"{0:016x}",
        "CapPrm": wanted,
        "CapEff": wanted,
        "CapBnd": wanted,
        "CapAmb": f"{0:016x}",
    }


def test_another_user_keeps_the_ambient_set_and_a_smaller_bounding_set():
    net = capabilities.parse_mask(["CAP_NET_BIND_SERVICE", "CAP_NET_RAW"])

    def change():
        set_keep_capabilities(keep=True)
        os.setresgid(1000, 1000, 1000)
        os.setresuid(1000, 1000, 1000)
        capabilities.apply(DEFAULT, net, net, net, net)

    found = sets_after(change)
    assert found["CapBnd"] == f"{DEFAULT:016x}"
    assert {found[name] for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == {f"{net:016x}"}


def test_everything_can_be_dropped():
    found = sets_after(lambda: capabilities.apply(0, 0, 0, 0, 0))
    assert set(found.values()) == {f"{0:016x}"}


def test_nothing_left_to_drop_needs_no_privilege():
    def change():
        capabilities.apply(0, 0, 0, 0, 0)
        capabilities.apply(0, 0, 0, 0, 0)

    assert set(sets_after(change).values()) == {f"{0:016x}"}


def test_applying_takes_less_than_5_ms():
    def change():
        begin = time.perf_counter()
        capabilities.apply(DEFAULT, DEFAULT, DEFAULT, 0, 0)
        if time.perf_counter() - begin > 0.005:
            raise TimeoutError

    # The best of five: another process, or a virtual machine's host, may have had the processor.
    assert any("error" not in sets_after(change) for _ in range(5))
