"""References to caches."""

from __future__ import annotations

from baleen.build.options import BuildOptions, CacheReference


def test_max_is_asked_for_by_name():
    assert CacheReference("registry", {"ref": "x", "mode": "max"}).is_max
    assert not CacheReference("registry", {"ref": "x"}).is_max


def test_nothing_is_asked_for_by_default():
    options = BuildOptions()
    assert (options.target, options.no_cache, options.pull, options.squash) == (
        "",
        False,
        False,
        False,
    )
    assert options.inherit_labels
