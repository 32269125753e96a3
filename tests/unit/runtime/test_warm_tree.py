"""Which containers can have /proc, /sys and /dev made ahead."""

from __future__ import annotations

import pytest

from baleen.linux.record import replace
from baleen.runtime.default_spec import default_spec
from baleen.runtime.spec import parse_spec
from baleen.runtime.warm_tree import tree_plan


def spec(change=lambda document: None):
    document = default_spec(args=("true",))
    change(document)
    return parse_spec(document)


def bind(destination, *options):
    return {"destination": destination, "type": "bind", "source": "/x", "options": list(options)}


def with_mount(mount):
    return lambda document: document["mounts"].append(mount)


def without_mount(destination):
    def change(document):
        document["mounts"] = [
            mount for mount in document["mounts"] if mount["destination"] != destination
        ]

    return change


def with_option(destination, option):
    def change(document):
        (mount,) = [one for one in document["mounts"] if one["destination"] == destination]
        mount["options"].append(option)

    return change


def test_a_plain_one_has_all_of_them():
    plain = spec()
    plan = tree_plan(plain, has_group=True)
    assert plan.mounts == plain.mounts
    assert plan.masked == plain.masked_paths
    assert plan.readonly == plain.readonly_paths


def test_what_depends_on_the_group_is_left_to_the_start():
    plan = tree_plan(spec(), has_group=False)
    assert [mount.destination for mount in plan.mounts if mount.type == "cgroup"] == []
    assert len(plan.mounts) == len(spec().mounts) - 1


@pytest.mark.parametrize(
    "change",
    [
        with_mount(bind("/data")),
        with_mount(bind("/etc/hosts", "ro")),
        with_mount({"destination": "/run", "type": "tmpfs", "source": "tmpfs"}),
        without_mount("/dev/mqueue"),
        lambda document: document.update(hostname="other"),
        lambda document: document["root"].update(readonly=True),
    ],
    ids=["a volume", "a file", "a tmpfs", "no queues", "another name", "a read-only root"],
)
def test_it_fits_whatever_does_not_lie_in_the_three(change):
    plan = tree_plan(spec(change), has_group=True)
    assert plan is not None
    assert not [mount for mount in plan.mounts if mount.type == "bind"]


def test_shared_memory_of_another_container_lies_in_the_free_place():
    def change(document):
        without_mount("/dev/shm")(document)
        with_mount(bind("/dev/shm", "rbind"))(document)

    plan = tree_plan(spec(change), has_group=True)
    assert "/dev/shm" not in [mount.destination for mount in plan.mounts]


@pytest.mark.parametrize(
    "change",
    [
        with_mount(bind("/dev/zero")),
        with_mount(bind("/dev")),
        with_mount(bind("/sys/kernel")),
        with_mount(bind("/proc/cpuinfo")),
        with_mount({"destination": "/dev", "type": "tmpfs", "source": "tmpfs"}),
        without_mount("/sys"),
        without_mount("/proc"),
        with_option("/sys", "rshared"),
        with_option("/dev", "remount"),
        lambda document: document["linux"]["maskedPaths"].append("/etc/secret"),
        lambda document: document["linux"]["readonlyPaths"].append("/dev/shm"),
        lambda document: document["linux"].update(
            devices=[{"path": "/opt/null", "type": "c", "major": 1, "minor": 3}]
        ),
        lambda document: document["linux"].update(
            devices=[{"path": "/dev/shm/null", "type": "c", "major": 1, "minor": 3}]
        ),
    ],
    ids=[
        "over a node", "over /dev", "in /sys", "in /proc", "two /dev", "no /sys", "no /proc",
        "propagation", "remount", "a mask elsewhere", "a read-only place in /dev",
        "a device elsewhere", "a device in shared memory",
    ],
)  # fmt: skip
def test_those_that_cannot(change):
    assert tree_plan(spec(change), has_group=True) is None


def test_a_label_is_one_of_the_mounts():
    assert tree_plan(replace(spec(), mount_label="a:b:c:s0"), has_group=True) is None


def test_a_mask_over_the_group_needs_it_mounted():
    def change(document):
        document["linux"]["maskedPaths"].append("/sys/fs")

    assert tree_plan(spec(change), has_group=True) is not None
    assert tree_plan(spec(change), has_group=False) is None
