"""The modules as one: choices. What the kernel makes of them is in tests/integration/engine."""

from __future__ import annotations

import pytest

from baleen.api import ContainerConfig, HostConfig, MountPoint
from baleen.containers.record import ContainerRecord
from baleen.engine.apparmor import AppArmor
from baleen.engine.security_modules import Labels, SecurityModules
from baleen.errors import FailedPrecondition, InvalidArgument
from baleen.linux.lsm import selinux_is_enabled

CONTEXTS = {
    "process": "system_u:system_r:container_t:s0",
    "file": "system_u:object_r:container_file_t:s0",
}


def modules(in_use=(), *, selinux=False, apparmor=False, contexts=None):
    made = SecurityModules(
        selinux_wanted=selinux,
        labels_in_use=lambda: in_use,
        apparmor=AppArmor(is_enabled=apparmor),
    )
    if contexts is not None:
        made.has_selinux, made._contexts = True, contexts
    return made


@pytest.mark.parametrize("is_enabled", [False, True])
def test_apparmor_is_used_where_it_can_be(is_enabled):
    found = modules(apparmor=is_enabled)
    assert found.has_apparmor is is_enabled
    assert found.apparmor_profile(HostConfig()) == ("docker-default" if is_enabled else "")


@pytest.mark.skipif(selinux_is_enabled(), reason="SELinux is at work here")
def test_selinux_that_is_wanted_and_not_there_is_warned_of(tmp_path):
    found = modules(selinux=True)
    found.start(tmp_path)
    assert found.warnings == ["WARNING: SELinux could not be enabled: this host has it not"]
    # And what is asked of it has no effect, whatever it is.
    assert found.labels(HostConfig(security_opt=["label=nonsense"])) == Labels()


def test_a_policy_without_containers_is_warned_of(tmp_path):
    found = modules(selinux=True, contexts={"process": "u:r:t"})
    found.start(tmp_path)
    assert "lxc_contexts" in found.warnings[0]
    assert found.labels(HostConfig()) == Labels()


def test_processes_and_files_of_a_container_share_a_level():
    labels = modules(contexts=CONTEXTS).labels(HostConfig())
    level = labels.process.removeprefix("system_u:system_r:container_t:")
    assert level.startswith("s0:c")
    assert labels.mount == f"system_u:object_r:container_file_t:{level}"


def test_labels_have_no_effect_once_selinux_is_gone():
    record = ContainerRecord(
        id="0", name="x", created="", path="", image_id="", config=ContainerConfig(),
        host_config=HostConfig(), process_label="u:r:t", mount_label="u:o:f",
    )  # fmt: skip
    assert modules(contexts=CONTEXTS).in_force(record) == Labels("u:r:t", "u:o:f")
    assert modules().in_force(record) == Labels()


def test_no_two_containers_have_the_same_level():
    """With all levels but one in use, that one is found."""
    free = "s0:c17,c400"
    pairs = [(low, high) for low in range(1024) for high in range(low + 1, 1024)]
    levels = [f"s0:c{low},c{high}" for low, high in pairs]
    in_use = [f"u:r:t:{level}" for level in levels if level != free]
    labels = modules(in_use, contexts=CONTEXTS).labels(HostConfig())
    assert labels.process.endswith(f":{free}")


def test_a_policy_without_levels_gives_none():
    contexts = {"process": "u:r:t", "file": "u:o:f"}
    assert modules(contexts=contexts).labels(HostConfig()) == Labels("u:r:t", "u:o:f")


def test_an_unconfined_containers_files_are_nobody_elses():
    labels = modules(contexts=CONTEXTS).labels(HostConfig(security_opt=["label=disable"]))
    assert labels == Labels("", "system_u:object_r:container_file_t:s0:c1022,c1023")


def test_options_are_followed_and_checked():
    found = modules(contexts=CONTEXTS)
    labels = found.labels(HostConfig(security_opt=["label=level:s0:c5"]))
    assert labels.process == "system_u:system_r:container_t:s0:c5"
    with pytest.raises(InvalidArgument, match="Bad label option"):
        found.labels(HostConfig(security_opt=["label=nonsense"]))


@pytest.mark.parametrize("mode", ["", "ro", "z", "Z"])
def test_without_selinux_nothing_is_relabelled(mode):
    point = MountPoint(type="bind", source="/etc", destination="/x", mode=mode)
    modules().relabel_mount(point, "u:r:t")
    modules().label_files(["/etc/hostname"], "u:r:t")
    modules(contexts=CONTEXTS).relabel_mount(point, "")


def test_the_host_is_not_relabelled():
    point = MountPoint(type="bind", source="/etc", destination="/x", mode="ro,z")
    with pytest.raises(InvalidArgument, match="SELinux relabeling of /etc is not allowed"):
        modules(contexts=CONTEXTS).relabel_mount(point, "u:r:t:s0:c1,c2")


def test_when_all_levels_are_in_use_that_is_told():
    pairs = [(low, high) for low in range(1024) for high in range(low + 1, 1024)]
    in_use = [f"u:r:t:s0:c{low},c{high}" for low, high in pairs]
    with pytest.raises(FailedPrecondition, match="all pairs of SELinux categories are in use"):
        modules(in_use, contexts=CONTEXTS).labels(HostConfig())
