import pytest

from baleen.linux import mount as m
from baleen.runtime.mount_options import attributes, known_options, parse_options


def test_flags_are_set_and_the_last_word_counts():
    options = parse_options(["ro", "nosuid", "rw", "noexec", "suid"])
    assert options.flags == m.MS_NOEXEC
    assert options.clear == m.MS_RDONLY | m.MS_NOSUID


def test_unknown_options_go_to_the_file_system_in_order():
    assert parse_options(["size=1k", "", "mode=755", "ro"]).data == "size=1k,mode=755"


def test_binds_and_propagation():
    options = parse_options(["rbind", "rslave", "shared"])
    assert options.bind
    assert options.recursive_bind
    assert options.propagation == (m.MS_SLAVE | m.MS_REC, m.MS_SHARED)
    assert not parse_options(["bind"]).recursive_bind


def test_recursive_options_are_attributes_of_the_tree():
    options = parse_options(["rro", "rnosuid", "rrw", "rnoatime"])
    assert options.recursive_set == m.MOUNT_ATTR_NOSUID | m.MOUNT_ATTR_NOATIME
    assert options.recursive_clear & m.MOUNT_ATTR_RDONLY
    assert options.recursive_clear & m.MOUNT_ATTR__ATIME == m.MOUNT_ATTR__ATIME


@pytest.mark.parametrize("option", ["idmap", "ridmap", "tmpcopyup", "remount"])
def test_what_is_known_but_not_done_is_refused(option):
    with pytest.raises(ValueError, match=option):
        parse_options([option])
    assert option not in known_options()


def test_attributes_of_a_bind():
    on, off = attributes(parse_options(["ro", "nodev", "exec", "noatime"]))
    assert on == m.MOUNT_ATTR_RDONLY | m.MOUNT_ATTR_NODEV | m.MOUNT_ATTR_NOATIME
    assert off == m.MOUNT_ATTR_NOEXEC | m.MOUNT_ATTR__ATIME
    assert attributes(parse_options(["rbind", "rprivate"])) == (0, 0)


def test_every_option_of_the_specification_that_is_a_must_is_known():
    must = (
        "async atime bind defaults dev diratime dirsync exec iversion lazytime loud noatime nodev"
        " nodiratime noexec noiversion nolazytime norelatime nostrictatime nosuid private rbind"
        " relatime ro rprivate rshared rslave runbindable rw shared silent slave strictatime suid"
        " sync unbindable"
    )
    assert set(must.split()) <= set(known_options())
