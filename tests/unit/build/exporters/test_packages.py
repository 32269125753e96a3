from __future__ import annotations

import contextlib
import os

from baleen.build.exporters.packages import spdx_document
from baleen.build.trees import EMPTY
from baleen.linux.fd import Fd


class Trees:
    """A tree store of one directory."""

    def __init__(self, path):
        self._path = path

    @contextlib.contextmanager
    def open_tree(self, tree):
        with Fd(os.open(self._path, os.O_PATH | os.O_DIRECTORY)) as root:
            yield root


def names(path):
    document = spdx_document(Trees(path), EMPTY, "2024-01-01T00:00:00.5Z")
    assert document["creationInfo"]["created"] == "2024-01-01T00:00:00Z"
    return {
        (package["name"], package["versionInfo"], package["externalRefs"][0]["referenceLocator"])
        for package in document["packages"]
    }


def test_packages_of_debian_and_alpine_are_found(tmp_path):
    (tmp_path / "var/lib/dpkg/status.d").mkdir(parents=True)
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/os-release").write_text('ID="debian"\n')
    (tmp_path / "var/lib/dpkg/status").write_text(
        "Package: libc6\nStatus: install ok installed\nVersion: 2.36-9\nArchitecture: amd64\n"
        "Description: x\n more: text\n\nPackage: gone\nStatus: deinstall ok config-files\n"
        "Version: 1\n"
    )
    (tmp_path / "var/lib/dpkg/status.d/base").write_text("Package: base-files\nVersion: 12\n")
    (tmp_path / "lib/apk/db").mkdir(parents=True)
    (tmp_path / "lib/apk/db/installed").write_text("C:Q1\nP:musl\nV:1.2\nA:x86_64\nL:MIT\n\n")
    assert names(tmp_path) == {
        ("libc6", "2.36-9", "pkg:deb/debian/libc6@2.36-9?arch=amd64"),
        ("base-files", "12", "pkg:deb/debian/base-files@12?arch="),
        ("musl", "1.2", "pkg:apk/debian/musl@1.2?arch=x86_64"),
    }


def test_links_do_not_lead_out_and_a_pipe_does_not_stop_it(tmp_path):
    outside = tmp_path / "outside"
    outside.write_text("Package: stolen\nVersion: 1\n")
    root = tmp_path / "root"
    (root / "var/lib/dpkg").mkdir(parents=True)
    (root / "lib/apk/db").mkdir(parents=True)
    (root / "var/lib/dpkg/status").symlink_to(outside)
    os.mkfifo(root / "lib/apk/db/installed")
    assert names(root) == set()
