import pytest

from baleen.runtime.failure import LaunchError
from baleen.runtime.fields import Fields
from baleen.runtime.security_labels import is_enabled, refuse_label


@pytest.mark.parametrize(
    ("name", "module"),
    [("apparmorProfile", "AppArmor"), ("selinuxLabel", "SELinux"), ("mountLabel", "SELinux")],
)
def test_a_label_is_refused_with_the_reason(name, module):
    with pytest.raises(LaunchError) as caught:
        refuse_label(Fields({name: "some"}, "x."), name)
    assert str(caught.value).startswith(f"x.{name} 'some' cannot be applied: ")
    assert ("is not enabled on this host" in str(caught.value)) == (not is_enabled(module))


def test_no_label_and_no_confinement_are_always_to_be_had():
    refuse_label(Fields({}, ""), "selinuxLabel")
    refuse_label(Fields({"mountLabel": ""}, ""), "mountLabel")
    refuse_label(Fields({"apparmorProfile": "unconfined"}, ""), "apparmorProfile")
