"""The examples of docs/webhooks.md verify what we send, and refuse what we do not."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from reserve.core.sealing import seal
from tests.factories import make_slot
from tests.webhooks.conftest import book, make_webhook, relay, send
from tests.webhooks.receiver import Receiver
from webhooks.signatures import new_secret, signature_of

EXAMPLES = Path(__file__).parent.parent.parent / "docs" / "examples"


def _runner(language: str) -> list[str]:
    if language == "python":
        return [sys.executable, str(EXAMPLES / "verify_webhook.py")]
    node = shutil.which("node", path=f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin")
    assert node, "Node.js comes with `make setup`."
    return [node, str(EXAMPLES / "verify_webhook.mjs")]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("language", ["python", "javascript"])
def test_an_example_verifies_what_was_sent(language: str, receiver: Receiver) -> None:
    slot = make_slot()
    webhook = make_webhook(slot, receiver.url, event_types=["booking.created"])
    webhook.sealed_previous_secret = seal(new_secret())
    webhook.save()
    book(slot)
    relay()
    assert send() == 1
    headers, body = receiver.requests[0]
    names = ("webhook-id", "webhook-timestamp", "webhook-signature")
    message_id, timestamp, signature = (headers[name] for name in names)
    old = signature_of(
        webhook.secret, message_id=message_id, timestamp=int(timestamp) - 301, body=body
    )

    def run(secret: str, *arguments: str, content: bytes) -> tuple[int, bytes]:
        command = [*_runner(language), secret, *arguments]
        done = subprocess.run(command, input=content, capture_output=True, timeout=20, check=False)
        return done.returncode, done.stdout.strip()

    good = (message_id, timestamp, signature)
    assert run(webhook.secret, *good, content=body) == (0, b"verified")
    two = f"v1,{'A' * 43}= {signature}"
    assert run(webhook.secret, message_id, timestamp, two, content=body) == (0, b"verified")
    for refused in (
        run(new_secret(), *good, content=body),
        run(webhook.secret, *good, content=body + b" "),
        run(webhook.secret, "event_2", timestamp, signature, content=body),
        run(webhook.secret, message_id, str(int(timestamp) - 301), old, content=body),
    ):
        assert refused == (1, b"")


def test_a_signature_is_the_one_of_the_specification() -> None:
    """Its own example."""
    assert (
        signature_of(
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            message_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
            timestamp=1614265330,
            body=b'{"test": 2432232314}',
        )
        == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    )
