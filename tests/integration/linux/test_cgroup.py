"""The contract of cgroup drivers, run by each driver that this host can offer.

A hybrid host runs it twice: once with v1 and once with the v2 driver on the unified hierarchy,
which has no controllers there but members, killing, freezing and device filters.
"""

import os
import secrets
import select
import signal
import time
from contextlib import suppress

import pytest

from baleen.linux.cgroup import CgroupError, LimitRefused, detect
from baleen.linux.cgroup.v2 import V2Driver

pytestmark = pytest.mark.integration

MIB = 1 << 20
DENY_ALL = {"allow": False, "access": "rwm"}
NULL = {"allow": True, "type": "c", "major": 1, "minor": 3, "access": "rwm"}


def drivers():
    found = detect()
    unified = getattr(found, "unified", None)
    return [found, *([V2Driver(unified)] if unified else [])]


@pytest.fixture(params=drivers(), ids=lambda driver: type(driver).__name__)
def driver(request):
    return request.param


@pytest.fixture
def native():
    """The driver that has the host's controllers."""
    return detect()


@pytest.fixture
def path():
    return f"/baleen-cgroup-test/{secrets.token_hex(8)}"


CHILDREN: list[int] = []


@pytest.fixture(autouse=True)
def nothing_left(path):
    yield
    while CHILDREN:
        # A failed test leaves its children; those of a good one are gone.
        with suppress(ProcessLookupError, ChildProcessError):
            if os.waitpid(CHILDREN[-1], os.WNOHANG) == (0, 0):
                os.kill(CHILDREN[-1], signal.SIGKILL)
                os.waitpid(CHILDREN[-1], 0)
        CHILDREN.pop()
    leftovers = []
    for driver in drivers():
        mounts = getattr(driver, "mounts", None) or (driver.mount,)
        for mount in mounts:
            if os.path.exists(mount + path):
                leftovers.append(mount + path)
                driver.open(path).kill()
                driver.open(path).remove()
            if os.path.isdir(mount + "/baleen-cgroup-test"):
                os.rmdir(mount + "/baleen-cgroup-test")
    assert leftovers == []


def child(code=lambda: None, gate: int | None = None) -> int:
    """Forks a process that waits for the gate to close (or for ever), runs `code` and exits."""
    pid = os.fork()
    if pid:
        CHILDREN.append(pid)
        return pid
    status = 99
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if gate is None:
            while True:
                signal.pause()
        os.read(gate, 1)
        status = code() or 0
    except BaseException:  # the parent sees the status
        status = 98
    finally:
        os._exit(status)


def run_inside(group, code) -> int:
    """Runs `code` in a child inside the group; its exit code, or minus the signal."""
    reader, writer = os.pipe()
    pid = child(code, reader)
    group.add(pid)
    os.write(writer, b"x")
    os.close(reader)
    os.close(writer)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_a_group_is_made_filled_killed_and_removed(driver, path):
    group = driver.create(path, {})
    pids = [child() for _ in range(3)]
    for pid in pids:
        group.add(pid)
    assert sorted(group.pids()) == sorted(pids)
    assert driver.open(path).pids() != []
    group.kill()
    assert group.pids() == []
    for pid in pids:
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
    group.remove()
    group.remove()
    group.kill()
    group.thaw()
    assert group.pids() == []
    assert group.oom_events() == 0
    assert group.oom_watch() is None


def test_a_process_is_in_the_group_of_every_hierarchy(driver, path):
    group = driver.create(path, {})
    pid = child()
    group.add(pid)
    with open(f"/proc/{pid}/cgroup") as text:
        places = {line.split(":", 2)[1]: line.strip().split(":", 2)[2] for line in text}
    expected = {""} if driver.version == 2 else set(places)
    assert {name for name, place in places.items() if place == path} == expected
    group.kill()
    os.waitpid(pid, 0)
    group.remove()


def test_a_tree_with_groups_below_is_killed_and_removed(driver, path):
    group = driver.create(path, {})
    # As a container would make them: no controller is passed on, so both may hold processes.
    for directory in getattr(group, "directories", None) or (group.directory,):
        os.makedirs(directory + "/below/deeper")
    below = driver.open(path + "/below/deeper")
    pids = [child(), child()]
    group.add(pids[0])
    below.add(pids[1])
    assert sorted(group.pids()) == sorted(pids)
    group.kill()
    for pid in pids:
        os.waitpid(pid, 0)
    group.remove()


def test_a_process_that_forks_without_end_is_killed(driver, path):
    group = driver.create(path, {"pids": {"limit": 50}} if "pids" in driver.controllers else {})

    def breed():
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        end = time.monotonic() + 20
        while time.monotonic() < end:
            try:
                if os.fork() == 0 and len(os.listdir("/proc/self/task")) > 1:
                    break
            except BlockingIOError:
                os.sched_yield()

    reader, writer = os.pipe()
    pid = child(breed, reader)
    group.add(pid)
    os.write(writer, b"x")
    deadline = time.monotonic() + 10
    while len(group.pids()) < 20:
        assert time.monotonic() < deadline
        os.sched_yield()
    group.kill()
    assert group.pids() == []
    os.waitpid(pid, 0)
    os.close(reader)
    os.close(writer)
    group.remove()


def test_frozen_processes_stop_go_on_and_can_be_killed(driver, path):
    group = driver.create(path, {})
    reader, writer = os.pipe()

    def chatter():
        while True:
            os.write(writer, b"x")

    pid = child(chatter, gate := os.open("/dev/null", os.O_RDONLY))
    os.close(gate)
    group.add(pid)
    os.read(reader, 1)
    group.freeze()
    while select.select([reader], [], [], 0)[0]:
        os.read(reader, 1 << 20)
    assert select.select([reader], [], [], 0.05)[0] == []
    group.thaw()
    assert select.select([reader], [], [], 5)[0] == [reader]
    group.freeze()
    group.kill()
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
    os.close(reader)
    os.close(writer)
    group.remove()


def test_removal_waits_a_bounded_time_for_processes(driver, path):
    group = driver.create(path, {})
    pid = child()
    group.add(pid)
    with pytest.raises(CgroupError, match="cannot remove the cgroup"):
        group.remove(timeout_s=0.05)
    group.kill()
    os.waitpid(pid, 0)
    group.remove()


def test_a_leftover_group_is_made_anew_but_one_in_use_is_not_touched(driver, path):
    group = driver.create(path, {})
    driver.create(path, {})
    pid = child()
    group.add(pid)
    with pytest.raises(CgroupError, match="cannot create the cgroup"):
        driver.create(path, {})
    assert group.pids() == [pid]
    group.kill()
    os.waitpid(pid, 0)
    group.remove()


def test_a_refused_limit_leaves_no_group(driver, path):
    with pytest.raises(LimitRefused):
        driver.create(path, {"memory": {"limit": 2**70}})
    with pytest.raises(LimitRefused):
        driver.create(path, {"hugepageLimits": [{"pageSize": "3MB", "limit": 0}]})
    for mount in getattr(driver, "mounts", None) or (driver.mount,):
        assert not os.path.exists(mount + path)


def test_a_path_that_leads_elsewhere_is_refused(driver):
    for bad in ("/a/../b", "relative", "/"):
        with pytest.raises(CgroupError, match=r"absolute and plain|slice:prefix:name"):
            driver.create(bad, {})
        with pytest.raises(CgroupError, match=r"absolute and plain|slice:prefix:name"):
            driver.open(bad)


def test_a_missing_process_cannot_be_added(driver, path):
    group = driver.create(path, {})
    pid = child(gate=os.open("/dev/null", os.O_RDONLY))
    os.waitpid(pid, 0)
    with pytest.raises(CgroupError, match="cannot move process") as caught:
        group.add(pid)
    assert caught.value.errno == 3
    group.remove()


def enabled(group, *controllers):
    """Passes controllers on to the groups below, as an init system in a container does."""
    with open(group.directory + "/cgroup.subtree_control", "w") as file:
        file.write(" ".join(f"+{controller}" for controller in controllers))


def only_on_v2(driver):
    if driver.version != 2:
        pytest.skip("v1 lets a group hold processes and groups")


def test_who_is_added_to_a_group_that_passes_controllers_on_is_put_beside_its_first_process(
    native, path
):
    only_on_v2(native)
    group = native.create(path, {})
    first, second = child(), child()
    group.add(first)
    for below, pid in (("/init", first), ("/other", second)):
        os.mkdir(group.directory + below)
        native.open(path + below).add(pid)
    enabled(group, "memory", "pids")
    third = child()
    group.add(third)
    with open(f"/proc/{third}/cgroup") as text:
        assert text.read().strip() == f"0::{path}/init"
    assert group.member_files == (f"{group.directory}/init/cgroup.procs",)
    assert run_inside(group, lambda: 5) == 5
    group.kill()
    assert group.member_files == (f"{group.directory}/cgroup.procs",)
    group.remove()
    assert group.member_files == (f"{group.directory}/cgroup.procs",)


def test_a_group_that_passed_controllers_on_takes_another_first_process(native, path):
    only_on_v2(native)
    group = native.create(path, {})
    os.makedirs(group.directory + "/init/deeper")
    enabled(group, "memory", "pids")
    assert run_inside(group, lambda: 5) == 5
    assert not os.path.exists(group.directory + "/init")
    group.remove()


def test_limits_hold_below_a_parent_that_somebody_else_has_made(native, path):
    for mount in getattr(native, "mounts", None) or (native.mount,):
        os.makedirs(mount + os.path.dirname(path), exist_ok=True)
    group = native.create(path, {"memory": {"limit": 32 * MIB}, "pids": {"limit": 7}})
    stats = group.stats()
    assert (stats.memory.limit, stats.pids_limit) == (32 * MIB, 7)
    group.remove()


def test_a_parent_that_holds_processes_is_refused_and_nothing_is_left(native, path):
    only_on_v2(native)
    parent = native.create(path, {})
    pid = child()
    parent.add(pid)
    with pytest.raises(CgroupError, match="it holds processes") as caught:
        native.create(path + "/below", {"memory": {"limit": 32 * MIB}})
    assert "choose another parent" in caught.value.hint
    assert not os.path.exists(parent.directory + "/below")
    parent.kill()
    os.waitpid(pid, 0)
    parent.remove()


def test_a_limit_of_swap_needs_no_more_than_the_driver_says(native, path):
    swap = 64 * MIB if native.limits_swap else -1
    group = native.create(path, {"memory": {"limit": 32 * MIB, "swap": swap}})
    assert group.stats().memory.limit == 32 * MIB
    group.remove()


def try_open(device: str, flags: int) -> int:
    try:
        os.close(os.open(device, flags))
    except PermissionError:
        return 1
    return 0


def test_devices_are_denied_except_the_listed(driver, path):
    group = driver.create(path, {"devices": [DENY_ALL, NULL]})
    assert run_inside(group, lambda: try_open("/dev/null", os.O_RDWR)) == 0
    assert run_inside(group, lambda: try_open("/dev/zero", os.O_RDONLY)) == 1
    read_only_zero = {"allow": True, "type": "c", "major": 1, "minor": 5, "access": "r"}
    group.update({"devices": [DENY_ALL, read_only_zero]})
    assert run_inside(group, lambda: try_open("/dev/null", os.O_RDWR)) == 1
    assert run_inside(group, lambda: try_open("/dev/zero", os.O_RDONLY)) == 0
    assert run_inside(group, lambda: try_open("/dev/zero", os.O_WRONLY)) == 1
    assert run_inside(group, lambda: try_open("/dev/zero", os.O_RDWR)) == 1
    group.remove()


def test_all_devices_except_a_denied_one(driver, path):
    group = driver.create(
        path, {"devices": [{"allow": True, "type": "a"}, {**NULL, "allow": False, "access": "w"}]}
    )
    assert run_inside(group, lambda: try_open("/dev/null", os.O_RDONLY)) == 0
    assert run_inside(group, lambda: try_open("/dev/null", os.O_RDWR)) == 1
    assert run_inside(group, lambda: try_open("/dev/zero", os.O_RDWR)) == 0
    group.remove()


def test_making_nodes_is_another_access_than_opening(driver, path, tmp_path):
    anything = {"allow": True, "type": "c", "access": "m"}
    group = driver.create(path, {"devices": [DENY_ALL, anything]})
    node = str(tmp_path / "node")

    def make():
        os.mknod(node, 0o020600, os.makedev(1, 5))
        return try_open(node, os.O_RDONLY)

    assert run_inside(group, make) == 1
    group.update({"devices": [DENY_ALL, {**anything, "type": "b"}]})
    node += "2"

    def refused():
        try:
            os.mknod(node, 0o020600, os.makedev(1, 5))
        except PermissionError:
            return 1
        return 0

    assert run_inside(group, refused) == 1
    group.remove()


def test_the_limit_of_processes_holds(native, path):
    group = native.create(path, {"pids": {"limit": 3}})

    def fork_many():
        made = 0
        try:
            for _ in range(10):
                if os.fork() == 0:
                    signal.pause()
                made += 1
        except BlockingIOError:
            return made
        return 90

    assert run_inside(group, fork_many) == 2
    stats = group.stats()
    assert (stats.pids_current, stats.pids_limit) == (2, 3)
    group.update({"pids": {"limit": -1}})
    assert group.stats().pids_limit is None
    group.kill()
    group.remove()


def test_memory_beyond_the_limit_kills_and_is_reported(native, path):
    group = native.create(path, {"memory": {"limit": 32 * MIB, "swap": 32 * MIB}})
    assert group.stats().memory.limit == 32 * MIB
    watch = group.oom_watch()
    poller = select.poll()
    poller.register(watch.fd, watch.poll_events)
    assert watch.count() == 0
    assert poller.poll(0) == []

    def eat():
        block = bytearray(96 * MIB)
        block[::4096] = b"x" * len(range(0, len(block), 4096))
        return 3

    assert run_inside(group, eat) == -signal.SIGKILL
    assert poller.poll(5000) != []
    deadline = time.monotonic() + 5
    while watch.count() == 0:
        assert time.monotonic() < deadline
    assert watch.count() == group.oom_events() == 1
    stats = group.stats()
    assert stats.memory.oom_kills == 1
    watch.close()
    watch.close()
    group.remove()


def test_memory_limits_can_be_widened_and_narrowed(native, path):
    group = native.create(path, {"memory": {"limit": 64 * MIB, "swap": 64 * MIB}})
    for limit, swap in ((128, 256), (32, 32), (512, 512), (40, 80)):
        group.update({"memory": {"limit": limit * MIB, "swap": swap * MIB}})
        assert group.stats().memory.limit == limit * MIB
    group.update({"memory": {"limit": -1, "swap": -1}})
    assert group.stats().memory.limit is None
    group.remove()


def test_processor_quota_throttles_and_time_is_counted(native, path):
    group = native.create(path, {"cpu": {"quota": 5000, "period": 50000, "shares": 512}})

    def spin():
        end = time.monotonic() + 0.4
        while time.monotonic() < end:
            pass

    assert run_inside(group, spin) == 0
    cpu = group.stats().cpu
    assert cpu.throttled_periods >= 2
    assert cpu.periods >= cpu.throttled_periods
    assert cpu.throttled_ns > 50_000_000
    assert 10_000_000 < cpu.usage_ns < 250_000_000
    assert cpu.user_ns > 0
    group.update({"cpu": {"period": 100000, "quota": -1}})
    group.update({"cpu": {"period": 20000, "quota": 10000}})
    group.remove()


def test_the_set_of_cpus_holds_and_is_inherited(native, path):
    group = native.create(path, {"cpu": {"cpus": "0"}})
    assert run_inside(group, lambda: 0 if os.sched_getaffinity(0) == {0} else 1) == 0
    # From here on no process may be in the group itself on v2: it passes controllers on.
    inheriting = native.create(path + "/below", {})
    assert run_inside(inheriting, lambda: 0 if os.sched_getaffinity(0) == {0} else 1) == 0
    with pytest.raises(LimitRefused, match=r"cpuset\.cpus"):
        group.update({"cpu": {"cpus": "0-8000"}})
    with pytest.raises(LimitRefused, match=r"cpuset\.cpus"):
        group.update({"cpu": {"cpus": "0-1e9"}})
    group.remove()


def test_limits_of_missing_controllers_are_refused_with_their_name(native, path):
    group = native.create(path, {})
    wanted = {
        "hugetlb": {"hugepageLimits": [{"pageSize": "2MB", "limit": 0}]},
        "rdma": {"rdma": {"mlx5_1": {"hcaHandles": 3}}},
        "net_cls": {"network": {"classID": 5}},
        "net_prio": {"network": {"priorities": [{"name": "eth0", "priority": 5}]}},
    }
    for controller, resources in wanted.items():
        if controller not in native.controllers:
            with pytest.raises(LimitRefused):
                group.update(resources)
    group.remove()


def test_statistics_of_a_removed_group_are_an_error_or_nothing(driver, path):
    group = driver.create(path, {})
    assert group.stats().version == driver.version
    group.remove()
    with pytest.raises(CgroupError, match="cannot read the cgroup"):
        group.stats()


def test_making_and_removing_are_fast(driver, path):
    rules = [DENY_ALL, *({**NULL, "minor": minor} for minor in (3, 5, 7, 8, 9))]
    driver.create(path + "-warm", {"devices": rules}).remove()
    best = 1.0
    for _ in range(5):
        begin = time.perf_counter()
        group = driver.create(path, {"devices": rules})
        best = min(best, time.perf_counter() - begin)
        group.remove()
    assert best < 0.01


@pytest.mark.parametrize(
    ("resources", "text"),
    [
        ({"memory": {"useHierarchy": False}}, "always counts hierarchically"),
        ({"blockIO": {"leafWeight": 10}}, "leaf_weight|leaves"),
        ({"memory": {"kernel": MIB}}, "memory.kmem.limit_in_bytes|memory.kernel needs"),
    ],
)
def test_what_this_kernel_lost_is_refused_and_nothing_is_left(native, path, resources, text):
    with pytest.raises(LimitRefused, match=text):
        native.create(path, resources)
    assert not any(os.path.exists(directory) for directory in _directories(native, path))


def test_a_rule_without_a_type_opens_its_numbers_and_nothing_else(native, path):
    rule = {"allow": True, "major": 10, "minor": 200, "access": "rw"}
    group = native.create(path, {"devices": [DENY_ALL, rule]})
    try:
        if native.version == 1:
            with open(f"{native.by_controller['devices']}{path}/devices.list") as file:
                assert sorted(file.read().splitlines()) == ["b 10:200 rw", "c 10:200 rw"]
    finally:
        group.remove()


def _directories(driver, path):
    mounts = driver.mounts if driver.version == 1 else [driver.mount]
    return [mount + path for mount in mounts]


# -- groups made ahead ----------------------------------------------------------------------------


def test_a_group_made_ahead_becomes_another_with_limits(native, path):
    ahead = native.create_ahead(path + "-ahead")
    if ahead is None:
        assert native.version == 2
        return
    pid = child()
    ahead.add(pid)
    group = native.rename(ahead, path, {"pids": {"limit": 5}})
    assert native.below("/baleen-cgroup-test") == [path]
    assert group.pids() == [pid]
    assert group.stats().pids_limit == 5
    group.join_rest(pid)
    with open(f"/proc/{pid}/cgroup") as file:
        assert {line.strip().split(":", 2)[2] for line in file} == {path}
    group.kill()
    os.waitpid(pid, 0)
    group.join_rest(pid)  # it has ended
    group.remove()
    assert native.below("/baleen-cgroup-test") == []


def test_a_group_whose_limits_are_refused_keeps_its_name(native, path):
    ahead = native.create_ahead(path + "-ahead")
    if ahead is None:
        assert native.version == 2
        return
    with pytest.raises(LimitRefused):
        native.rename(ahead, path, {"cpu": {"cpus": "99999"}})
    assert native.below("/baleen-cgroup-test") == [path + "-ahead"]
    native.open(path + "-ahead").remove()
