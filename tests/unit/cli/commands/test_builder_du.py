from __future__ import annotations

RECORD = {
    "ID": "abcdefabcdefabcdef",
    "Type": "regular",
    "Size": 1500,
    "Shared": False,
    "InUse": False,
    "CreatedAt": "2024-01-01T00:00:00Z",
    "LastUsedAt": "2024-01-01T00:00:00Z",
    "UsageCount": 2,
    "Description": "RUN make",
}


def test_records_of_both_forms_are_listed(baleen, fake, fakes):
    for document in ({"BuildCache": [RECORD]}, {"BuildCacheUsage": {"Items": [RECORD]}}):
        fake.on("GET", "/system/df", fakes.Reply(document))
        out = baleen("builder", "du", "--verbose").out
        assert "abcdefabcdef " in out
        assert "RUN make" in out
        assert "Total:\t\t1.5kB" in out
    fake.on("GET", "/system/df", fakes.Reply({}))
    assert "Total:\t\t0B" in baleen("builder", "du").out
