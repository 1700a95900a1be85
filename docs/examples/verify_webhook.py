"""Verify a webhook of ReserveAPI; needs nothing beside Python.

python verify_webhook.py SECRET ID TIMESTAMP SIGNATURE < body
"""

import base64
import hashlib
import hmac
import sys
import time

TOLERANCE_SECONDS = 300


def verify(secret: str, headers: dict[str, str], body: bytes) -> None:
    """Raises ValueError unless the body was signed with the secret a moment ago.

    Args:
        secret: as ReserveAPI told it, `whsec_…`.
        headers: of the request, with names in lower case.
        body: as it came, before anything has parsed it.
    """
    message_id, timestamp = headers["webhook-id"], headers["webhook-timestamp"]
    if abs(time.time() - int(timestamp)) > TOLERANCE_SECONDS:
        raise ValueError("The message is too old, or from the future.")
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{message_id}.{timestamp}.".encode() + body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    # While a secret is changed there are two signatures; one that fits is enough.
    for signature in headers["webhook-signature"].split():
        version, _, value = signature.partition(",")
        if version == "v1" and hmac.compare_digest(value.encode(), expected.encode()):
            return
    raise ValueError("The signature is not ours.")


if __name__ == "__main__":
    names = ("webhook-id", "webhook-timestamp", "webhook-signature")
    try:
        verify(sys.argv[1], dict(zip(names, sys.argv[2:], strict=True)), sys.stdin.buffer.read())
    except ValueError as refused:
        sys.exit(str(refused))
    print("verified")
