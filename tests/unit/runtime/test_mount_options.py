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


def test_what_is_ours_does_not_reach_the_file_system():
    options = parse_options(["tmpcopyup", "ridmap", "rbind", "remount", "size=1"])
    assert (options.copy_up, options.idmap, options.recursive_idmap) == (True, True, True)
    assert (options.bind, options.recursive_bind, options.remount) == (True, True, True)
    assert options.data == "size=1"
    options = parse_options(["idmap", "bind"])
    assert (options.idmap, options.recursive_idmap, options.copy_up) == (True, False, False)
    assert (options.recursive_bind, options.remount) == (False, False)


def test_attributes_of_a_bind():
    on, off = attributes(parse_options(["ro", "nodev", "exec", "noatime"]))
    assert on == m.MOUNT_ATTR_RDONLY | m.MOUNT_ATTR_NODEV | m.MOUNT_ATTR_NOATIME
    assert off == m.MOUNT_ATTR_NOEXEC | m.MOUNT_ATTR__ATIME
    assert attributes(parse_options(["rbind", "rprivate"])) == (0, 0)


def test_every_option_of_the_specification_is_known():
    names = (
        "async atime bind defaults dev diratime dirsync exec iversion lazytime loud mand noatime"
        " nodev nodiratime noexec noiversion nolazytime nomand norelatime nostrictatime nosuid"
        " nosymfollow private ratime rbind rdev rdiratime relatime remount rexec rnoatime"
        " rnodiratime rnoexec rnorelatime rnostrictatime rnosuid rnosymfollow ro rprivate"
        " rrelatime rro rrw rshared rslave rstrictatime rsuid rsymfollow runbindable rw shared"
        " silent slave strictatime suid symfollow sync tmpcopyup unbindable idmap ridmap"
    )
    assert set(names.split()) <= set(known_options())
