import errno
import os

import pytest

from baleen.linux import namespaces as ns
from baleen.linux.fd import Fd


def test_joining_by_a_descriptor_of_something_else_is_refused():
    fd = os.open(os.devnull, os.O_RDONLY)
    with pytest.raises(OSError, match=r".") as caught:
        ns.setns(fd, ns.CLONE_NEWUTS)
    os.close(fd)
    assert caught.value.errno in (errno.EINVAL, errno.EPERM)
    assert caught.value.__notes__ == ["setns"]


def test_flags_that_do_not_exist_are_refused():
    with pytest.raises(OSError, match=r".") as caught:
        ns.unshare(1)
    assert caught.value.errno == errno.EINVAL


def test_a_name_that_is_too_long_is_refused():
    for call in (ns.sethostname, ns.setdomainname):
        with pytest.raises(OSError, match=r".") as caught:
            call("x" * 100)
        assert caught.value.errno in (errno.EINVAL, errno.EPERM)


def test_a_sibling_is_our_childs_sibling():
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        pid = ns.clone_sibling()
        if pid == 0:
            os._exit(7)
        os.write(writer, str(pid).encode())
        os._exit(0)
    os.waitpid(child, 0)
    sibling = int(os.read(reader, 20))
    os.close(reader)
    os.close(writer)
    pid, status = os.waitpid(sibling, 0)
    assert (pid, os.waitstatus_to_exitcode(status)) == (sibling, 7)


def test_namespaces_belong_to_the_user_namespace_that_they_were_made_in():
    with Fd(os.open("/proc/self/ns/net", os.O_RDONLY)) as net, ns.owner_of(net.fileno()) as us:
        own = os.stat("/proc/self/ns/user")
        assert os.path.samestat(os.fstat(us.fileno()), own)
        assert not os.get_inheritable(us.fileno())
    with open("/dev/null", "rb") as other, pytest.raises(OSError, match="Inappropriate ioctl"):
        ns.owner_of(other.fileno())
