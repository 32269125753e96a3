"""Dockerfile instructions change a config as the reference says."""

import pytest

from baleen.errors import InvalidArgument
from baleen.images.changes import apply_changes
from baleen.oci.image import ExecutionConfig

BASE = ExecutionConfig(
    env=["A=1", "PATH=/bin"], labels={"l": "1"}, working_dir="/w", shell=["/bin/ash", "-c"]
)


@pytest.mark.parametrize(
    ("change", "field", "value"),
    [
        ('CMD ["a", "b c"]', "cmd", ["a", "b c"]),
        ("cmd a b", "cmd", ["/bin/ash", "-c", "a b"]),
        ("CMD [a", "cmd", ["/bin/ash", "-c", "[a"]),
        ('ENTRYPOINT ["/x"]', "entrypoint", ["/x"]),
        ("ENV A=2 B='x y' C=", "env", ["A=2", "PATH=/bin", "B=x y", "C="]),
        ("ENV A x  y", "env", ["A=x  y", "PATH=/bin"]),
        ("EXPOSE 80 53/udp 1-3", "exposed_ports",
         {p: {} for p in ("80/tcp", "53/udp", "1/tcp", "2/tcp", "3/tcp")}),
        ('LABEL a=b "c d"="e f"', "labels", None),
        ("LABEL a=b c='e f'", "labels", {"l": "1", "a": "b", "c": "e f"}),
        ("USER 1000:1000", "user", "1000:1000"),
        ("WORKDIR sub/../x", "working_dir", "/w/x"),
        ("WORKDIR /../..", "working_dir", "/"),
        ("VOLUME /a /b", "volumes", {"/a": {}, "/b": {}}),
        ('VOLUME ["/a b"]', "volumes", {"/a b": {}}),
        ("STOPSIGNAL SIGQUIT", "stop_signal", "SIGQUIT"),
        ("ONBUILD RUN x", "on_build", ["RUN x"]),
    ],
)  # fmt: skip
def test_instructions(change, field, value):
    if value is None:
        with pytest.raises(InvalidArgument):
            apply_changes(BASE, [change])
        return
    assert getattr(apply_changes(BASE, [change]), field) == value


def test_health_checks():
    def test_of(change):
        return apply_changes(BASE, [change]).healthcheck.test

    assert test_of("HEALTHCHECK NONE") == ["NONE"]
    assert test_of("HEALTHCHECK CMD a b") == ["CMD-SHELL", "a b"]
    assert test_of('HEALTHCHECK CMD ["a"]') == ["CMD", "a"]


def test_several_lines_and_comments():
    config = apply_changes(BASE, ["# x\nUSER a\n\n  USER b", "USER c"])
    assert config.user == "c"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("FROM x", "^FROM is not a valid change command$"),
        ("run x", "^RUN is not a valid change command$"),
        ("CMD", "requires at least one argument"),
        ("ENV A", "can't find ="),
        ("ENV A=1 B", "can't find ="),
        ("LABEL a", "can't find ="),
        ("ENV A='x", "quoting"),
        ("EXPOSE 0", "invalid containerPort: 0"),
        ("EXPOSE 70000", "invalid containerPort"),
        ("EXPOSE 1_0", "invalid containerPort"),
        ("EXPOSE 5-3", "invalid containerPort"),
        ("EXPOSE ٣", "invalid containerPort"),
        ("EXPOSE 80/x", "invalid containerPort"),
        ('VOLUME [""]', "empty string"),
        ("HEALTHCHECK foo", "HEALTHCHECK"),
        ("ENV A=" + "x" * 70_000, "too long"),
    ],
)
def test_bad_instructions_are_refused(change, message):
    with pytest.raises(InvalidArgument, match=message):
        apply_changes(BASE, [change])
