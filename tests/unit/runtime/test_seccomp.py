"""The compiled filter against a plain reading of the profile, over all syscall numbers."""

import importlib.util
import itertools
import pathlib
import time

import pytest

from baleen import errors
from baleen.errors import InvalidArgument
from baleen.linux.capabilities import CAPABILITIES
from baleen.linux.syscall_table import X32_SYSCALL_BIT, numbers
from baleen.runtime.seccomp import compile_profile, decisions, default_profile, filter_flags

ALLOW, KILL, ERRNO = 0x7FFF0000, 0, 0x00050000
EPERM, ENOSYS = ERRNO | 1, ERRNO | 38
AUDIT = {
    "x86_64": 0xC000003E,
    "i386": 0x40000003,
    "x32": 0xC000003E,
    "aarch64": 0xC00000B7,
    "arm": 0x40000028,
}
DEFAULT_CAPABILITIES = {
    f"CAP_{name}"
    for name in (
        *("CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "MKNOD", "NET_RAW", "SETGID", "SETUID"),
        *("SETFCAP", "SETPCAP", "NET_BIND_SERVICE", "SYS_CHROOT", "KILL", "AUDIT_WRITE"),
    )
}
SETS = {
    "none": set(),
    "default": DEFAULT_CAPABILITIES,
    "admin": DEFAULT_CAPABILITIES | {"CAP_SYS_ADMIN"},
    "all": set(CAPABILITIES),
}
# The arguments that Docker's profile looks at and the kernel takes as int or unsigned int.
INTEGERS = {"socket", "personality"}


def load_simulator():
    path = pathlib.Path(__file__).parents[1] / "linux" / "bpf_simulator.py"
    spec = importlib.util.spec_from_file_location("bpf_simulator", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


simulator = load_simulator()


class Filter:
    def __init__(self, profile, capabilities=(), arch="x86_64", kernel=(6, 18), *, listener=False):
        self.bytes = compile_profile(
            profile,
            capabilities=set(capabilities),
            arch=arch,
            kernel=kernel,
            listener=listener,
        )
        self.program = simulator.decode(self.bytes)

    def __call__(self, number, *arguments, table="x86_64"):
        if isinstance(number, str):
            number = numbers(table)[number]
        data = simulator.seccomp_data(number, AUDIT[table], arguments)
        return simulator.run(self.program, data)


def plain_reading(profile, name, capabilities, go_name, table, arguments, kernel=(6, 18)):
    """The answer for a named syscall, as a person would read the profile."""
    decided = None
    for entry in profile["syscalls"]:
        includes, excludes = entry.get("includes") or {}, entry.get("excludes") or {}
        if name not in entry["names"]:
            continue
        if not set(includes.get("caps", [])) <= set(capabilities):
            continue
        if set(excludes.get("caps", [])) & set(capabilities):
            continue
        if includes.get("arches") and go_name not in includes["arches"]:
            continue
        if go_name in excludes.get("arches", []):
            continue
        minimum = includes.get("minKernel")
        if minimum and kernel < tuple(int(part) for part in minimum.split(".")):
            continue
        answer = ALLOW if entry["action"] == "SCMP_ACT_ALLOW" else ERRNO | entry.get("errnoRet", 1)
        if not entry.get("args"):
            return answer
        holds = True
        for condition in entry["args"]:
            value = arguments[condition["index"]]
            if table in ("i386", "arm", "x32") or name in INTEGERS:
                value &= 0xFFFFFFFF
            wanted = condition["value"]
            holds &= {
                "SCMP_CMP_EQ": value == wanted,
                "SCMP_CMP_LT": value < wanted,
                "SCMP_CMP_GT": value > wanted,
                "SCMP_CMP_MASKED_EQ": value & wanted == condition.get("valueTwo", 0),
            }[condition["op"]]
        if holds and decided is None:
            decided = answer
    return EPERM if decided is None else decided


ARGUMENTS = [
    *((n, n, 0, 0, 0, 0) for n in (0, 1, 2, 8, 37, 38, 39, 40, 41, 131072, 131080, 2**32 - 1)),
    *((n, n, 0, 0, 0, 0) for n in (38 | 1 << 32, 40 | 1 << 32, 8 | 1 << 63, 2**64 - 1)),
    # clone: a thread, a fork, each namespace.
    *(
        (n, n, 0, 0, 0, 0)
        for n in (0x3D0F00, 0x1200011, 0x10000000, 0x20000000, 0x7E020000, 1 << 62)
    ),
]


@pytest.mark.parametrize("capabilities", SETS.values(), ids=SETS)
@pytest.mark.parametrize(
    ("arch", "go_name", "table"),
    [
        ("x86_64", "amd64", "x86_64"),
        ("x86_64", "amd64", "i386"),
        ("x86_64", "amd64", "x32"),
        ("aarch64", "arm64", "aarch64"),
        ("aarch64", "arm64", "arm"),
    ],
)
def test_the_filter_answers_as_a_plain_reading_of_the_default_profile(
    arch, go_name, table, capabilities
):
    profile = default_profile()
    filter_ = Filter(profile, capabilities, arch)
    base = X32_SYSCALL_BIT if table == "x32" else 0
    names: dict[int, list[str]] = {}
    for name, number in numbers(table).items():
        names.setdefault(number, []).append(name)
    newest = max(
        number
        for number, called in names.items()
        if number < base + 0xF0000
        and any(
            plain_reading(profile, name, capabilities, go_name, table, arguments) != EPERM
            for name in called
            for arguments in ARGUMENTS
        )
    )
    for number in itertools.chain(
        range(base, base + 601), range(0xF0000, 0xF0007) if table == "arm" else ()
    ):
        if newest < number < base + 0xF0000:
            expected = [ENOSYS] * len(ARGUMENTS)
        else:
            expected = [
                max(
                    plain_reading(profile, name, capabilities, go_name, table, arguments)
                    for name in names.get(number, ["no such call"])
                )
                for arguments in ARGUMENTS
            ]
        found = [filter_(number, *arguments, table=table) for arguments in ARGUMENTS]
        assert found == expected, (number, names.get(number))


def test_what_a_plain_container_may_not_do():
    filter_ = Filter(default_profile(), DEFAULT_CAPABILITIES)
    for name in (
        *("mount", "umount2", "bpf", "perf_event_open", "keyctl", "add_key", "request_key"),
        *(
            "io_uring_setup",
            "userfaultfd",
            "kexec_load",
            "swapon",
            "quotactl",
            "acct",
            "init_module",
        ),
        *("open_by_handle_at", "reboot", "settimeofday", "setns", "unshare", "pidfd_getfd"),
    ):
        assert filter_(name) == EPERM, name
    assert filter_("clone3") == ENOSYS
    assert filter_("clone", 0x10000000) == EPERM
    assert filter_("clone", 0x1200011) == ALLOW
    assert filter_("socket", 2) == ALLOW
    assert filter_("socket", 38) == filter_("socket", 40) == EPERM
    assert filter_("ptrace") == ALLOW
    assert Filter(default_profile(), kernel=(4, 7))("ptrace") == EPERM
    assert filter_("chroot") == ALLOW
    assert Filter(default_profile())("chroot") == EPERM


def test_the_upper_half_of_an_integer_argument_hides_nothing():
    filter_ = Filter(default_profile())
    assert filter_("socket", 38 | 1 << 32) == EPERM
    assert filter_("socket", 40 | 0xFFFFFFFF << 32) == EPERM
    assert filter_("socket", 2 | 1 << 32) == ALLOW


def test_foreign_architectures_are_killed():
    program = Filter(default_profile()).program
    for architecture in (AUDIT["aarch64"], AUDIT["arm"], 0, 0x80000016, 0xFFFFFFFF):
        assert simulator.run(program, simulator.seccomp_data(0, architecture)) == KILL


def test_x32_is_killed_when_the_profile_does_not_name_it():
    filter_ = Filter({"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"]})
    assert filter_(39) == ALLOW
    assert filter_(X32_SYSCALL_BIT) == filter_(X32_SYSCALL_BIT + 39) == filter_(0xFFFFFFFE) == KILL
    assert filter_(0xFFFFFFFF) == ALLOW
    assert filter_(20, table="i386") == KILL


def profile(*syscalls, default="SCMP_ACT_ALLOW", **more):
    return {"defaultAction": default, "syscalls": list(syscalls), **more}


def deny(*names, action="SCMP_ACT_ERRNO", **more):
    return {"names": list(names), "action": action, **more}


SAMPLES = sorted(
    {
        (high + h) % 2**32 << 32 | (low + d) % 2**32
        for high in (0, 5, 0xFFFFFFFF)
        for h in (-1, 0, 1)
        for low in (0, 7, 0x80000000)
        for d in (-1, 0, 1)
    }
)


@pytest.mark.parametrize("wanted", [0, 7, 5 << 32 | 7, 5 << 32, 0xFFFFFFFF, 2**64 - 1, 1 << 63])
@pytest.mark.parametrize(
    ("operator", "holds"),
    [
        ("NE", lambda a, b: a != b),
        ("LT", lambda a, b: a < b),
        ("LE", lambda a, b: a <= b),
        ("EQ", lambda a, b: a == b),
        ("GE", lambda a, b: a >= b),
        ("GT", lambda a, b: a > b),
    ],
)
@pytest.mark.parametrize("index", [0, 5])
def test_each_operator_compares_64_bits_unsigned(operator, holds, wanted, index):
    condition = {"index": index, "op": f"SCMP_CMP_{operator}", "value": wanted}
    filter_ = Filter(profile(deny("mmap", args=[condition])))
    for sample in SAMPLES:
        arguments = [1] * 6
        arguments[index] = sample
        assert (filter_("mmap", *arguments) == EPERM) == holds(sample, wanted), hex(sample)


@pytest.mark.parametrize(
    ("mask", "wanted"), [(0xF0, 0x10), (0xF << 40, 1 << 40), (2**64 - 1, 7), (0, 0)]
)
def test_masked_comparison_looks_at_both_halves(mask, wanted):
    condition = {"index": 2, "op": "SCMP_CMP_MASKED_EQ", "value": mask, "valueTwo": wanted}
    filter_ = Filter(profile(deny("mmap", args=[condition])))
    for sample in (*SAMPLES, wanted, wanted | 0xF << 50, wanted | 1):
        assert (filter_("mmap", 0, 0, sample) == EPERM) == (sample & mask == wanted)


def test_conditions_on_several_arguments_all_hold_and_rules_are_alternatives():
    one = [
        {"index": 0, "op": "SCMP_CMP_EQ", "value": 1},
        {"index": 1, "op": "SCMP_CMP_EQ", "value": 2},
    ]
    two = [{"index": 2, "op": "SCMP_CMP_EQ", "value": 3}]
    filter_ = Filter(profile(deny("mmap", args=one), deny("mmap", args=two, errnoRet=13)))
    assert filter_("mmap", 1, 2, 0) == EPERM
    assert filter_("mmap", 1, 2, 3) == EPERM
    assert filter_("mmap", 1, 9, 3) == ERRNO | 13
    assert filter_("mmap", 1, 9, 9) == ALLOW


def test_conditions_on_one_argument_are_alternatives():
    args = [{"index": 0, "op": "SCMP_CMP_EQ", "value": value} for value in (1, 2)]
    filter_ = Filter(profile(deny("mmap", args=args)))
    assert [filter_("mmap", value) for value in (0, 1, 2)] == [ALLOW, EPERM, EPERM]


def test_a_rule_without_conditions_decides_wherever_it_stands():
    args = [{"index": 0, "op": "SCMP_CMP_EQ", "value": 1}]
    for rules in (
        [deny("mmap", args=args, errnoRet=13), deny("mmap")],
        [deny("mmap"), deny("mmap", args=args, errnoRet=13)],
    ):
        filter_ = Filter(profile(*rules))
        assert filter_("mmap", 1) == filter_("mmap", 0) == EPERM


def test_all_actions_have_their_kernel_values():
    values = {
        "SCMP_ACT_KILL": 0,
        "SCMP_ACT_KILL_THREAD": 0,
        "SCMP_ACT_KILL_PROCESS": 0x80000000,
        "SCMP_ACT_TRAP": 0x00030000,
        "SCMP_ACT_ERRNO": EPERM,
        "SCMP_ACT_TRACE": 0x7FF00001,
        "SCMP_ACT_LOG": 0x7FFC0000,
    }
    for action, value in values.items():
        assert Filter(profile(deny("mmap", action=action)))("mmap") == value
        assert Filter(profile(default=action))("mmap") == (ENOSYS if value == EPERM else value)
    assert Filter(profile(deny("mmap", action="SCMP_ACT_TRACE", errnoRet=7)))("mmap") == 0x7FF00007


def test_only_a_refusing_default_hides_newer_calls():
    allow = {"names": ["mmap"], "action": "SCMP_ACT_ALLOW"}
    assert Filter(profile(allow, default="SCMP_ACT_ERRNO"))("mprotect") == ENOSYS
    assert Filter(profile(allow, default="SCMP_ACT_ERRNO"))("read") == EPERM
    assert Filter(profile(allow, default="SCMP_ACT_KILL_PROCESS"))("mprotect") == 0x80000000
    assert Filter(profile(deny("mmap")))("mprotect") == ALLOW


def test_the_oci_shape_and_the_old_single_name_are_understood():
    document = profile(
        {"name": "mmap", "action": "SCMP_ACT_ERRNO", "args": []},
        architectures=["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
    )
    filter_ = Filter(document)
    assert filter_("mmap") == filter_("mmap", table="i386") == EPERM
    assert filter_("mmap", table="x32") == KILL
    assert Filter(profile(deny("mmap")), arch="aarch64")("mmap", table="aarch64") == EPERM


def test_flags():
    assert filter_flags({"defaultAction": "SCMP_ACT_ALLOW"}) == 4
    assert filter_flags({"defaultAction": "SCMP_ACT_ALLOW", "flags": []}) == 0
    assert (
        filter_flags(profile(flags=["SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_TSYNC"])) == 3
    )
    with pytest.raises(InvalidArgument, match="NEW_LISTENER"):
        filter_flags(profile(flags=["SECCOMP_FILTER_FLAG_NEW_LISTENER"]))


def test_what_we_do_not_have_is_said():
    with pytest.raises(errors.NotImplemented, match="needs a listener"):
        Filter(profile(deny("mmap", action="SCMP_ACT_NOTIFY")))
    with pytest.raises(errors.NotImplemented, match="riscv64"):
        Filter(default_profile(), arch="riscv64")


def test_notifications_for_a_listener():
    document = profile(deny("mmap", action="SCMP_ACT_NOTIFY"))
    made = Filter(document, listener=True)
    assert made("mmap") == 0x7FC00000
    with pytest.raises(InvalidArgument, match="cannot be used for write"):
        Filter(profile(deny("write", action="SCMP_ACT_NOTIFY")), listener=True)
    with pytest.raises(InvalidArgument, match="default action"):
        Filter(document | {"defaultAction": "SCMP_ACT_NOTIFY"}, listener=True)


def test_an_architecture_that_nobody_knows_is_refused_and_a_foreign_one_is_not():
    document = profile(deny("mmap"))
    with pytest.raises(InvalidArgument, match="'SCMP_ARCH_VAX' is not an architecture"):
        Filter(document | {"architectures": ["SCMP_ARCH_VAX"]})
    assert (
        Filter(document | {"architectures": ["SCMP_ARCH_RISCV64"]}).bytes == Filter(document).bytes
    )


def test_a_filter_too_long_for_the_kernel_is_refused():
    args = [{"index": 0, "op": "SCMP_CMP_EQ", "value": value} for value in range(64)]
    with pytest.raises(InvalidArgument, match="instructions, the kernel takes 4096"):
        Filter(profile(*(deny("mmap", "read", "write", args=args) for _ in range(40))))


@pytest.mark.parametrize("capabilities", SETS.values(), ids=SETS)
def test_no_call_takes_long_to_decide(capabilities):
    made = Filter(default_profile(), capabilities)
    assert len(made.program) < 800
    for table in ("x86_64", "i386"):
        for number in (*range(600), X32_SYSCALL_BIT, X32_SYSCALL_BIT + 547, 0xFFFFFFFF):
            for arguments in ARGUMENTS:
                data = simulator.seccomp_data(number, AUDIT[table], arguments)
                assert simulator.run_counted(made.program, data)[1] <= 24


def test_compiling_is_fast_and_gives_the_same_bytes():
    document = default_profile()
    first = Filter(document).bytes
    begin = time.perf_counter()
    assert Filter(document).bytes == first
    assert time.perf_counter() - begin < 0.1
    assert len(first) // 8 < 1000


# --- what the program decides, in words --------------------------------------------------------


def holds(condition, value):
    if condition.operator == "MASKED_EQ":
        return value & condition.value == condition.value_two
    compare = {"EQ": "__eq__", "NE": "__ne__", "LT": "__lt__", "LE": "__le__", "GT": "__gt__"}
    return getattr(value, compare.get(condition.operator, "__ge__"))(condition.value)


@pytest.mark.parametrize("capabilities", SETS.values(), ids=SETS)
@pytest.mark.parametrize("arch", ["x86_64", "aarch64"])
def test_decisions_are_those_of_the_program(arch, capabilities):
    profile = default_profile()
    found = decisions(profile, capabilities=capabilities, arch=arch, kernel=(6, 18))
    program = Filter(profile, capabilities, arch)
    assert found.keys() == numbers(arch).keys()
    values = (0, 1, 8, 37, 38, 39, 40, 41, 0x20000, 0x20008, 0x10000000, 0xFFFFFFFF)
    for name, decision in found.items():
        for value in values:
            expected = next(
                (
                    rule.action
                    for rule in decision.rules
                    if all(
                        holds(condition, value if condition.index == 0 else 0)
                        for condition in rule.conditions
                    )
                ),
                decision.action,
            )
            assert program(name, value, table=arch) == expected, (name, value)


def test_decisions_of_an_architecture_without_table_are_refused():
    with pytest.raises(errors.NotImplemented):
        decisions(default_profile(), capabilities=(), arch="sparc", kernel=(6, 18))
