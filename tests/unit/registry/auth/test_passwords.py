from __future__ import annotations

import bcrypt
import pytest
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from baleen.errors import InvalidArgument
from baleen.registry.auth.passwords import check_form, matches, stored_form

# Made by `htpasswd -nbBC 5 ann secret`.
APACHE = "$2y$05$" + bcrypt.hashpw(b"secret", bcrypt.gensalt(5)).decode()[7:]


def argon2id(password):
    kdf = Argon2id(salt=b"0123456789abcdef", length=32, iterations=1, lanes=1, memory_cost=64)
    return kdf.derive_phc_encoded(password)


@pytest.mark.parametrize("stored", [APACHE, argon2id(b"secret")])
def test_a_password_has_its_hash_and_no_other(stored):
    check_form(stored)
    assert matches(stored, "secret")
    for wrong in ("", "Secret", "secret ", "secret\0", "s" * 5000):
        assert not matches(stored, wrong)


def test_our_own_form_is_argon2id():
    stored = stored_form("pässword")
    check_form(stored)
    assert stored.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert matches(stored, "pässword")


def test_nothing_follows_a_nul_unread():
    assert not matches(bcrypt.hashpw(b"a", bcrypt.gensalt(4)).decode(), "a\0b")


def test_bcrypt_reads_72_bytes_as_htpasswd_does():
    stored = bcrypt.hashpw(b"x" * 72, bcrypt.gensalt(4)).decode()
    assert matches(stored, "x" * 100)


@pytest.mark.parametrize(
    "stored",
    [
        "",
        "secret",
        "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=",
        "$apr1$abcdefgh$0123456789012345678901",
        "$6$salt$hash",
        "$1$abcdefgh$0123456789012345678901",
        APACHE + "x",
        APACHE.replace("$05$", "$31$"),
        argon2id(b"x").replace("argon2id", "argon2i"),
        argon2id(b"x").replace("m=64", "m=99999999"),
        argon2id(b"x").replace("t=1", "t=9999"),
    ],
)
def test_weak_and_unreasonable_hashes_are_refused(stored):
    with pytest.raises(InvalidArgument) as caught:
        check_form(stored)
    assert not stored or stored not in str(caught.value)
