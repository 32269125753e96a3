from __future__ import annotations

import json

from baleen import api


def test_a_sample_of_a_stopped_container_has_the_fields_that_clients_divide_by():
    sample = json.loads(api.encode(api.ContainerStatsResponse()))
    assert sample["cpu_stats"]["cpu_usage"]["total_usage"] == 0
    assert sample["precpu_stats"]["throttling_data"]["periods"] == 0
    assert sample["memory_stats"] == {}
    assert sample["blkio_stats"]["io_service_bytes_recursive"] is None
    assert "networks" not in sample
