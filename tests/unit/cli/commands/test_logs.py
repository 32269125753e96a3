from __future__ import annotations


def test_frames_go_to_their_streams(baleen, fake, fakes):
    fake.on("GET", "/containers/c/json", fakes.Reply({"Id": "c1", "Config": {"Tty": False}}))
    data = fakes.frame(1, b"out\n") + fakes.frame(2, b"err\xff\n")
    fake.on("GET", "/containers/c1/logs", fakes.Reply(chunks=[data[:5], data[5:]]))
    outcome = baleen("logs", "-ft", "-n", "5", "--since", "1.5", "c")
    assert outcome.out == "out\n"
    assert outcome.err.startswith("err")
    assert fake.last("/containers/c1/logs").query == {
        "stdout": ["1"],
        "stderr": ["1"],
        "follow": ["1"],
        "timestamps": ["1"],
        "tail": ["5"],
        "since": ["1.500000000"],
    }


def test_a_terminal_is_raw(baleen, fake, fakes):
    fake.on("GET", "/containers/c/json", fakes.Reply({"Id": "c1", "Config": {"Tty": True}}))
    fake.on("GET", "/containers/c1/logs", fakes.Reply(chunks=[b"\x01\0\0\0 raw"]))
    assert baleen("logs", "c").out == "\x01\0\0\0 raw"
