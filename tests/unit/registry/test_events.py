"""The actions are those of distribution's notifications."""

from __future__ import annotations

from baleen.registry.events import EventAction, Silence


def test_actions():
    assert {action.value for action in EventAction} == {"pull", "push", "mount", "delete"}


def test_silence_takes_anything():
    Silence().emit(None)
