"""Secrets that are needed as they are, encrypted where they are kept.

Whoever reads the database, or a backup of it, without the keys learns nothing of them. They
are encrypted by Fernet (AES-128-CBC with HMAC-SHA256, github.com/fernet/spec) under a key
that is derived from the first of `ENCRYPTION_KEYS`; its name stands in front, so that what
is still under another one can be found. The others decrypt.
"""

from base64 import urlsafe_b64encode
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

_MARK = "sealed"
_NAME_BYTES = 4


class Unreadable(Exception):
    """It was sealed under a key that is not at hand, or is not as it was."""


def seal(text: str) -> str:
    """A text, encrypted under the first key: 140 characters and a third more than the text."""
    name, box = _boxes()[0]
    return f"{_MARK}:{name}:{box.encrypt(text.encode()).decode()}"


def unseal(sealed: str) -> str:
    """The text. What was never sealed is the text itself.

    Raises:
        Unreadable: as it says.
    """
    mark, _, rest = sealed.partition(":")
    if mark != _MARK:
        return sealed
    name, _, token = rest.partition(":")
    try:
        return dict(_boxes())[name].decrypt(token).decode()
    except (KeyError, InvalidToken):
        raise Unreadable from None


def first_key_prefix() -> str:
    """How everything begins that is sealed under the first key."""
    return f"{_MARK}:{_boxes()[0][0]}:"


def _boxes() -> list[tuple[str, Fernet]]:
    return [_box(key) for key in settings.ENCRYPTION_KEYS]


@lru_cache(maxsize=16)
def _box(key: str) -> tuple[str, Fernet]:
    """A key's name, which tells nothing of it, and what encrypts under it."""
    derived = HKDF(
        algorithm=hashes.SHA256(), length=32 + _NAME_BYTES, salt=None, info=b"reserve sealed text"
    ).derive(key.encode())
    return derived[32:].hex(), Fernet(urlsafe_b64encode(derived[:32]))
