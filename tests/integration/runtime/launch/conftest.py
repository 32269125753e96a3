"""A busybox root and a way to run commands in it through `runtime.launch`."""

from __future__ import annotations

import contextlib
import copy
import os
import shutil
from dataclasses import dataclass

import pytest

from baleen.linux import mount as m
from baleen.linux.cgroup.detect import detect
from baleen.linux.fd import Fd
from baleen.linux.process import wait_pidfd
from baleen.runtime import launch
from baleen.runtime.default_spec import default_spec
from baleen.runtime.launch import Rootfs
from baleen.runtime.prepare import prepare
from baleen.runtime.spec import parse_process, parse_spec

BUSYBOX = "/bin/busybox"
APPLETS = [
    "cat",
    "chmod",
    "chown",
    "cp",
    "echo",
    "env",
    "false",
    "find",
    "grep",
    "hostname",
    "id",
    "kill",
    "ln",
    "ls",
    "mkdir",
    "mknod",
    "mount",
    "ps",
    "pwd",
    "readlink",
    "rm",
    "seq",
    "setsid",
    "sh",
    "sleep",
    "stat",
    "stty",
    "test",
    "touch",
    "tr",
    "trap",
    "true",
    "tty",
    "umount",
    "wc",
]


def pytest_collection_modifyitems(items):
    for item in items:
        if "integration/runtime/launch" in str(item.path):
            item.add_marker(pytest.mark.integration)


@dataclass
class Result:
    code: int
    out: str
    err: str


class Runner:
    """Runs commands in containers on one overlay root, and undoes all of it at the end."""

    def __init__(self, work, undo):
        self.work = str(work)
        self.root = f"{work}/lower"
        self.driver = detect()
        self.undo = undo
        self.count = 0
        for name in ("lower/bin", "lower/etc", "lower/tmp", "lower/root", "upper", "work"):
            os.makedirs(work / name)
        shutil.copy(BUSYBOX, f"{self.root}/bin/busybox")
        for applet in APPLETS:
            os.symlink("busybox", f"{self.root}/bin/{applet}")

    @property
    def rootfs(self):
        return Rootfs(lower=(self.root,), upper=f"{self.work}/upper", work=f"{self.work}/work")

    def cgroup(self, resources=None):
        self.count += 1
        name = os.path.basename(self.work)
        group = self.driver.create(f"/baleen-test/{name}-{self.count}", resources or {})
        self.undo.callback(group.remove)
        self.undo.callback(group.kill)
        return group

    def document(self, *args, **process):
        document = copy.deepcopy(default_spec(args))
        document["process"].update(process)
        return document

    def create(self, document, *, rootfs=None, stdio=None, **keywords):
        container = launch.create(
            parse_spec(document),
            bundle=self.work,
            rootfs=rootfs or self.rootfs,
            stdio=stdio,
            **keywords,
        )
        self.undo.callback(container.abandon)
        return container

    @contextlib.contextmanager
    def captured(self):
        """(Stdio, function that returns (out, err) once everybody has closed them)."""
        with contextlib.ExitStack() as stack:
            null = stack.enter_context(Fd(os.open(os.devnull, os.O_RDONLY)))
            ends = [os.pipe() for _ in range(2)]
            readers = [stack.enter_context(Fd(reader)) for reader, _ in ends]
            writers = [stack.enter_context(Fd(writer)) for _, writer in ends]

            def finish():
                for writer in writers:
                    writer.close()
                texts = []
                for reader in readers:
                    with open(reader.steal(), "rb") as file:
                        texts.append(os.fsdecode(file.read()))
                return tuple(texts)

            yield launch.Stdio(null.fileno(), *(w.fileno() for w in writers)), finish

    def run_document(self, document, **keywords):
        with self.captured() as (stdio, finish):
            container = self.create(document, stdio=stdio, **keywords)
            container.start()
            out, err = finish()
            return Result(wait_pidfd(container.pidfd.fileno()), out, err)

    def run(self, *args, **process):
        return self.run_document(self.document(*args, **process))

    def sh(self, script, **process):
        return self.run("sh", "-c", script, **process)

    def started(self, *args, document=None, **keywords):
        """A container that runs on, with its output thrown away."""
        null = os.open(os.devnull, os.O_RDWR)
        try:
            container = self.create(
                document or self.document(*(args or ("sleep", "1000"))),
                stdio=launch.Stdio(null, null, null),
                **keywords,
            )
        finally:
            os.close(null)
        container.start()
        return container

    def exec(self, container, *args, document=None, cgroup=None, seccomp_program=None, **process):
        document = document or self.document("true")
        wanted = parse_process(document["process"] | {"args": list(args)} | process)
        with self.captured() as (stdio, finish):
            entered = launch.exec_process(
                container.pidfd,
                launch.namespace_flags(parse_spec(document).namespaces),
                prepare(wanted, stdio, seccomp_program),
                cgroup=cgroup,
            )
            with entered.pidfd:
                out, err = finish()
                return Result(wait_pidfd(entered.pidfd.fileno()), out, err)


def _state(place):
    with open("/proc/self/mountinfo") as file:
        mounts = [line for line in file if str(place) in line]
    return (
        mounts,
        len(os.listdir("/proc/self/fd")),
        os.readlink("/proc/self/ns/pid_for_children"),
        sorted(_children()),
    )


def _children():
    with open(f"/proc/self/task/{os.getpid()}/children") as file:
        return file.read().split()


@pytest.fixture
def runner(tmp_path):
    """Nothing may be left of a test: mounts, descriptors, children, namespaces."""
    before = _state(tmp_path)
    with contextlib.ExitStack() as undo:
        yield Runner(tmp_path, undo)
    assert _state(tmp_path) == before


@pytest.fixture
def private_mounts():
    """Mounts that are gone after the test."""
    made = []

    def make(kind, place, data=None):
        m.mount(kind, str(place), kind, 0, data)
        made.append(str(place))

    yield make
    for place in reversed(made):
        m.umount2(place, m.MNT_DETACH)
