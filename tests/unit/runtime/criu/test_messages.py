import pytest

from baleen.runtime.criu import messages


def test_options_are_encoded_as_protocol_buffers_are():
    # By hand, after protobuf.dev: key = number << 3 | type; lengths and numbers are varints.
    assert messages.encode_options({"images_dir_fd": 5}) == b"\x08\x05"
    assert (
        messages.encode_options({"leave_running": True, "shell_job": False}) == b"\x18\x01\x38\x00"
    )
    assert messages.encode_options({"log_file": "dump.log"}) == b"\x52\x08dump.log"
    assert messages.encode_options({"pid": 300}) == b"\x10\xac\x02"
    # Field 37: the key itself takes two bytes.
    assert messages.encode_options({"external": ["a", "bc"]}) == b"\xaa\x02\x01a\xaa\x02\x02bc"
    inherited = {"inherit_fd": [{"key": "k", "fd": 7}]}
    assert messages.encode_options(inherited) == b"\xda\x01\x05\x0a\x01k\x10\x07"
    server = {"ps": {"address": "h", "port": -1}}
    assert messages.encode_options(server) == b"\x5a\x0e\x0a\x01h\x10" + b"\xff" * 9 + b"\x01"


def test_an_unknown_option_is_a_mistake_of_ours():
    with pytest.raises(KeyError):
        messages.encode_options({"nothing": 1})


def test_requests_say_what_and_whether_a_notice_was_taken_well():
    assert messages.encode_request(messages.DUMP, b"\x08\x05") == b"\x08\x01\x12\x02\x08\x05"
    assert messages.encode_request(messages.NOTIFY, notify_success=False) == b"\x08\x06\x18\x00"


def test_answers_are_decoded():
    done = messages.decode_answer(b"\x08\x02\x10\x01\x22\x02\x08\x2a")
    assert done == messages.Answer(messages.RESTORE, success=True, pid=42)
    failed = messages.decode_answer(b"\x08\x01\x10\x00\x38\x16\x4a\x03why")
    assert failed == messages.Answer(messages.DUMP, success=False, errno=22, message="why")
    notice = messages.decode_answer(b"\x08\x06\x10\x01\x2a\x07\x0a\x03pre\x10\x07")
    assert notice == messages.Answer(messages.NOTIFY, success=True, stage="pre", pid=7)
    # criu's negative numbers are 64 bits wide; a field that we do not know is skipped.
    wide = b"\x08\x01\x10\x00\x38" + b"\xff" * 9 + b"\x01" + b"\xf8\x07\x01" + b"\x61" + b"x" * 8
    assert messages.decode_answer(wide).errno == -1


@pytest.mark.parametrize(
    "data",
    [
        b"\x08",
        b"\x08\xff",
        b"\x08" + b"\xff" * 11,
        b"\x2a\x09x",
        b"\x2a\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
        b"\x0b\x00",
    ],
)
def test_what_is_no_message_is_an_error(data):
    with pytest.raises(ValueError, match=r"field|number|message"):
        messages.decode_answer(data)
