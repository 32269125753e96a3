from __future__ import annotations


def test_bytes_go_both_ways_and_each_end_closes_by_itself(baleen, fake, fakes):
    fake.on("GET", "/volumes/v", fakes.Reply(b"answer"))
    request = b"GET /v1.50/volumes/v HTTP/1.1\r\nHost: x\r\n\r\n"
    outcome = baleen("system", "dial-stdio", stdin=request)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.startswith("HTTP/1.1 200 ")
    assert outcome.out.endswith("\r\n\r\nanswer")
    assert [r.path for r in fake.requests] == ["/volumes/v"]


def test_no_engine_is_an_error(baleen):
    outcome = baleen("-H", "unix:///nonexistent/s", "system", "dial-stdio")
    assert (outcome.code, outcome.out) == (1, "")
    assert "Cannot connect to the Baleen daemon" in outcome.err
