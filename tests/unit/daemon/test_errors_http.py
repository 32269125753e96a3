from __future__ import annotations

import errno
import json

import pytest

from baleen import errors
from baleen.daemon.errors_http import plain, respond, status_of


def kinds(kind):
    for child in kind.__subclasses__():
        yield child
        yield from kinds(child)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.InvalidArgument("x"), 400),
        (errors.NotFound("x"), 404),
        (errors.Conflict("x"), 409),
        (errors.AlreadyExists("x"), 409),
        (errors.FailedPrecondition("x"), 409),
        (errors.NotModified("x"), 304),
        (errors.PermissionDenied("x"), 403),
        (errors.Unauthorized("x"), 401),
        (errors.NotImplemented("x"), 501),
        (errors.Unavailable("x"), 503),
        (errors.ResourceExhausted("x"), 500),
        (errors.DataLoss("x"), 500),
        (errors.Internal("x"), 500),
        (errors.StartFailed("x", exit_code=127), 400),
        (errors.StartFailed("x", exit_code=126), 400),
        (errors.StartFailed("x", exit_code=128), 500),
    ],
)
def test_each_class_has_its_status(error, status):
    assert status_of(error) == status


def test_every_class_of_the_tree_is_covered():
    for kind in kinds(errors.BaleenError):
        if kind is not errors.StartFailed and kind.__module__ == errors.__name__:
            assert status_of(kind("x")) in (304, 400, 401, 403, 404, 409, 500, 501, 503)


def test_the_hint_is_part_of_the_message():
    answer = respond(errors.NotFound("no x", hint="make one"), "GET", "/")
    assert json.loads(answer.body) == {"message": "no x: make one"}


def test_a_bug_shows_only_its_id():
    answer = respond(KeyError("secret"), "GET", "/")
    assert answer.status == 500
    assert b"secret" not in answer.body


def test_a_full_disk_is_no_bug_wherever_it_is_noticed():
    answer = respond(OSError(errno.ENOSPC, "No space left", "/data/x"), "GET", "/")
    assert json.loads(answer.body)["message"] == "no space left on device: /data/x"


def test_text_that_is_no_utf_8_does_not_break_the_answer():
    assert json.loads(plain(404, "no \udcff here").body)["message"] == "no \ufffd here"
    assert plain(304, "x").body == b""
