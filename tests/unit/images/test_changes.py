"""Dockerfile instructions change a config as the reference says."""

import pytest

from baleen.errors import InvalidArgument
from baleen.images.changes import apply_changes
from baleen.oci.image import ExecutionConfig, HealthConfig

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
        ("STOPSIGNAL 9", "stop_signal", "9"),
        ("ONBUILD RUN x", "on_build", ["RUN x"]),
        ("ENV PATH=$PATH:/x B='$A'", "env", ["A=1", "PATH=/bin:/x", "B=$A"]),
        ("ENV B ${A}2 \"x\"", "env", ["A=1", "PATH=/bin", "B=12 x"]),
        ("LABEL v=$A", "labels", {"l": "1", "v": "1"}),
        ("EXPOSE $A", "exposed_ports", {"1/tcp": {}}),
        ("WORKDIR \"/$A b\"", "working_dir", "/1 b"),
        ("USER ${NONE:-5}", "user", "5"),
        ('VOLUME ["/$A"]', "volumes", {"/1": {}}),
        ("CMD echo $A", "cmd", ["/bin/ash", "-c", "echo $A"]),
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
    change = "HEALTHCHECK --interval=5s --timeout=1m  --start-period=2s --retries=3 CMD a  b"
    assert apply_changes(BASE, [change]).healthcheck == HealthConfig(
        test=["CMD-SHELL", "a  b"],
        interval=5_000_000_000,
        timeout=60_000_000_000,
        start_period=2_000_000_000,
        retries=3,
    )


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
        ("HEALTHCHECK --interval=5s", "HEALTHCHECK"),
        ("HEALTHCHECK --interval=5s NONE", "HEALTHCHECK"),
        ("HEALTHCHECK --interval=5 CMD a", "missing unit in duration"),
        ("HEALTHCHECK --interval=-5s CMD a", "less than 1ms"),
        ("HEALTHCHECK --timeout=1us CMD a", "less than 1ms"),
        ("HEALTHCHECK --retries=0 CMD a", "--retries"),
        ("HEALTHCHECK --bogus=0 CMD a", "unknown flag: --bogus=0"),
        ("STOPSIGNAL BOGUS", "^invalid signal: BOGUS$"),
        ("ENV A=" + "x" * 70_000, "too long"),
    ],
)
def test_bad_instructions_are_refused(change, message):
    with pytest.raises(InvalidArgument, match=message):
        apply_changes(BASE, [change])
