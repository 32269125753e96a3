import re

from baleen.runtime.oci.features import document


def test_it_has_the_form_of_the_schema():
    features = document()
    assert set(features) <= {
        "ociVersionMin",
        "ociVersionMax",
        "hooks",
        "mountOptions",
        "linux",
        "annotations",
        "potentiallyUnsafeConfigAnnotations",
    }
    for key in ("ociVersionMin", "ociVersionMax"):
        assert re.fullmatch(r"\d+\.\d+\.\d+", features[key])
    linux = features["linux"]
    assert all(re.fullmatch("CAP_[A-Z_]+", name) for name in linux["capabilities"])
    assert set(linux["namespaces"]) <= {
        *("mount", "pid", "network", "uts", "ipc", "user", "cgroup", "time")
    }
    seccomp = linux["seccomp"]
    for key, pattern in (
        ("actions", "SCMP_ACT_[A-Z_]+"),
        ("operators", "SCMP_CMP_(NE|LT|LE|EQ|GE|GT|MASKED_EQ)"),
        ("archs", "SCMP_ARCH_[A-Z0-9_]+"),
        ("supportedFlags", "SECCOMP_FILTER_FLAG_[A-Z_]+"),
    ):
        assert seccomp[key]
        assert all(re.fullmatch(pattern, name) for name in seccomp[key])


def test_it_says_what_is_so():
    features = document()
    assert {"ro", "rro", "rbind", "nosuid"} <= set(features["mountOptions"])
    assert features["linux"]["cgroup"]["systemd"] is True
    assert "SCMP_ARCH_X86_64" in features["linux"]["seccomp"]["archs"]
