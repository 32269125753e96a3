from __future__ import annotations

import shutil
import ssl
import subprocess

import pytest

from baleen.distribution.certificates import tls_context
from baleen.distribution.settings import RegistrySettings
from baleen.errors import FailedPrecondition

AUTHORITY = "reg.lan:5000"


@pytest.fixture
def place(tmp_path):
    directory = tmp_path / AUTHORITY
    directory.mkdir()
    return directory


def context(tmp_path, **options):
    settings = RegistrySettings(certificates=(tmp_path / "none", tmp_path))
    return tls_context(settings, AUTHORITY, **({"insecure": False} | options))


def authorities(found):
    return [dict(part[0] for part in cert["subject"]) for cert in found.get_ca_certs()]


def test_without_a_directory_the_systems_authorities_count(tmp_path):
    found = context(tmp_path)
    assert found.verify_mode is ssl.CERT_REQUIRED
    assert found.check_hostname
    assert found.minimum_version is ssl.TLSVersion.TLSv1_2


def test_authorities_of_the_directory_are_trusted_beside_the_systems(tmp_path, place, pki):
    before = len(context(tmp_path).get_ca_certs())
    shutil.copy(pki / "ca.crt", place / "our.crt")
    found = context(tmp_path)
    assert {"commonName": "ca"} in authorities(found)
    assert len(found.get_ca_certs()) == before + 1


def test_a_client_certificate_needs_its_key(tmp_path, place, pki):
    shutil.copy(pki / "client.crt", place / "client.cert")
    with pytest.raises(FailedPrecondition, match=r"missing key .*client\.key"):
        context(tmp_path)
    shutil.copy(pki / "client.key", place / "client.key")
    context(tmp_path)


def test_a_key_needs_its_certificate(tmp_path, place, pki):
    shutil.copy(pki / "client.key", place / "client.key")
    with pytest.raises(FailedPrecondition, match="missing client certificate"):
        context(tmp_path)


def test_a_broken_file_is_named(tmp_path, place):
    (place / "broken.crt").write_text("no certificate")
    with pytest.raises(FailedPrecondition, match=r"broken\.crt"):
        context(tmp_path)


def test_an_encrypted_key_does_not_ask_the_terminal(tmp_path, place, pki):
    shutil.copy(pki / "client.crt", place / "client.cert")
    command = ["openssl", "ec", "-aes128", "-passout", "pass:x", "-in", str(pki / "client.key")]
    done = subprocess.run(command, capture_output=True, check=True, timeout=30)
    (place / "client.key").write_bytes(done.stdout)
    with pytest.raises(FailedPrecondition, match=r"client\.cert"):
        context(tmp_path)


def test_an_insecure_registry_is_not_verified(tmp_path):
    found = context(tmp_path, insecure=True)
    assert found.verify_mode is ssl.CERT_NONE
    assert not found.check_hostname
