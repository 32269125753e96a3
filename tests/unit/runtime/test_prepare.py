import resource

import pytest

from baleen.linux import capabilities
from baleen.linux.record import replace
from baleen.linux.seccomp import SECCOMP_FILTER_FLAG_NEW_LISTENER
from baleen.runtime.failure import LaunchError
from baleen.runtime.prepare import Stdio, _rlimits, prepare
from baleen.runtime.security_labels import SecurityLabels
from baleen.runtime.spec import Capabilities, Process, Rlimit

STDIO = Stdio(0, 1, 2)


def test_arguments_environment_and_path_are_encoded_ahead():
    process = Process(("a", "\udcff"), "/", ("PATH=/x::/y", "A=1", "A=2=3", "B=\udcfe"))
    ready = prepare(process, STDIO, b"filter")
    assert ready.argv == (b"a", b"\xff")
    assert ready.env == {b"PATH": b"/x::/y", b"A": b"2=3", b"B": b"\xfe"}
    assert ready.search == ("/x", "", "/y")
    assert (ready.umask, ready.seccomp) == (0o022, b"filter")


def test_without_path_nothing_is_searched():
    assert prepare(Process(("a",), "/"), STDIO, None).search == ()


def test_a_process_without_a_terminal_needs_streams():
    with pytest.raises(LaunchError):
        prepare(Process(("a",), "/"), None, None)
    assert prepare(Process(("a",), "/", terminal=True), None, None).stdio is None


def test_capabilities_are_what_the_host_has_and_what_is_missing_is_told():
    _, permitted, _ = capabilities.capget()
    everything = (1 << 41) - 1
    wanted = Capabilities(everything, everything, everything, everything, everything)
    ready = prepare(Process(("a",), "/", capabilities=wanted), STDIO, None)
    assert ready.capabilities.bounding == everything & permitted
    assert bool(ready.warnings) == bool(everything & ~permitted)


def test_no_capabilities_object_means_none():
    assert prepare(Process(("a",), "/"), STDIO, None).capabilities == Capabilities()


def test_ambient_is_limited_to_permitted_and_inheritable():
    wanted = Capabilities(bounding=3, effective=3, permitted=1, inheritable=3, ambient=3)
    ready = prepare(Process(("a",), "/", capabilities=wanted), STDIO, None).capabilities
    assert ready.ambient & ~1 == 0
    assert ready.effective & ~1 == 0


def test_limits_above_what_may_be_raised_are_lowered_with_a_warning():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    asked = (Rlimit("RLIMIT_NOFILE", resource.RLIMIT_NOFILE, hard + 5, hard + 10),)
    warnings = []
    assert _rlimits(asked, 0, warnings) == ((resource.RLIMIT_NOFILE, hard, hard),)
    assert "CAP_SYS_RESOURCE" in warnings[0]
    warnings = []
    every = (1 << 41) - 1
    assert _rlimits(asked, every, warnings) == ((resource.RLIMIT_NOFILE, hard + 5, hard + 10),)
    assert warnings == []


def test_an_init_is_executed_with_all_rights_taken_where_labels_or_a_listener_need_it():
    plain = prepare(Process(("a",), "/"), STDIO, None)
    assert not plain.is_ready_before_init
    labels = SecurityLabels("mine")
    assert prepare(Process(("a",), "/", labels=labels), STDIO, None).is_ready_before_init
    flags = plain.seccomp_flags | SECCOMP_FILTER_FLAG_NEW_LISTENER
    assert replace(plain, seccomp_flags=flags).is_ready_before_init
