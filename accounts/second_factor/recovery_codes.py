"""Codes to write down, each good for one login when the phone is lost.

The library keeps tokens as they are given, so it is given digests. Sixteen
characters of 31 are 79 bits: nobody finds them from a digest by trying, and it
need not be slow or salted.
"""

import base64
import hashlib
import secrets

NUMBER = 10
LENGTH = 16
_GROUP = 4
# No 0, 1, i, l, o.
_ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"
# 96 bits fill the 16 characters that the library's column has.
_DIGEST_BYTES = 12


def new_codes() -> list[str]:
    """Ten fresh codes, written as `abcd-efgh-jkmn-pqrs`."""
    return [_new_code() for _ in range(NUMBER)]


def digest(code: str) -> str:
    """What is stored of a code, however it is written: 16 characters."""
    full = hashlib.sha256(normalise(code).encode()).digest()
    return base64.urlsafe_b64encode(full[:_DIGEST_BYTES]).decode()


def normalise(code: str) -> str:
    """A code without what people and password managers put between."""
    return "".join(character for character in code.lower() if character.isalnum())


def _new_code() -> str:
    letters = "".join(secrets.choice(_ALPHABET) for _ in range(LENGTH))
    return "-".join(letters[start : start + _GROUP] for start in range(0, LENGTH, _GROUP))
