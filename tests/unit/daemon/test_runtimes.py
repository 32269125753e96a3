"""What may be registered as a runtime, and how dockerd says that something may not."""

import pytest

from baleen.daemon.runtimes import FileRuntime, add_runtime, check_default, from_file
from baleen.engine.runtimes import RegisteredRuntime
from baleen.errors import InvalidArgument


def test_flags_add_up_with_names_in_lower_case():
    known = add_runtime({}, "Gvisor=/usr/bin/runsc")
    known = add_runtime(known, " other = youki ")
    assert known == {
        "gvisor": RegisteredRuntime("/usr/bin/runsc"),
        "other": RegisteredRuntime("youki"),
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name", "invalid runtime argument: name"),
        ("=path", "invalid runtime argument: =path"),
        ("name=", "invalid runtime argument: name="),
        ("runc=/x", "runtime name 'runc' is reserved"),
        ("RUNC=/x", "runtime name 'runc' is reserved"),
        ("baleen-runtime=/x", "runtime name 'baleen-runtime' is reserved"),
        ("io.containerd.runc.v2=/x", "runtime name 'io.containerd.runc.v2' is reserved"),
        ("known=/x", "runtime 'known' was already defined"),
        ("a/b=/x", "invalid runtime name 'a/b'"),
        ("a=b/c", "runtime a: 'b/c' is neither a name nor absolute"),
    ],
)
def test_flags_that_are_refused(text, message):
    with pytest.raises(InvalidArgument) as caught:
        add_runtime({"known": RegisteredRuntime("/x")}, text)
    assert str(caught.value) == message


def test_the_file_has_arguments_too():
    assert from_file({"a": FileRuntime(path="/x", runtime_args=["--debug", "b c"])}) == {
        "a": RegisteredRuntime("/x", ("--debug", "b c"))
    }


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (FileRuntime(), "runtime a: either a runtimeType or a path must be configured"),
        (FileRuntime(runtime_args=["x"]), "either a runtimeType or a path must be configured"),
        (
            FileRuntime(path="/x", runtime_type="io.containerd.runsc.v1"),
            "runtime a: cannot configure both path and runtimeType for the same runtime",
        ),
        (FileRuntime(path="/x", options={"b": 1}), "options cannot be used with a path runtime"),
        (
            FileRuntime(runtime_type="io.containerd.runsc.v1", runtime_args=["x"]),
            "args cannot be used with a runtimeType runtime",
        ),
        (
            FileRuntime(runtime_type="io.containerd.runsc.v1"),
            (
                "runtime a: runtimeType 'io.containerd.runsc.v1' is not supported: it is a shim of "
                "containerd"
            ),
        ),
        (FileRuntime(path="/x\0y"), "cannot hold a null byte"),
    ],
)
def test_entries_that_are_refused(entry, message):
    with pytest.raises(InvalidArgument) as caught:
        from_file({"a": entry})
    assert message in str(caught.value)


def test_the_default_is_ours_or_registered():
    check_default("runc", {})
    check_default("baleen", {})
    check_default("a", {"a": RegisteredRuntime("/x")})
    with pytest.raises(InvalidArgument, match=r"^specified default runtime 'b' does not exist$"):
        check_default("b", {"a": RegisteredRuntime("/x")})
