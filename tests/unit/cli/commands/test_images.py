from __future__ import annotations

import time


def test_the_table(baleen, fake, fakes):
    images = [
        {
            "Id": "sha256:" + "a" * 64,
            "RepoTags": ["busybox:latest", "host:5000/b:1"],
            "RepoDigests": ["busybox@sha256:" + "d" * 64],
            "Created": time.time() - 7200,
            "Size": 4262144,
            "Containers": -1,
        },
        {"Id": "sha256:" + "b" * 64, "RepoTags": [], "Created": 0, "Size": 5},
    ]
    fake.on("GET", "/images/json", fakes.Reply(images))
    assert baleen("images").out == (
        "REPOSITORY    TAG       IMAGE ID       CREATED       SIZE\n"
        "busybox       latest    aaaaaaaaaaaa   2 hours ago   4.26MB\n"
        "host:5000/b   1         aaaaaaaaaaaa   2 hours ago   4.26MB\n"
        "<none>        <none>    bbbbbbbbbbbb   N/A           5B\n"
    )
    assert baleen("images", "-q", "--no-trunc").out.splitlines()[0] == "sha256:" + "a" * 64
    assert "sha256:dddd" in baleen("images", "--digests").out
    baleen("images", "-a", "busy*")
    assert fake.last("/images/json").query == {
        "all": ["1"],
        "filters": ['{"reference":["busy*"]}'],
    }
