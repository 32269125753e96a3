from __future__ import annotations

import os

from baleen.cli.terminal import encode, neutralise, write_out


def test_text_of_any_kind_can_be_written(capfd):
    assert encode("a\udcff") == b"a\xff"
    assert encode("a\ud800b") == b"a?b"
    write_out("\u00e9\n")
    assert capfd.readouterr().out == "\u00e9\n"


def test_escape_sequences_are_spelled_out():
    assert neutralise("a\x1b[2J\x07\x9b\r\n\tb") == "a\\x1b[2J\\x07\\x9b\\r\\n\\tb"
    assert neutralise("a\nb\x1b", lines=True) == "a\nb\\x1b"
    assert neutralise("pl\u00e4in \U0001f40b") == "pl\u00e4in \U0001f40b"


def test_a_non_blocking_output_gets_everything():
    import threading

    read, write = os.pipe()
    os.set_blocking(write, False)
    got = []

    def reader():
        while data := os.read(read, 65536):
            got.append(data)

    from baleen.cli.streaming import write_all

    thread = threading.Thread(target=reader)
    thread.start()
    write_all(write, b"x" * 1_000_000)
    os.close(write)
    thread.join(10)
    os.close(read)
    assert sum(map(len, got)) == 1_000_000
