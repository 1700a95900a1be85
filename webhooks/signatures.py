"""Signatures of Standard Webhooks (github.com/standard-webhooks/standard-webhooks, spec)."""

import base64
import hmac
import secrets
from collections.abc import Sequence

_PREFIX = "whsec_"
_BYTES = 32


def new_secret() -> str:
    """A secret as receivers keep it: `whsec_` and base64 of 32 random bytes."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(_BYTES)).decode()


def signature_of(secret: str, *, message_id: str, timestamp: int, body: bytes) -> str:
    """`v1,` and base64 of the HMAC-SHA256 of id, time and body, joined by dots.

    Args:
        timestamp: of this attempt, seconds since 1970.
    """
    key = base64.b64decode(secret.removeprefix(_PREFIX))
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()


def signed_headers(
    keys: Sequence[str], *, message_id: str, timestamp: int, body: bytes
) -> dict[str, str]:
    """The three headers of a message; with several secrets, a signature by each."""
    signatures = [
        signature_of(key, message_id=message_id, timestamp=timestamp, body=body) for key in keys
    ]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signatures),
    }
