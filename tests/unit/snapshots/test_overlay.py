"""What can be said of it without a kernel."""

from baleen.snapshots.overlay import LAYERS_LIMIT


def test_there_is_room_in_the_kernels_stack_for_our_own_directories():
    # The base below, and what a stopped container wrote above.
    assert LAYERS_LIMIT + 2 == 500
