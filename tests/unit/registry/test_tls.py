from __future__ import annotations

import datetime as dt
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from baleen.errors import InvalidArgument
from baleen.registry.tls import Tls, make_context


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    directory = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (directory / "crt").write_bytes(certificate.public_bytes(pem))
    for file, form in (
        ("key", serialization.NoEncryption()),
        ("locked", serialization.BestAvailableEncryption(b"x")),
    ):
        content = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, form)
        (directory / file).write_bytes(content)
    return directory


def section(files, **more):
    return Tls(certificate=str(files / "crt"), key=str(files / "key"), **more)


def handshake(server, client):
    """Shake hands in memory; return the version, or raise ssl.SSLError."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (
        server.wrap_bio(to_server, to_client, server_side=True),
        client.wrap_bio(to_client, to_server, server_hostname="localhost"),
    )
    done = set()
    for _ in range(10):
        for end in ends:
            try:
                end.do_handshake()
                done.add(end)
            except ssl.SSLWantReadError:
                continue
    assert len(done) == 2
    # A client's certificate is asked for after its side is done, in TLS 1.3.
    ends[0].write(b"hello")
    ends[1].read(1)
    return ends[1].version()


@pytest.fixture
def client(files):
    return ssl.create_default_context(cafile=str(files / "crt"))


def test_without_a_certificate_it_is_plain_http():
    assert make_context(Tls()) is None


def test_the_newest_version_is_spoken(files, client):
    assert handshake(make_context(section(files)), client) == "TLSv1.3"


def test_versions_below_the_least_are_refused(files, client):
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    assert handshake(make_context(section(files)), client) == "TLSv1.2"
    with pytest.raises(ssl.SSLError):
        handshake(make_context(section(files, minimumtls="tls1.3")), client)


def test_clients_need_a_certificate_of_the_authorities(files, client):
    context = make_context(section(files, clientcas=[str(files / "crt")]))
    with pytest.raises(ssl.SSLError):
        handshake(context, client)
    client.load_cert_chain(files / "crt", files / "key")
    assert handshake(context, client) == "TLSv1.3"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"key": ""}, "both"),
        ({"certificate": ""}, "both"),
        ({"certificate": "", "key": "", "clientcas": ["x"]}, "needs a certificate"),
        ({"minimumtls": "tls1.0"}, "minimumtls"),
        ({"certificate": "", "key": "", "letsencrypt": {"cachefile": "/x"}}, "letsencrypt"),
        ({"key": "/none"}, "cannot be used"),
        ({"ciphersuites": ["NONSENSE"]}, "cannot be used"),
        ({"clientcas": ["/none"]}, "cannot be used"),
    ],
)
def test_a_wrong_section_is_refused(files, change, reason):
    values = {"certificate": str(files / "crt"), "key": str(files / "key"), **change}
    with pytest.raises(InvalidArgument, match=reason):
        make_context(Tls(**values))


def test_a_key_with_a_password_is_refused_and_nobody_is_asked(files):
    with pytest.raises(InvalidArgument, match="cannot be used"):
        make_context(Tls(certificate=str(files / "crt"), key=str(files / "locked")))
