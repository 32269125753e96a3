from __future__ import annotations

from baleen.daemon.disk_usage_view import disk_usage_view

USAGE = {
    "LayersSize": 100,
    "ImagesReclaimable": 40,
    "Images": [{"Size": 60, "Containers": 1}, {"Size": 70, "Containers": 0}],
    "Containers": [{"SizeRw": 5, "State": "running"}, {"SizeRw": 7, "State": "exited"}],
    "Volumes": [{"UsageData": {"Size": 9, "RefCount": 0}}, {"UsageData": None}],
    "BuildCache": [],
}


def test_old_clients_get_lists_and_new_ones_sums():
    assert disk_usage_view(USAGE, (1, 51), verbose=True) == {
        key: value for key, value in USAGE.items() if key != "ImagesReclaimable"
    }
    both = disk_usage_view(USAGE, (1, 52), verbose=False)
    assert both["Images"] == USAGE["Images"]
    assert both["ImageUsage"] == {
        "ActiveCount": 1, "TotalCount": 2, "Reclaimable": 40, "TotalSize": 100,
    }  # fmt: skip
    new = disk_usage_view(USAGE, (1, 55), verbose=False)
    assert "Images" not in new
    assert new["ContainerUsage"] == {
        "ActiveCount": 1, "TotalCount": 2, "Reclaimable": 7, "TotalSize": 12,
    }  # fmt: skip
    assert new["VolumeUsage"]["Reclaimable"] == 9


def test_verbose_has_the_objects_and_types_that_were_not_measured_are_absent():
    new = disk_usage_view({"Volumes": [{"Name": "v"}]}, (1, 53), verbose=True)
    assert new == {
        "VolumeUsage": {
            "ActiveCount": 0, "TotalCount": 1, "Reclaimable": 0, "TotalSize": 0,
            "Items": [{"Name": "v"}],
        }
    }  # fmt: skip
