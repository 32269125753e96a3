import pytest

from baleen.errors import PermissionDenied
from baleen.linux.record import replace
from baleen.runtime.criu.mounts import parse_mounts
from baleen.runtime.criu.proving import Bound, check_mounts, check_status
from baleen.runtime.default_spec import default_spec
from baleen.runtime.spec import parse_spec

BOUND = Bound(
    capabilities=0b1011,
    no_new_privileges=True,
    filtered=True,
    network=0,
    group=0,
    devices=frozenset({"0:50", "8:1"}),
)
STATUS = dict.fromkeys(("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"), "0000000000000003") | {
    "NoNewPrivs": "1",
    "Seccomp": "2",
}


def test_what_the_document_gives_stands():
    check_status(STATUS, BOUND)
    check_status(
        STATUS | {"NoNewPrivs": "0", "Seccomp": "0"},
        replace(BOUND, no_new_privileges=False, filtered=False),
    )


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"CapEff": "0000000000000004"}, "CapEff 0000000000000004, more than"),
        ({"CapBnd": "000001ffffffffff"}, "CapBnd"),
        ({"CapAmb": "0000000000000010"}, "CapAmb"),
        ({"NoNewPrivs": "0"}, "no_new_privs"),
        ({"Seccomp": "0"}, "seccomp"),
        ({"Seccomp": "1"}, "seccomp"),
    ],
)
def test_more_than_that_does_not(changed, message):
    with pytest.raises(PermissionDenied, match=message):
        check_status(STATUS | changed, BOUND)


ROOT = "1 0 0:50 / / ro - overlay o rw"
PROC = "2 1 0:60 / /proc rw - proc proc rw"
SYS = "3 2 0:60 /sys /proc/sys ro - proc proc rw"
MASK = "4 2 0:61 /null /proc/stat rw - tmpfs tmpfs rw"
BIND = "5 1 8:1 /data /data ro - ext4 /dev/sda1 rw"


def spec():
    document = default_spec()
    document["root"]["readonly"] = True
    document["linux"]["readonlyPaths"] = ["/proc/sys", "/proc/is-not-there"]
    document["linux"]["maskedPaths"] = ["/proc/stat", "/proc/is-not-there", "/sys/firmware"]
    document["mounts"] = [
        {"destination": "/proc", "type": "proc", "source": "proc"},
        {"destination": "/data", "source": "/data", "options": ["bind", "ro"]},
    ]
    return parse_spec(document)


def check(*lines):
    check_mounts(parse_mounts("\n".join(lines)), spec(), BOUND)


def test_the_mounts_of_the_document_stand():
    check(ROOT, PROC, SYS, MASK, BIND)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            (ROOT, PROC, SYS, MASK, BIND, "9 1 8:0 / /disk rw - ext4 /dev/sda rw"),
            "of its own, ext4",
        ),
        ((ROOT, PROC, SYS, MASK, BIND, "9 1 0:70 / /d rw - debugfs d rw"), "debugfs, at /d"),
        ((ROOT.replace("ro", "rw"), PROC, SYS, MASK, BIND), "/ writable"),
        ((ROOT, PROC, SYS, MASK, BIND.replace(" ro ", " rw ")), "/data writable"),
        ((ROOT, PROC, SYS.replace(" ro ", " rw "), MASK, BIND), "/proc/sys writable"),
        ((ROOT, PROC, MASK, BIND), "does not protect /proc/sys"),
        ((ROOT, PROC, SYS, BIND), "does not protect /proc/stat"),
    ],
)
def test_others_do_not(lines, message):
    with pytest.raises(PermissionDenied, match=message):
        check(*lines)
