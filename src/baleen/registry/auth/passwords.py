"""Password hashes as htpasswd files hold them: bcrypt and Argon2id, nothing weaker.

Blocking and slow on purpose (tens of milliseconds): call it in a thread.

See: htpasswd(1); RFC 9106 (Argon2) and its PHC string; bcrypt as `$2a$`, `$2b$`, `$2y$`.
"""

from __future__ import annotations

import os
import re

import bcrypt

from baleen.errors import InvalidArgument

__all__ = ["check_form", "matches", "stored_form"]

_BCRYPT = re.compile(r"\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}")
_ARGON2ID = re.compile(
    r"\$argon2id\$v=19\$m=(\d{1,8}),t=(\d{1,4}),p=(\d{1,3})\$[A-Za-z0-9+/]{11,86}\$[A-Za-z0-9+/]{16,86}"
)
# Above these a login would be a denial of service on ourselves.
_MOST_BCRYPT_COST = 16
_MOST_ARGON2_KIB = 1024 * 1024
_MOST_ARGON2_PASSES = 64
# bcrypt reads no more, and htpasswd and Docker's registry cut there.
_BCRYPT_BYTES = 72
_LONGEST_PASSWORD = 1024


def check_form(stored: str) -> None:
    """Refuse what is no bcrypt or Argon2id hash, or one of unreasonable cost.

    Raises:
        InvalidArgument: with the reason; the hash itself is not in it.
    """
    bcrypt_form = _BCRYPT.fullmatch(stored)
    if bcrypt_form is not None:
        if not 4 <= int(bcrypt_form[1]) <= _MOST_BCRYPT_COST:
            raise InvalidArgument(f"bcrypt cost {bcrypt_form[1]} is not 4 to {_MOST_BCRYPT_COST}")
        return
    argon_form = _ARGON2ID.fullmatch(stored)
    if argon_form is None:
        raise InvalidArgument(
            "only bcrypt and argon2id hashes are accepted", hint="make one with htpasswd -B"
        )
    if int(argon_form[1]) > _MOST_ARGON2_KIB or int(argon_form[2]) > _MOST_ARGON2_PASSES:
        raise InvalidArgument("the argon2id hash asks for too much memory or time")


def matches(stored: str, password: str) -> bool:
    """Say whether `password` has the hash `stored`, which `check_form` has accepted."""
    secret = password.encode(errors="surrogateescape")
    usable = len(secret) <= _LONGEST_PASSWORD and b"\0" not in secret
    if not usable:
        secret = b"x"
    if stored.startswith("$2"):
        right = bcrypt.checkpw(secret[:_BCRYPT_BYTES], stored.encode())
    else:
        right = _matches_argon2id(stored, secret)
    return right and usable


def stored_form(password: str) -> str:
    """Hash a password for storing, as Argon2id with the parameters of RFC 9106 §4 (64 MiB)."""
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

    kdf = Argon2id(salt=os.urandom(16), length=32, iterations=3, lanes=4, memory_cost=64 * 1024)
    return kdf.derive_phc_encoded(password.encode())


def _matches_argon2id(stored: str, secret: bytes) -> bool:
    # htpasswd makes bcrypt alone: most files never need this.
    from cryptography.exceptions import InvalidKey
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

    try:
        Argon2id.verify_phc_encoded(secret, stored)
    except (InvalidKey, ValueError):
        return False
    return True
