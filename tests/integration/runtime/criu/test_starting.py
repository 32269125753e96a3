import os

import pytest

from baleen.linux.namespaces import CLONE_NEWNET, setns
from baleen.runtime.criu.starting import new_network_namespace

pytestmark = pytest.mark.integration


def test_a_new_network_namespace_is_empty_and_nobody_is_in_it():
    if os.geteuid() != 0:
        pytest.skip("needs root: the namespace is real")
    with new_network_namespace() as netns:
        assert os.fstat(netns.fileno()).st_ino != os.stat("/proc/self/ns/net").st_ino
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                setns(netns.fileno(), CLONE_NEWNET)
                with open("/proc/self/net/dev") as file:
                    os.write(writer, file.read().encode())
            finally:
                os._exit(0)
        os.waitpid(pid, 0)
        lines = os.read(reader, 4096).decode().splitlines()[2:]
        assert [line.split(":")[0].strip() for line in lines] == ["lo"]
        os.close(reader)
        os.close(writer)
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
