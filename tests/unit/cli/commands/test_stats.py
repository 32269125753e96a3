from __future__ import annotations

import json

SAMPLE = {
    "id": "a" * 64,
    "name": "/web",
    "cpu_stats": {
        "cpu_usage": {"total_usage": 300},
        "system_cpu_usage": 2000,
        "online_cpus": 2,
    },
    "precpu_stats": {"cpu_usage": {"total_usage": 200}, "system_cpu_usage": 1000},
    "memory_stats": {"usage": 3 << 20, "limit": 1 << 30, "stats": {"inactive_file": 1 << 20}},
    "networks": {"eth0": {"rx_bytes": 1500, "tx_bytes": 10}},
    "blkio_stats": {
        "io_service_bytes_recursive": [{"op": "Read", "value": 5}, {"op": "write", "value": 6}]
    },
    "pids_stats": {"current": 4},
}


def test_fields(baleen, fake, fakes):
    fake.on("GET", "/containers/json", fakes.Reply([{"Id": "web"}]))
    fake.on("GET", "/containers/web/stats", fakes.Reply(SAMPLE))
    form = "{{.Name}}|{{.CPUPerc}}|{{.MemUsage}}|{{.MemPerc}}|{{.NetIO}}|{{.BlockIO}}|{{.PIDs}}"
    assert baleen("stats", "--no-stream", "--format", form).out == (
        "web|20.00%|2MiB / 1GiB|0.20%|1.5kB / 10B|5B / 6B|4\n"
    )


def test_a_named_container_that_ends_ends_the_stream(baleen, fake, fakes):
    fake.on("GET", "/containers/web/stats", fakes.Reply(chunks=[json.dumps(SAMPLE).encode()]))
    outcome = baleen("stats", "--format", "{{.Name}}", "web")
    assert outcome.code == 0
    assert set(outcome.out.split()) == {"web"}
