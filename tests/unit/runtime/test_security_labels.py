import pytest

from baleen.linux import lsm
from baleen.linux.script import FAILURE
from baleen.runtime.failure import LaunchError
from baleen.runtime.fields import Fields
from baleen.runtime.process_script import ProcessScript
from baleen.runtime.security_labels import SecurityLabels, parse_labels, parse_mount_label

HAS = {"AppArmor": lsm.apparmor_is_enabled(), "SELinux": lsm.selinux_is_enabled()}


@pytest.mark.parametrize(
    ("name", "module", "parse"),
    [
        ("apparmorProfile", "AppArmor", parse_labels),
        ("selinuxLabel", "SELinux", parse_labels),
        ("mountLabel", "SELinux", parse_mount_label),
    ],
)
def test_a_label_is_taken_where_its_module_is_at_work_and_refused_elsewhere(name, module, parse):
    fields = Fields({name: "a:b:c"}, "x.")
    if HAS[module]:
        assert parse(fields)
        return
    with pytest.raises(LaunchError) as caught:
        parse(fields)
    message = f"x.{name} 'a:b:c' cannot be applied: {module} is not enabled on this host"
    assert str(caught.value) == message


def test_no_label_and_no_confinement_are_always_to_be_had():
    assert parse_labels(Fields({}, "")) is None
    assert parse_labels(Fields({"apparmorProfile": "", "selinuxLabel": ""}, "")) is None
    assert parse_mount_label(Fields({"mountLabel": ""}, "")) == ""
    labels = parse_labels(Fields({"apparmorProfile": "unconfined"}, ""))
    assert labels == (SecurityLabels("unconfined") if HAS["AppArmor"] else None)


@pytest.mark.parametrize("label", ["a\nb", "a\tb", "x" * 4001])
@pytest.mark.parametrize("name", ["apparmorProfile", "selinuxLabel"])
def test_what_would_be_more_than_a_label_is_refused(name, label):
    with pytest.raises(LaunchError, match=f"x.{name} .* is not a label"):
        parse_labels(Fields({name: label}, "x."))


@pytest.mark.parametrize("label", ["a\nb", 'a",rw'])
def test_a_mount_label_adds_no_mount_option(label):
    with pytest.raises(LaunchError, match=r"mountLabel .* is not a label"):
        parse_mount_label(Fields({"mountLabel": label}, "linux."))


def failing(labels, number):
    """What a script says whose very last step, of those that set the labels, has failed."""
    steps = ProcessScript()
    labels.append(steps, 50)
    image = steps.script
    address = image._address(len(image) - 1)
    return str(steps.failure(FAILURE.pack(address, number)))


@pytest.mark.parametrize(
    ("labels", "number", "message"),
    [
        (
            SecurityLabels("mine"),
            2,
            'unable to apply apparmor profile "mine": the profile is not loaded on this host',
        ),
        (SecurityLabels("mine"), 13, 'unable to apply apparmor profile "mine": permission denied'),
        (
            SecurityLabels(selinux="a:b:c"),
            22,
            'unable to apply selinux label "a:b:c": the policy of this host has no such context',
        ),
    ],
)
def test_what_the_kernel_refuses_is_told_with_the_label(labels, number, message):
    assert failing(labels, number) == message
    assert str(labels._failure(number)) == message


def test_a_script_writes_what_the_module_reads():
    steps = ProcessScript()
    SecurityLabels("mine", "a:b:c").append(steps, 50)
    image = steps.script.image(3)
    for text in (b"exec mine", b"a:b:c", b"self/attr/keycreate\0", b"self/attr/exec\0", b"/proc\0"):
        assert text in image


@pytest.mark.skipif(any(HAS.values()), reason="a security module is at work here")
def test_where_no_module_is_the_kernel_refuses():
    with pytest.raises(LaunchError, match="unable to apply apparmor profile"):
        SecurityLabels("mine").apply()
    with pytest.raises(LaunchError, match="unable to apply selinux label"):
        SecurityLabels(selinux="a:b:c").label_keys()
