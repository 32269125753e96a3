import os

from baleen.containers.stats import (
    NEVER,
    Sample,
    SystemTime,
    empty_stats,
    machine_memory,
    network_counters,
    parse_net_dev,
    parse_system_time,
    stats_document,
    system_time,
)
from baleen.linux.cgroup import CgroupStats, CpuStats, IoEntry, MemoryStats

# The headings are shortened; the kernel's have two lines too.
NET_DEV = """\
Inter-|   Receive     |  Transmit
 face |bytes packets errs drop fifo frame compressed multicast|bytes packets errs drop
    lo:     100       1    0    0    0     0  0  0      100       1    0    0    0  0  0  0
  eth0:    5338      36    1    2    0     0  0  0      648       8    3    4    0  0  0  0
eth1:12345678901       9    0    0    0     0  0  0        0       0    0    0    0  0  0  0
"""


def v1(usage: int, limit: int | None = 64 << 20) -> CgroupStats:
    return CgroupStats(
        version=1,
        cpu=CpuStats(usage, 30, 20, (usage - 1, 1), 5, 2, 777),
        memory=MemoryStats(1000, 2000, limit, 3, 0, {"cache": 10, "total_inactive_file": 7}),
        pids_current=3,
        io_service_bytes=(IoEntry(8, 0, "Read", 4096),),
        io_serviced=(IoEntry(8, 0, "Read", 1),),
    )


def build(cgroup, previous=None, networks=None):
    sample = Sample("2026-01-02T03:04:05.000000001Z", cgroup, SystemTime(9000, 4), networks or {})
    return stats_document("a" * 64, "/box", sample, previous)


def test_the_document_has_dockers_shape_on_v1():
    previous = Sample("2026-01-02T03:04:04.000000001Z", v1(100), SystemTime(8000, 4))
    document = build(v1(160), previous, {"eth0": {"rx_bytes": 1}})
    assert document == {
        "read": "2026-01-02T03:04:05.000000001Z",
        "preread": "2026-01-02T03:04:04.000000001Z",
        "pids_stats": {"current": 3},
        "blkio_stats": {
            "io_service_bytes_recursive": [{"major": 8, "minor": 0, "op": "Read", "value": 4096}],
            "io_serviced_recursive": [{"major": 8, "minor": 0, "op": "Read", "value": 1}],
            "io_queue_recursive": [],
            "io_service_time_recursive": [],
            "io_wait_time_recursive": [],
            "io_merged_recursive": [],
            "io_time_recursive": [],
            "sectors_recursive": [],
        },
        "num_procs": 0,
        "storage_stats": {},
        "cpu_stats": {
            "cpu_usage": {
                "total_usage": 160,
                "percpu_usage": [159, 1],
                "usage_in_kernelmode": 20,
                "usage_in_usermode": 30,
            },
            "system_cpu_usage": 9000,
            "online_cpus": 4,
            "throttling_data": {"periods": 5, "throttled_periods": 2, "throttled_time": 777},
        },
        "precpu_stats": {
            "cpu_usage": {
                "total_usage": 100,
                "percpu_usage": [99, 1],
                "usage_in_kernelmode": 20,
                "usage_in_usermode": 30,
            },
            "system_cpu_usage": 8000,
            "online_cpus": 4,
            "throttling_data": {"periods": 5, "throttled_periods": 2, "throttled_time": 777},
        },
        "memory_stats": {
            "usage": 1000,
            "max_usage": 2000,
            "failcnt": 3,
            "stats": {"cache": 10, "total_inactive_file": 7},
            "limit": 64 << 20,
        },
        "name": "/box",
        "id": "a" * 64,
        "networks": {"eth0": {"rx_bytes": 1}},
    }


def test_the_first_reading_has_nothing_before_it():
    document = build(v1(160))
    assert document["preread"] == NEVER
    assert "system_cpu_usage" not in document["precpu_stats"]
    assert document["precpu_stats"]["cpu_usage"]["total_usage"] == 0
    assert "networks" not in document


def test_no_limit_and_a_limit_above_the_machine_show_the_machine():
    assert build(v1(1, None))["memory_stats"]["limit"] == machine_memory()
    assert build(v1(1, 2**62))["memory_stats"]["limit"] == machine_memory()


def test_v2_leaves_out_what_it_does_not_have():
    stats = CgroupStats(
        version=2,
        cpu=CpuStats(10, 5, 5),
        memory=MemoryStats(1000, 2000, None, 3, 0, {"inactive_file": 7}),
        pids_current=1,
        io_service_bytes=(IoEntry(8, 0, "read", 1), IoEntry(8, 0, "discard", 2)),
    )
    document = build(stats)
    assert "percpu_usage" not in document["cpu_stats"]["cpu_usage"]
    assert document["memory_stats"] == {
        "usage": 1000,
        "stats": {"inactive_file": 7},
        "limit": machine_memory(),
    }
    assert document["pids_stats"] == {"current": 1, "limit": 2**64 - 1}
    blkio = document["blkio_stats"]
    assert [entry["op"] for entry in blkio["io_service_bytes_recursive"]] == ["read"]
    assert blkio["io_serviced_recursive"] is None


def test_a_stopped_container_has_zeros():
    document = empty_stats("b" * 64, "/box")
    assert (document["read"], document["memory_stats"], document["pids_stats"]) == (NEVER, {}, {})
    assert set(build(v1(1))) - set(document) == set()


def test_interfaces_are_read_without_loopback():
    counters = parse_net_dev(NET_DEV)
    assert counters["eth0"] == {
        "rx_bytes": 5338,
        "rx_packets": 36,
        "rx_errors": 1,
        "rx_dropped": 2,
        "tx_bytes": 648,
        "tx_packets": 8,
        "tx_errors": 3,
        "tx_dropped": 4,
    }
    assert counters["eth1"]["rx_bytes"] == 12345678901
    assert set(counters) == {"eth0", "eth1"}


def test_counters_of_a_lost_process_are_empty():
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    assert network_counters(pid) == {}
    assert "lo" not in network_counters(os.getpid())


def test_system_time_counts_seven_columns_and_the_cpus():
    text = "cpu  1 2 3 4 5 6 7 100 200 300\ncpu0 1 0 0\ncpu3 1 0 0\nintr 5\ncpu9 1\n"
    assert parse_system_time(text, 100) == SystemTime(28 * 10_000_000, 2)


def test_this_hosts_time_goes_on():
    now = system_time()
    assert now.total_ns > 0
    assert now.online_cpus >= len(os.sched_getaffinity(0))


def test_a_sample_is_taken_now():
    sample = Sample.take(v1(1), {})
    assert sample.read_at.startswith("20")
    assert sample.read_at.endswith("Z")
    assert sample.system.total_ns > 0
